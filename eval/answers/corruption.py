"""Sentences of handbooks, untouched and with one thing in them changed so that their source doesn't say them any more.

Everything follows from a seed. Half of the files are for tuning, the other half for reports, by a hash of their names.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.chunk import Chunk
from core.metadata import Metadata
from eval.datasets import DatasetError, read_rows
from generation.text.sentences import Sentence, split_sentences

KINDS = ("number", "date", "unit", "name", "negation", "subject")
PARAPHRASES = Path(__file__).parents[1] / "questions" / "paraphrases.jsonl"
_PASSAGE_CHARS = 3500
_OTHERS = 200
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_MARKUP = re.compile(r"[\[\]{}<>|`*#_=]|https?:|\n")
_WORDS = range(6, 36)
_NUMBER = re.compile(
    r"(?<![\w./:-])\d{1,4}(?![\w./:-])|\b(?:two|three|four|five|six|seven|eight|ten|twelve|twenty|thirty)\b"
)
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "fourteen", "forty")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATES = (
    (re.compile(rf"\b(?:{'|'.join(_MONTHS)})\b"), _MONTHS),
    (re.compile(rf"\b(?:{'|'.join(_DAYS)})\b"), _DAYS),
    (re.compile(r"\b20[012]\d\b"), tuple(map(str, range(2003, 2030)))),
)
_UNIT = re.compile(
    r"(?<=[\d\w][ -])(?<!\ba )(?:minutes?|hours?|days?|weeks?|months?|years?)\b|(?<=\d)%|\$(?=\d)|\b(?:GB|MB|TB)\b"
)
_COUNT_BEFORE = re.compile(
    r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|ten|twelve|thirty))[ -](?:business |working |calendar )?$"
)
_UNITS = ("minute", "hour", "day", "week", "month", "year")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b(?! [A-Z])|(?<=[a-z,] )[A-Z]{2,5}\b(?! [A-Z])")
_VERB = re.compile(r"\b(?:is|are|was|were|can|should|must|will|may|could|would|has to be|have been)\b(?! not|n't)")
_NOT = re.compile(r" not\b(?! only)|(?<=do|is|es|re|ld|as|id)n['’]t\b")
_SUBJECT = re.compile(
    r"^(?P<subject>(?:(?:The|Your|Our|All|Each|Every|A|An|This|Most|Some)\s)?[A-Za-z][\w-]+(?:\s[a-z][\w-]+){0,2})"
    r"\s(?=(?:is|are|can|should|must|will|may|has|have|does|do)\b)"
)
_NO_SUBJECT = frozenset(
    """
        it this that there they he she we you i these those here what who if when which one if so then please
        and but to anyone someone everyone nothing some all most each both
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence beside passages, the first of which it cites.

    Attributes:
        kind: one of :data:`KINDS`, ``untouched`` or ``paraphrase``.
        split: ``tune`` or ``held``.
    """

    kind: str
    split: str
    text: str
    source: str
    chunks: tuple[Chunk, ...]


def cases(folder: Path, *, corrupted: int = 1000, untouched: int = 1000, seed: int = 7) -> list[Case]:
    """So many of either from the handbooks in ``folder``, and all paraphrases.

    Raises:
        DatasetError: there are no handbooks.
    """
    drawn = random.Random(seed)
    passages = read_handbooks(folder)
    sentences = [(at, one) for at, chunk in enumerate(passages) for one in _sentences(chunk)]
    drawn.shuffle(sentences)
    pools = _pools([one.text for _, one in sentences])
    found: list[Case] = []
    counts = dict.fromkeys(KINDS, 0)
    share = -(-corrupted // (len(KINDS) - 1))  # of some kinds there aren't enough
    for at, one in sentences:
        if len(found) == corrupted:
            break
        for tried in sorted(KINDS, key=lambda k: counts[k]):
            if counts[tried] < share and (text := _CORRUPT[tried](one.text, drawn, pools)) not in (None, one.text):
                counts[tried] += 1
                found.append(_case(tried, str(text), one.text, passages, at))
                break
    found += [_case("untouched", one.text, one.text, passages, at) for at, one in sentences[-untouched:]]
    return found + _paraphrases(passages)


def read_handbooks(folder: Path) -> list[Chunk]:
    """Passages of the Markdown files below a folder, in order.

    Raises:
        DatasetError: there is none.
    """
    found: list[Chunk] = []
    for file in sorted(folder.rglob("*.md")):
        text = _FRONT.sub("", file.read_text(encoding="utf-8", errors="replace"))
        name = str(file.relative_to(folder))
        title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), file.stem)
        for number, piece in enumerate(_pieces(text)):
            found.append(
                Chunk(
                    id=f"{name}-{number}", document_id=name, source_id="handbooks", uri=name, ordinal=number,
                    text=piece, start=0, end=len(piece), metadata=Metadata(title=title),
                )
            )  # fmt: skip
    if not found:
        raise DatasetError(f"{folder} has no Markdown files: name the folder with the handbooks (--handbooks).")
    return found


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs together, as many as make a passage; of a longer one, as a table, its lines."""
    piece: list[str] = []
    paragraphs = re.split(r"\n\s*\n", text)
    for paragraph in [part for one in paragraphs for part in ([one] if len(one) < _PASSAGE_CHARS else one.split("\n"))]:
        if piece and sum(map(len, piece)) + len(paragraph) > _PASSAGE_CHARS:
            yield "\n\n".join(piece)
            piece = []
        if paragraph.strip():
            piece.append(paragraph)
    if piece:
        yield "\n\n".join(piece)


