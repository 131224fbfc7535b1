"""An answer's events as the text and the annotations of a chat completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from api.schemas.answers import DoneBody
from api.schemas.openai import Annotation, ChatDelta, ChatUsage, OpenAiEnd, UrlCitation

_ENDS: Mapping[str, OpenAiEnd] = {"length": "length", "interrupted": "length", "content_filter": "content_filter"}


class Completion:
    """Takes the events of one answer, and gives what each adds.

    Args:
        marked: put ``[1]`` behind what a source is cited for, and the list of sources at the end: for clients that
            show no annotations.

    Attributes:
        text: of the answer so far.
        annotations: so far.
        done: how it ended, once it has.
    """

    def __init__(self, *, marked: bool) -> None:
        self.text = ""
        self.annotations: list[Annotation] = []
        self.done: DoneBody | None = None
        self._marked = marked
        self._sources: dict[int, dict[str, Any]] = {}
        self._cited: dict[int, None] = {}
        self._marks: list[tuple[int, int]] = []  # where in the answer's own text, and how many characters
        self._own = 0
        self._at_mark: set[int] = set()

    @property
    def finish_reason(self) -> OpenAiEnd:
        """How it ended, in OpenAI's words."""
        return _ENDS.get(self.done.finish_reason if self.done else "", "stop")

    @property
    def usage(self) -> ChatUsage:
        """The model's tokens."""
        used = self.done.usage if self.done else None
        read, written = (used.input_tokens, used.output_tokens) if used else (0, 0)
        return ChatUsage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)

    def take(self, name: str, data: dict[str, Any]) -> Iterator[ChatDelta]:
        """What this event adds to the message."""
        if name == "sources":
            self._sources = {source["number"]: source for source in data["sources"]}
        elif name == "token":
            self._own += len(data["text"])
            self._at_mark.clear()
            yield self._say(data["text"])
        elif name == "citation":
            yield from self._cite(data)
        elif name == "abstain":
            yield self._say(_abstention(data, marked=self._marked))
        elif name == "done":
            self.done = DoneBody.model_validate(data)
            if self._marked and self._cited:
                yield self._say("\n\n" + "\n".join(map(self._listed, sorted(self._cited))))

    def _cite(self, citation: dict[str, Any]) -> Iterator[ChatDelta]:
        number = citation["number"]
        source = self._sources[number]
        cited = UrlCitation(
            start_index=self._place(citation["answer_start"], after=True),
            end_index=self._place(citation["answer_end"], after=False),
            title=source["title"],
            url=source["uri"],
            document_id=citation["document_id"],
            page=citation["page"],
            quote=citation["quote"],
        )
        annotation = Annotation(url_citation=cited)
        self.annotations.append(annotation)
        yield ChatDelta(annotations=[annotation])
        self._cited[number] = None
        if self._marked and number not in self._at_mark:
            self._at_mark.add(number)
            mark = f"[{number}]"
            self._marks.append((self._own, len(mark)))
            yield self._say(mark)

    def _say(self, text: str) -> ChatDelta:
        self.text += text
        return ChatDelta(content=text)

    def _place(self, own: int, *, after: bool) -> int:
        """Where a place of the answer's own text is beside marks: behind those that stand there, or before."""
        return own + sum(length for at, length in self._marks if at < own or (after and at == own))

    def _listed(self, number: int) -> str:
        source = self._sources[number]
        page = f", page {source['page']}" if source["page"] else ""
        return f"[{number}] {source['title']}{page}: {source['uri']}"


def _abstention(abstain: dict[str, Any], *, marked: bool) -> str:
    nearest = [f"- {near['title']}: “{near['quote']}” ({near['uri']})" for near in abstain["nearest"]]
    if not marked or not nearest:
        return str(abstain["reason"])
    return "\n".join([abstain["reason"], "", "The passages that come nearest:", *nearest])
