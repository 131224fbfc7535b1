"""Answers without a model: short passages of the sources that answer the question, word for word, or none.

How sentences are scored stands in :mod:`generation.extractive.scoring`, how a passage grows around the best ones in
:mod:`generation.extractive.arrangement`, and when a passage is an answer at all in
:mod:`generation.extractive.confidence`. Their numbers were set on one half of ``eval/questions/sourcegraph.jsonl``;
docs/answers.md has what they are worth elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.chunk import Chunk
from core.errors import ModelUnavailable, UnreadableDocument
from core.telemetry import stage
from generation.extractive.answering_words import answering_words
from generation.extractive.arrangement import Extract, Passage, around, extracts
from generation.extractive.candidates import Wanted, find_candidates
from generation.extractive.confidence import answers
from generation.extractive.question_kinds import Asking
from generation.extractive.scoring import Scored, score_all, score_by_words

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

MAX_WORDS = 80
"""A reader takes in about as many at once; more only where a single sentence has more."""
_WORDS_NARROW, _WORDS_FURTHER, _WORDS_READING = 60, 40, 50
_MAX_PASSAGES = 2
_NEAR_BEST = 0.75
"""A further passage must be an answer by itself, and score at least this share of the best one."""
_NAMES_IT = 0.5
"""The share of a subject's words that a sentence and what it stands under must hold to be about it."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The chosen sentences as they are shown, in order; empty where nothing answers, and then ``reason`` says why."""

    extracts: tuple[Extract, ...]
    reason: str = ""
    degraded: str = ""
    """Why it had to do without the embedder, if it had."""
    cut: bool = False
    """A list in it is too long to be shown whole."""


def extract(question: str, chunks: Sequence[Chunk], embedder: Embedder) -> Extraction:
    """Choose a passage of ``chunks`` that answers the question, and a second one where it answers nearly as well.

    With the embedder down, words alone decide, and more of the question's must be there.
    """
    with stage("generate.extract", chunks=len(chunks)):
        wanted = Wanted.of(question, chunks)
        if wanted.missing_names:
            return Extraction((), "The sources don't mention what the question is about.")
        scored, degraded = _scored(wanted, chunks, embedder)
        if not answers(scored):
            return Extraction((), "No passage in the sources is close enough to the question.", degraded)
        return _extraction(question, scored, chunks, degraded)


def extract_each(questions: Sequence[str], chunks: Sequence[Chunk], embedder: Embedder) -> list[Extraction]:
    """An answer to each of several questions; what one has shown no later one shows again."""
    seen: set[tuple[int, int]] = set()
    found: list[Extraction] = []
    for question in questions:
        one = extract(question, chunks, embedder)
        fresh = [part for part in one.extracts if (part.source, part.start) not in seen]
        seen.update((part.source, part.start) for part in fresh)
        begins = [replace(part, joins=False) for part in fresh[:1]]
        found.append(replace(one, extracts=(*begins, *fresh[1:])))
    return found


def readings(subject: str, chunks: Sequence[Chunk], embedder: Embedder) -> Extraction:
    """What the best two documents say on a subject of a word or two, a passage of each that has its words.

    It says nothing of whether that is what was asked for: nothing was asked.
    """
    with stage("generate.readings", chunks=len(chunks)):
        scored, degraded = _scored(Wanted.of(subject, chunks), chunks, embedder)
        first: dict[str, Scored] = {}
        for one in scored:
            if one.candidate.lexical >= _NAMES_IT:
                first.setdefault(chunks[one.candidate.source].document_id, one)
        found: list[Extract] = []
        for one in list(first.values())[:_MAX_PASSAGES]:
            source = one.candidate.source
            worth = {other.candidate.number: other.score for other in scored if other.candidate.source == source}
            passage = Passage.of(chunks[source])
            shown = around(one.candidate.number, passage, worth, _WORDS_READING)
            found.extend(extracts(source, chunks[source].start, passage, shown))
        reason = "" if found else "No passage in the sources is close enough to the question."
        return Extraction(tuple(found), reason, degraded)


def _scored(wanted: Wanted, chunks: Sequence[Chunk], embedder: Embedder) -> tuple[list[Scored], str]:
    """The sentences, best first, and why words alone had to decide, if they had."""
    candidates = find_candidates(wanted, chunks)
    try:
        return score_all(wanted.question, candidates, embedder), ""
    except (ModelUnavailable, UnreadableDocument) as error:
        return score_by_words(wanted.question, candidates), f"embedder: {error.message}"


def _extraction(question: str, scored: Sequence[Scored], chunks: Sequence[Chunk], degraded: str) -> Extraction:
    """The passage around the best sentence, and around a further one that scores nearly as well elsewhere."""
    asking = Asking.of(question)
    found: list[Extract] = []
    seen: set[tuple[int, int]] = set()
    said: set[str] = set()
    anchors: list[Scored] = []
    cut = False
    budget = _WORDS_NARROW if asking.one_fact else MAX_WORDS
    for one in scored:
        if len(anchors) == _MAX_PASSAGES or one.score < _NEAR_BEST * scored[0].score or not answers([one]):
            break
        source, number = one.candidate.source, one.candidate.number
        if (source, number) in seen or any(one.says_the_same(other) for other in anchors):
            continue
        worth = {other.candidate.number: other.score for other in scored if other.candidate.source == source}
        passage = Passage.of(chunks[source])
        shown = around(number, passage, worth, budget)
        new = (at for at in shown.numbers if (source, at) not in seen and passage.sentences[at].text not in said)
        fresh = replace(shown, numbers=tuple(new))
        pieces = extracts(source, chunks[source].start, passage, fresh)
        found.extend(
            _marked(pieces, chunks[source].start, one, answering_words(question, asking, one.candidate.sentence.text))
        )
        seen.update((source, at) for at in fresh.numbers)
        said.update(passage.sentences[at].text for at in fresh.numbers if passage.sentences[at].complete)
        cut = cut or shown.cut
        anchors.append(one)
        budget = _WORDS_FURTHER
    return Extraction(tuple(found), "", degraded, cut)


def _marked(pieces: Iterable[Extract], start: int, anchor: Scored, key: tuple[int, int] | None) -> Iterator[Extract]:
    """The pieces, the words that answer marked in the one that was chosen."""
    begins = start + anchor.candidate.sentence.start
    for piece in pieces:
        if key is not None and piece.start == begins:
            yield replace(piece, key=(begins + key[0], begins + key[1]))
        else:
            yield piece
