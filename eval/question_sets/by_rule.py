"""Questions that need no model: of headings, definitions, table cells and dates. They repeat their documents' words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from eval.answers.questions import EvalQuestion, Span
from eval.question_sets.draft import Draft, question_id
from eval.question_sets.material import Section
from generation.text.sentences import split_sentences
from generation.verification.dates import read_dates

_SHORTEST, _LONGEST = 150, 300
_TOO_COMMON = 3
"""A heading that stands over so many sections asks for none of them."""
_DEFINES = re.compile(
    r"^(?P<term>[A-Z][\w&/.-]*(?:\s[\w&/.-]+){0,4})"
    r"(?:\s\([^)]{1,40}\))?\s(?P<verb>is|are|means|refers to|stands for)\s"
    r"(?:an?|the|any|each|all|those)\s.{15,}$"
)
_ARTICLE = re.compile(r"^(?:An?|The)\b")
_PRONOUNS = frozenset(
    {"it", "this", "that", "there", "these", "those", "he", "she", "they", "we", "you", "here", "what"}
)
_MOST_CELLS = 2
"""Questions of one table."""


def by_rule(sections: Sequence[Section]) -> Iterator[Draft]:
    """All questions that these sections hold, in their order."""
    common = Counter(section.heading.casefold() for section in sections)
    for section in sections:
        if common[section.heading.casefold()] < _TOO_COMMON:
            yield from _heading(section)
        yield from _definitions(section)
        for table in section.tables:
            yield from _cells(section, table)
        yield from _dates(section)


def _heading(section: Section) -> Iterator[Draft]:
    heading = section.heading.rstrip(" .:")
    if len(section.text) < _SHORTEST or len(heading.split()) < 2 or heading.casefold() == section.title.casefold():  # noqa: PLR2004
        return
    question = heading if heading.endswith("?") else f"What does {section.title or 'the document'} say about {heading}?"
    first = next((one.text for one in split_sentences(section.text) if one.complete), "")
    if first:
        yield _draft(section, "heading", question, first, quote=first)


def _definitions(section: Section) -> Iterator[Draft]:
    for sentence in split_sentences(section.text):
        found = _DEFINES.match(" ".join(sentence.text.split()))
        if sentence.complete and found and found["term"].split()[0].casefold() not in _PRONOUNS:
            ask = "What are" if found["verb"] == "are" else "What is"
            yield _draft(
                section,
                "definition",
                f"{ask} {_ARTICLE.sub(lambda match: match.group().lower(), found['term'])}?",
                sentence.text,
                quote=sentence.text,
            )
            return


def _cells(section: Section, table: str) -> Iterator[Draft]:
    made = 0
    rows = [[cell.partition(": ") for cell in line.split(" | ")] for line in table.splitlines()]
    labels = Counter(row[0][2] for row in rows)
    for line, row in zip(table.splitlines(), rows, strict=True):
        cells = [(name.strip(), value.strip()) for name, _, value in row]
        if len(cells) < 2 or not all(name and value for name, value in cells[:2]) or labels[row[0][2]] > 1:  # noqa: PLR2004
            continue
        (_, label), (column, value) = cells[0], cells[1]
        about = section.heading or section.title
        yield _draft(
            section, "table cell", f"{about}: what is the {column} for {label}?", value, quote=line, words=(value,)
        )
        made += 1
        if made == _MOST_CELLS:
            return


def _dates(section: Section) -> Iterator[Draft]:
    for sentence in split_sentences(section.text):
        if not sentence.complete or len(sentence.text) > _LONGEST:
            continue
        days, rest = read_dates(sentence.text)
        changed = [at for at, (one, other) in enumerate(zip(sentence.text, rest, strict=False)) if one != other]
        if len(days) == 1 and days[0].year is not None and changed and len(rest) == len(sentence.text):
            start, end = changed[0], changed[-1] + 1
            said = " ".join(f"{sentence.text[:start]}…{sentence.text[end:]}".split())
            date = sentence.text[start:end]
            yield _draft(
                section, "date", f"Which date belongs here: “{said}”", date, quote=sentence.text, words=(date,)
            )
            return


def _draft(
    section: Section, kind: str, question: str, reference: str, *, quote: str, words: tuple[str, ...] = ()
) -> Draft:
    asked = EvalQuestion(
        id=question_id(kind, question),
        question=question,
        reference=reference,
        documents=(section.document,),
        spans=(Span(text=quote, document=section.document),),
        words=words,
        kind=kind,
        department=section.department,
        type=section.type,
        language=section.language,
        versions={section.document: section.version},
    )
    return Draft(asked, (section.text,))
