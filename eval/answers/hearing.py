"""From an answer's events to the row that is kept of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from eval.answers.configurations import Prices
from eval.answers.rows import Cited, Judged, Passage, Row, Status
from generation.events import Abstain, AnswerEvent, Citation, Done, Meta, Sources, Token, Verdict
from generation.steps.guard import NOTHING_LEFT, REFUSED, UNCHECKED, WITHHELD

_NAMES = {
    Meta: "meta",
    Sources: "sources",
    Token: "token",
    Citation: "citation",
    Verdict: "verdict",
    Abstain: "abstain",
    Done: "done",
}
_REFUSALS = (REFUSED, UNCHECKED, NOTHING_LEFT, WITHHELD)


@dataclass(slots=True)
class Hearing:
    """Takes an answer's events one by one, by their names on the wire, and makes a row of them."""

    question: str
    config: str
    prices: Prices | None = None
    _asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _began: float = field(default_factory=time.perf_counter)
    _first_token_ms: float | None = None
    _text: list[str] = field(default_factory=list)
    _told: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def take(self, name: str, data: Mapping[str, Any]) -> None:
        """One event as the stream carries it."""
        if name == "token":
            if self._first_token_ms is None and data["text"].strip():
                self._first_token_ms = self._ms()
            self._text.append(data["text"])
        else:
            self._told.setdefault(name, []).append(data)

    def take_event(self, event: AnswerEvent) -> None:
        """One event as the answerer gives it."""
        if type(event) in _NAMES:
            self.take(_NAMES[type(event)], asdict(event))

    @property
    def sources(self) -> list[tuple[str, int]]:
        """Document and place in it of each passage that the answer was given, in the order of their numbers."""
        return [(one["document_id"], one["ordinal"]) for one in self._last("sources").get("sources", ())]

    @property
    def generation(self) -> str:
        """The index's generation that answered."""
        return str(self._last("sources").get("index_generation", "") or self._last("meta").get("index_generation", ""))

    def row(self, texts: Mapping[tuple[str, int], str], total_ms: float, notice: str = "") -> Row:
        """The row of an answer that has ended.

        Args:
            texts: of passages, by document and place in it.
            total_ms: from asking to the end.
            notice: what is to be told of it besides.
        """
        done, meta, usage = self._last("done"), self._last("meta"), self._last("done").get("usage") or {}
        told, abstained = self._last("sources"), self._last("abstain").get("reason", "")
        tokens = usage.get("input_tokens"), usage.get("output_tokens")
        text = "" if abstained else "".join(self._text)
        return Row(
            question=self.question,
            config=self.config,
            status=_status(abstained, text),
            answer=text,
            reason=abstained,
            passages=tuple(
                Passage(**_only(Passage, one), text=texts.get((one["document_id"], one["ordinal"]), ""))
                for one in told.get("sources", ())
            ),
            citations=tuple(Cited(**_only(Cited, one)) for one in self._told.get("citation", ())),
            verdicts=tuple(Judged(**_only(Judged, one)) for one in self._told.get("verdict", ())),
            sentences_dropped=done.get("sentences_dropped", 0),
            groundedness=done.get("groundedness"),
            degraded=tuple(done.get("degraded", ())),
            notices=(*done.get("notices", ()), *((notice,) if notice else ())),
            finish_reason=done.get("finish_reason", ""),
            first_token_ms=self._first_token_ms if text else None,
            total_ms=round(total_ms, 2),
            timings_ms=dict(done.get("timings_ms", {})),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cost=self.prices.cost(tokens[0] or 0, tokens[1] or 0) if self.prices else None,
            model=done.get("model") or meta.get("model", ""),
            prompts=tuple(meta.get("prompts", ())),
            index_generation=self.generation,
            cached=bool(done.get("cached")),
            asked_at=self._asked_at,
        )

    def failed(self, why: str) -> Row:
        """The row of one that failed."""
        return Row(
            question=self.question,
            config=self.config,
            status="error",
            reason=why,
            total_ms=round(self._ms(), 2),
            asked_at=self._asked_at,
        )

    def elapsed_ms(self) -> float:
        """Since it was asked."""
        return self._ms()

    def _ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def _last(self, name: str) -> Mapping[str, Any]:
        return self._told[name][-1] if name in self._told else {}


def _status(abstained: str, text: str) -> Status:
    if abstained:
        return "refused" if abstained in _REFUSALS else "abstained"
    return "answered" if text.strip() else "empty"


def _only(kind: type[Passage] | type[Cited] | type[Judged], data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in kind.model_fields if name in data}
