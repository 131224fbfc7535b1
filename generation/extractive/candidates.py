"""What an extractive answer chooses from: the sentences of the passages that could matter to the question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from core.chunk import Chunk
from generation.extractive.question_kinds import Asking
from generation.text.sentences import Sentence, split_sentences
from generation.text.word_stems import stem, terms, words

MAX_CANDIDATES = 32
"""Each is embedded: this bounds the time of an answer."""
_QUOTAS = (8, 4, 2)
"""How many of the candidates the best passages get whatever words they hold: an answer can use other words."""
_HEADING_SHARE, _NEAR_SHARE = 0.6, 0.3
"""What a word of the question counts for that is in the heading or title, or in a sentence beside, only."""
_RANK_PRIOR = 0.15
_MAX_SENTENCE = 800
_NAME = re.compile(r"(?<=[^.!?:\"'“(\s] )(?:[A-Z][\w&-]*\w|\w*\d[\w-]*)")
_MAIL_LINE = re.compile(r"(?:From|To|Cc|Bcc|Date|Sent|Subject|Reply-To): ")
_MAIL_LINES = 8
_YEAR = re.compile(r"(?:19|20)\d\d$")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the question asks for.

    Attributes:
        weights: its terms; one that few of the passages' sentences hold weighs more. They add up to 1.
        found: the weight of the terms that the passages hold somewhere.
        missing_names: its names and years that no passage holds, if they are most of its names.
    """

    question: str
    weights: Mapping[str, float]
    found: float
    missing_names: frozenset[str]

    @classmethod
    def of(cls, question: str, chunks: Sequence[Chunk]) -> Wanted:
        """Weigh the question's terms by where the passages hold them."""
        held = [terms(chunk.search_text) for chunk in chunks]
        everywhere = frozenset(term for one in held for term in one)
        sentences = [terms(sentence.text) for chunk in chunks for sentence in split_sentences(chunk.text)]
        spread = Counter(term for one in sentences for term in one)
        asked = terms(question)
        raw = {term: math.log1p(len(sentences) / (1 + spread[term])) for term in asked}
        total = sum(raw.values()) or 1.0
        weights = {term: weight / total for term, weight in raw.items()}
        names = _names(question) & asked
        return cls(
            question=question,
            weights=weights,
            found=sum(weight for term, weight in weights.items() if _in(term, everywhere)),
            missing_names=_mostly(frozenset(name for name in names if not _in(name, everywhere)), names),
        )

    def share(self, held: frozenset[str]) -> float:
        """The weight of the terms that are in ``held``, 0 to 1."""
        return sum(weight for term, weight in self.weights.items() if term in held)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that could be part of the answer.

    Attributes:
        source: which passage it is from, from 0, best ranked first.
        number: its place among the passage's sentences.
        heading: the heading that it stands under, empty where there is none.
        title: what the document is called, empty where the heading says it already.
        depth: how many sentences stand between it and that heading.
        lead_in: for an item, the sentence that announces its list; else empty.
        lexical: the share of the question's terms that it and, at a discount, its heading and neighbours hold, 0 to 1.
        heading_lexical: the share of the question's terms that the heading alone holds.
        is_heading: it is one of its document's headings.
    """

    source: int
    number: int
    sentence: Sentence
    heading: str
    title: str
    depth: int
    lead_in: str
    lexical: float
    heading_lexical: float
    is_heading: bool

    @property
    def in_context(self) -> str:
        """The sentence as the embedder reads it: under title and heading, an item after what announces its list.

        ``The primary gets 4,500 kroner a week.`` says nothing of what for: its page is called ``On-call``.
        """
        above = " - ".join(part for part in (self.title, self.heading) if part)
        return " ".join(part for part in (f"{above}:" * bool(above), self.lead_in, self.sentence.text) if part)

    def promise(self, asking: Asking) -> float:
        """What can be told without embedding it, to choose what is embedded."""
        return (self.lexical + _RANK_PRIOR / (1 + self.source)) * asking.fit(self.sentence.text)


def find_candidates(wanted: Wanted, chunks: Sequence[Chunk]) -> list[Candidate]:
    """The sentences that share most with the question, and the first ones of the best passages besides."""
    every = [one for source, chunk in enumerate(chunks) for one in _of_passage(wanted, source, chunk)]
    every = [one for one in every if not one.is_heading and len(one.sentence.text) <= _MAX_SENTENCE]
    asking = Asking.of(wanted.question)
    every.sort(key=lambda one: (-one.promise(asking), one.source, one.number))
    kept = [one for one in every if one.lexical > 0][: MAX_CANDIDATES - sum(_QUOTAS)]
    chosen = {(one.source, one.number) for one in kept}
    for source, quota in enumerate(_QUOTAS):
        rest = [one for one in every if one.source == source and (source, one.number) not in chosen]
        kept.extend(rest[:quota])
    return kept


def heading_numbers(chunk: Chunk, sentences: Sequence[Sentence]) -> frozenset[int]:
    """Which of a passage's sentences are headings, or stand for one."""
    headings = {heading.casefold() for heading in (*chunk.heading_path, chunk.metadata.title)}
    return frozenset(
        number
        for number, one in enumerate(sentences)
        if one.heading or one.text.casefold() in headings or _of_mail(number, one)
    )


