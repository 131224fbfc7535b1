"""The metrics that need no judge: what was retrieved, cited and said, and how long it took.

A question that the documents answer and that got no answer scores 0, whatever the reason; the reasons have columns of
their own in reports.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from eval.answers.questions import EvalQuestion
from eval.answers.rows import Row

Direction = Literal["up", "down", "none"]

RETRIEVED, CITED, SPAN_CITED, SPAN_SHARE, WORDS = "retrieved", "cited", "span_cited", "span_share", "words"
RECALL, PRECISION = "citation_recall", "citation_precision"
UNSUPPORTED = "unsupported"
ABSTENTION, ABSTAINED_RIGHTLY, ANSWERED = "abstention_precision", "abstention_recall", "answered"
FAILED = "failed"
LENGTH, READABILITY, FIRST_TOKEN, TOTAL, COST = "length", "readability", "first_token_ms", "total_ms", "cost"


@dataclass(frozen=True, slots=True)
class About:
    """What a metric is: what it says, which way is better, and whether no gain elsewhere buys off its loss."""

    says: str
    better: Direction = "up"
    safety: bool = False


METRICS: dict[str, About] = {
    RETRIEVED: About("an expected document is among the passages that were given"),
    CITED: About("an expected document is cited"),
    SPAN_CITED: About("the expected words of the document stand in a citation, all of them"),
    SPAN_SHARE: About("share of the expected words of the document that stand in citations"),
    WORDS: About("the answer holds the expected words"),
    RECALL: About("share of its claims that what they cite bears out"),
    PRECISION: About("share of its citations that are needed"),
    UNSUPPORTED: About("share of its claims that Footnote's own check calls unsupported", "down", safety=True),
    ABSTENTION: About("of the abstentions, those on questions that the documents don't answer"),
    ABSTAINED_RIGHTLY: About("of the questions that the documents don't answer, those abstained on", safety=True),
    ANSWERED: About("of the questions that the documents answer, those answered"),
    FAILED: About("ended in an error, or with nothing", "down", safety=True),
    LENGTH: About("words of an answer", "none"),
    READABILITY: About("Flesch's reading ease of an English answer", "none"),
    FIRST_TOKEN: About("ms to the first text", "none"),
    TOTAL: About("ms to the end", "none"),
    COST: About("of an answer, in the currency of the prices", "none"),
}
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)|\n+")
_WORD = re.compile(r"[^\W\d_]+")
_VOWELS = re.compile(r"[aeiouy]+")
_SPACE = re.compile(r"\s+")


def plain_metrics(asked: EvalQuestion, row: Row) -> dict[str, float | None]:
    """All figures of a row that need neither a judge nor a model; None where one doesn't apply."""
    known, answered = asked.answerable, row.status == "answered"
    text = row.answer if answered else ""
    spans = _spans(asked, row) if asked.spans else None
    return {
        RETRIEVED: _hit(asked.documents, [(one.document_id, one.uri) for one in row.passages]),
        CITED: _hit(asked.documents, _cited(row)),
        SPAN_CITED: None if spans is None else float(spans == 1),
        SPAN_SHARE: spans,
        WORDS: float(holds(text, asked.words)) if asked.words else None,
        UNSUPPORTED: _unsupported(row),
        ABSTENTION: float(not known) if row.status == "abstained" and known is not None else None,
        ABSTAINED_RIGHTLY: float(row.status == "abstained") if known is False else None,
        ANSWERED: float(answered) if known else None,
        FAILED: float(row.status in ("error", "empty")),
        LENGTH: float(len(text.split())) if answered else None,
        READABILITY: reading_ease(text) if answered and asked.language in ("", "en") else None,
        FIRST_TOKEN: row.first_token_ms,
        TOTAL: row.total_ms if row.status != "error" else None,
        COST: row.cost,
    }


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds one alternative (``a|b``) of each, whatever the case, emphasis and apostrophes."""
    plain = _plain(text)
    return all(any(_plain(one) in plain for one in word.split("|")) for word in words)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.casefold().replace("*", "").replace("’", "'"))


def names_document(name: str, document_id: str, uri: str) -> bool:
    """Whether a question's name for a document means this one: its id, its URI, or the end of it."""
    return name in (document_id, uri) or uri.endswith("/" + name.removeprefix("/"))


def reading_ease(text: str) -> float | None:
    """Flesch's reading ease of English prose: 60 and more is plain English, below 30 hard; None without words.

    206.835 - 1.015 words a sentence - 84.6 syllables a word (Flesch, A New Readability Yardstick, 1948). Syllables are
    groups of vowels, less a silent e.
    """
    words = _WORD.findall(text.casefold())
    if not words:
        return None
    sentences = max(1, sum(1 for part in _SENTENCE.split(text) if _WORD.search(part)))
    syllables = sum(max(1, len(_VOWELS.findall(re.sub(r"(?<=[^aeiouy])e$", "", word)))) for word in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)


def _hit(expected: Sequence[str], given: Sequence[tuple[str, str]]) -> float | None:
    if not expected:
        return None
    return float(any(names_document(name, *one) for name in expected for one in given))


def _cited(row: Row) -> list[tuple[str, str]]:
    """Id and URI of each cited document, in the order of the citations."""
    uris = {one.number: one.uri for one in row.passages}
    return [(one.document_id, uris.get(one.number, "")) for one in row.citations]


def _spans(asked: EvalQuestion, row: Row) -> float:
    """The share of the words of the best covered span that stand, in their order, in one citation."""
    cited = list(zip(_cited(row), [one.quote or "" for one in row.citations], strict=True))
    best = 0.0
    for span in asked.spans:
        quotes = [quote for one, quote in cited if not span.document or names_document(span.document, *one)]
        # Neighbouring sentences are cited one by one: an answer's citations of a document are read together.
        best = max([best, *(_share(span.text, quote) for quote in (*quotes, " ".join(quotes)))])
    return best


def _share(span: str, quote: str) -> float:
    """How much of a span, in words, is in a quote in one piece."""
    wanted, given = _flat(span).split(), f" {_flat(quote)} "
    longest, start = 0, 0
    for end in range(1, len(wanted) + 1):
        while start < end and f" {' '.join(wanted[start:end])} " not in given:
            start += 1
        longest = max(longest, end - start)
    return longest / len(wanted) if wanted else 0.0


def _flat(text: str) -> str:
    """Words alone: a span may end where a sentence goes on."""
    return _SPACE.sub(" ", re.sub(r"[^\w\s]", " ", text.casefold())).strip()


def _unsupported(row: Row) -> float | None:
    """Sentences that the check took out count: they were written."""
    claims = [one for one in row.verdicts if one.verdict != "not_a_claim"]
    of = len(claims) + row.sentences_dropped
    if row.status != "answered" or not of:
        return None
    return (sum(one.verdict == "unsupported" for one in claims) + row.sentences_dropped) / of
