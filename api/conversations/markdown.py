"""A conversation as Markdown, its quotes as footnotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from api.schemas.answers import CitationBody
from api.schemas.conversations import ConversationDetail, KeptAnswerBody, KeptSourceBody, TurnBody
from generation.prompts.inert import visible

WITHHELD = "This answer isn't shown: it was made from documents that you may not read, or that are gone."
UNFINISHED = {"writing": "It is still being written.", "stopped": "It was stopped.", "failed": "It broke off."}
_SYNTAX = re.compile(r"([\\`*_{}\[\]<>#|!~^])")


def markdown_of(conversation: ConversationDetail) -> str:
    """The conversation: a heading for each question, its answer with marks, and a footnote for each quote."""
    parts = [f"# {_plain(conversation.title)}"]
    for turn in conversation.turns:
        parts.extend(_turn(turn))
    return "\n\n".join(parts) + "\n"


def _turn(turn: TurnBody) -> Iterator[str]:
    yield f"## {_plain(turn.question)}"
    if turn.withheld:
        yield f"*{WITHHELD}*"
    answer = turn.answer
    if answer is not None:
        if answer.answer.strip():
            yield _marked(answer, turn.number)
        if answer.abstained is not None:
            yield _plain(answer.abstained.reason)
    if turn.state in UNFINISHED:
        yield f"*{UNFINISHED[turn.state]}*"
    if answer is not None:
        sources = {source.number: source for source in answer.sources}
        yield from (_footnote(number, quotes, sources, turn.number) for number, quotes in _cited(answer).items())


def _marked(answer: KeptAnswerBody, turn: int) -> str:
    """The text with a mark behind each span that is cited. Offsets count the characters of the text as it was."""
    text, at, pieces = answer.answer, 0, list[str]()
    marks: dict[int, list[int]] = {}
    for citation in answer.citations:
        numbers = marks.setdefault(min(max(citation.answer_end, 0), len(text)), [])
        if citation.number not in numbers:
            numbers.append(citation.number)
    for end in sorted(marks):
        pieces.append(_prose(text[at:end]) + "".join(f"[^{turn}-{number}]" for number in marks[end]))
        at = end
    return "".join([*pieces, _prose(text[at:])]).strip()


def _cited(answer: KeptAnswerBody) -> Mapping[int, Sequence[CitationBody]]:
    found: dict[int, list[CitationBody]] = {}
    for citation in sorted(answer.citations, key=lambda one: one.number):
        found.setdefault(citation.number, []).append(citation)
    return found


def _footnote(number: int, quotes: Sequence[CitationBody], sources: Mapping[int, KeptSourceBody], turn: int) -> str:
    source = sources.get(number)
    first = quotes[0]
    place = [f"page {first.page}"] if first.page is not None else []
    place += [" › ".join(map(_plain, first.heading_path))] if first.heading_path else []
    title = _plain(source.title) if source else "A source"
    changed = " (its document has changed since)" if source and source.changed else ""
    address = f" {_plain(source.uri)}" if source else ""
    said = [f"“{_plain(quote)}”" for quote in dict.fromkeys(one.quote for one in quotes if one.quote)]
    return f"[^{turn}-{number}]: " + " ".join([", ".join([f"**{title}**{changed}", *place]) + ".", *said]) + address


def _plain(text: str) -> str:
    """Text of documents and readers on one line, in which nothing is Markdown or HTML."""
    return _SYNTAX.sub(r"\\\1", " ".join(visible(text).split()))


def _prose(text: str) -> str:
    """An answer's text: it may be Markdown, but holds no HTML, links, images or footnotes of its own."""
    return re.sub(r"([<>\[\]])", r"\\\1", visible(text))