def _of_passage(wanted: Wanted, source: int, chunk: Chunk) -> list[Candidate]:
    heading = chunk.heading_path[-1] if chunk.heading_path else chunk.metadata.title
    outer = terms(" ".join((chunk.metadata.title, _file_name(chunk.uri), *chunk.heading_path[:-1])))
    sentences = split_sentences(chunk.text)
    headings = heading_numbers(chunk, sentences)
    own = [terms(sentence.text) for sentence in sentences]
    found, lead_in, depth = [], "", 0
    for number, sentence in enumerate(sentences):
        is_heading = number in headings
        heading, depth = (sentence.text, 0) if is_heading else (heading, depth + 1)
        if sentence.complete or sentence.introduces or is_heading:
            lead_in = ""
        above = terms(f"{heading} {lead_in}") | outer
        beside = own[number - 1] if number else frozenset()
        beside |= own[number + 1] if number + 1 < len(own) else frozenset()
        lexical = (
            wanted.share(own[number])
            + _HEADING_SHARE * wanted.share(above - own[number])
            + _NEAR_SHARE * wanted.share(beside - above - own[number])
        )
        in_heading = wanted.share(terms(heading))
        title = "" if chunk.metadata.title == heading else chunk.metadata.title
        found.append(
            Candidate(source, number, sentence, heading, title, depth, lead_in, lexical, in_heading, is_heading)
        )
        if sentence.introduces and not is_heading:
            lead_in = sentence.text
    return found


def _file_name(uri: str) -> str:
    """The words of a file's name, which often says what a table or a drawing doesn't say inside."""
    return unquote(PurePosixPath(urlsplit(uri).path).stem)


def _of_mail(number: int, sentence: Sentence) -> bool:
    """Whether it is a line of a mail's head: a subject says what the mail is about, as a heading does."""
    return number < _MAIL_LINES and _MAIL_LINE.match(sentence.text) is not None


def _names(question: str) -> frozenset[str]:
    """Stems of the words written as names are; none where capitals mean nothing because most words have them."""
    found = _NAME.findall(question)
    if len(found) > len(question.split()) / 2:
        return frozenset()
    said = (word for name in found for word in words(name))
    return frozenset(stem(word) for word in said if not word.isdigit() or _YEAR.match(word))


def _mostly(missing: frozenset[str], names: frozenset[str]) -> frozenset[str]:
    """What is missing, or nothing where most of the names are there: one can be spelt another way."""
    return missing if len(missing) > len(names) / 2 else frozenset()


def _in(term: str, held: frozenset[str]) -> bool:
    """Whether the term is held, or one that begins like it: an inflection that the stemmer left."""
    return term in held or (len(term) >= 5 and any(other.startswith(term) for other in held))  # noqa: PLR2004