def _sentences(chunk: Chunk) -> Iterator[Sentence]:
    for one in split_sentences(chunk.text):
        fits = len(one.text.split()) in _WORDS and one.text[0].isupper() and one.text.endswith(".")
        if one.complete and not one.heading and fits and not _MARKUP.search(one.text):
            yield one


def _case(kind: str, text: str, source: str, passages: Sequence[Chunk], at: int) -> Case:
    others = [passages[(at + step) % len(passages)] for step in (1, len(passages) // 2)]
    return Case(kind, _split(passages[at].document_id), text, source, (passages[at], *others))


def _split(name: str) -> str:
    return "tune" if hashlib.sha256(name.encode()).digest()[0] % 2 else "held"


def _paraphrases(passages: Sequence[Chunk]) -> list[Case]:
    rows = [row for _, row in read_rows(PARAPHRASES)]
    return [_paraphrase(row, passages) for row in rows]


def _paraphrase(row: dict[str, Any], passages: Sequence[Chunk]) -> Case:
    for at, chunk in enumerate(passages):
        if chunk.document_id == row["file"]:
            for one in split_sentences(chunk.text):
                if " ".join(one.text.split()).startswith(row["begins"]):
                    case = _case("paraphrase", row["paraphrase"], one.text, passages, at)
                    return Case(case.kind, row["split"], case.text, case.source, case.chunks)
    raise DatasetError(f"{PARAPHRASES}: {row['file']} has no sentence that begins with {row['begins']!r}.")


def corrupted_by(text: str, others: Sequence[str], drawn: random.Random) -> str | None:
    """A sentence with one thing in it changed, of a kind that is drawn; None: there is nothing of any kind.

    Args:
        others: sentences whose names and subjects may stand for its own.
    """
    pools = _pools(drawn.sample(others, min(_OTHERS, len(others))))
    for kind in drawn.sample(KINDS, len(KINDS)):
        if (pools.names and pools.subjects) and (found := _CORRUPT[kind](text, drawn, pools)) not in (None, text):
            return found
    return None


@dataclass(frozen=True, slots=True)
class _Pools:
    names: tuple[str, ...]
    subjects: tuple[str, ...]


def _pools(sentences: Sequence[str]) -> _Pools:
    names = {match.group() for text in sentences for match in _NAME.finditer(text)}
    subjects = {match["subject"] for text in sentences if (match := _subject(text))}
    return _Pools(tuple(sorted(names)), tuple(sorted(subjects)))


def _replaced(text: str, matches: Sequence[re.Match[str]], drawn: random.Random, others: Sequence[str]) -> str | None:
    if not matches:
        return None
    match = drawn.choice(matches)
    other = drawn.choice([one for one in others if one.casefold() != match.group().casefold()])
    return text[: match.start()] + other + text[match.end() :]


def _number(text: str, drawn: random.Random, _: _Pools) -> str | None:
    matches = list(_NUMBER.finditer(text))
    if not matches:
        return None
    match = drawn.choice(matches)
    if match.group().isdigit():
        value = int(match.group())
        other = str(drawn.choice([value + 1, value + 2, 2 * value + 1, value + 10, max(0, value - 1)]))
    else:
        other = drawn.choice([word for word in _NUMBERS if word != match.group()])
    return None if other == match.group() else text[: match.start()] + other + text[match.end() :]


def _date(text: str, drawn: random.Random, _: _Pools) -> str | None:
    usable = [(list(pattern.finditer(text)), others) for pattern, others in _DATES if pattern.search(text)]
    if not usable:
        return None
    matches, others = drawn.choice(usable)
    return _replaced(text, matches, drawn, others)


def _unit(text: str, drawn: random.Random, _: _Pools) -> str | None:
    usable = [m for m in _UNIT.finditer(text) if m.group() in "%$GBMBTB" or _COUNT_BEFORE.search(text[: m.start()])]
    if not usable:
        return None
    match = drawn.choice(usable)
    written = match.group()
    if written in ("%", "$"):
        other = {"%": " days", "$": "€"}[written]
    elif written.isupper():
        other = drawn.choice([unit for unit in ("GB", "MB", "TB") if unit != written])
    else:
        other = drawn.choice([unit for unit in _UNITS if unit != written.rstrip("s")])
        other += "s" if written.endswith("s") else ""
    return text[: match.start()] + other + text[match.end() :]


def _name(text: str, drawn: random.Random, pools: _Pools) -> str | None:
    known = {*_MONTHS, *_DAYS, "May"}
    return _replaced(text, [m for m in _NAME.finditer(text) if m.group() not in known], drawn, pools.names)


def _negation(text: str, drawn: random.Random, _: _Pools) -> str | None:
    if matches := list(_NOT.finditer(text)):
        match = drawn.choice(matches)
        return text[: match.start()] + text[match.end() :]
    if not (matches := list(_VERB.finditer(text))) or re.search(r"\b(?:no|not|never)\b|n['’]t\b", text):
        return None
    match = matches[0]
    head, *further = match.group().split(" ", 1)
    return f"{text[: match.start()]}{' '.join([head, 'not', *further])}{text[match.end() :]}"


def _subject(text: str) -> re.Match[str] | None:
    match = _SUBJECT.match(text)
    if match and match["subject"].split()[-1].casefold() not in _NO_SUBJECT:
        return (
            match
            if match["subject"].split()[0].casefold() not in _NO_SUBJECT - {"this", "some", "all", "most", "each"}
            else None
        )
    return None


def _other_subject(text: str, drawn: random.Random, pools: _Pools) -> str | None:
    match = _subject(text)
    if match is None:
        return None
    other = drawn.choice([one for one in pools.subjects if one.split()[-1].casefold() not in text.casefold()])
    return other + text[match.end("subject") :]


_CORRUPT: dict[str, Callable[[str, random.Random, _Pools], str | None]] = {
    "number": _number,
    "date": _date,
    "unit": _unit,
    "name": _name,
    "negation": _negation,
    "subject": _other_subject,
}
