"""An answer's events as they travel: one by one, or all of them as one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from api.schemas.answers import (
    AbstainBody,
    AnswerBody,
    CitationBody,
    DoneBody,
    MetaBody,
    SourceBody,
    SourcesBody,
    StageBody,
    UsageBody,
    VerdictBody,
)
from generation.events import Abstain, AnswerEvent, Citation, Done, Meta, Sources, StageEvent, Token, Verdict

_WIRE: Mapping[type, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    Meta: ("meta", lambda e: MetaBody.model_validate(e).model_dump()),
    StageEvent: ("stage", lambda e: StageBody.model_validate(e).model_dump(exclude=None if e.queries else {"queries"})),
    Sources: ("sources", lambda e: SourcesBody.model_validate(e).model_dump()),
    Token: ("token", lambda e: {"text": e.text}),
    Citation: ("citation", lambda e: CitationBody.model_validate(e).model_dump()),
    Verdict: ("verdict", lambda e: VerdictBody.model_validate(e).model_dump()),
    Abstain: ("abstain", lambda e: AbstainBody.of(e).model_dump()),
    Done: ("done", lambda e: done_body(e).model_dump()),
}


def wire(event: AnswerEvent) -> tuple[str, dict[str, Any]]:
    """The event's name and data as the stream carries them."""
    name, data = _WIRE[type(event)]
    return name, data(event)


def body_of(events: Sequence[AnswerEvent]) -> AnswerBody:
    """An answer's events as one object: from its ``Meta``, with what there is, to its ``Done``."""
    meta = next(event for event in events if isinstance(event, Meta))
    done = next(event for event in events if isinstance(event, Done))
    found = next((event for event in events if isinstance(event, Sources)), Sources(sources=()))
    abstain = next((event for event in events if isinstance(event, Abstain)), None)
    return AnswerBody(
        answer_id=meta.answer_id,
        conversation_id=meta.conversation_id,
        model=meta.model,
        index_generation=found.index_generation or meta.index_generation,
        prompts=meta.prompts,
        arm=meta.arm,
        answer="".join(event.text for event in events if isinstance(event, Token)),
        citations=[CitationBody.model_validate(event) for event in events if isinstance(event, Citation)],
        verdicts=[VerdictBody.model_validate(event) for event in events if isinstance(event, Verdict)],
        sources=[SourceBody.model_validate(source) for source in found.sources],
        abstained=AbstainBody.of(abstain) if abstain else None,
        done=done_body(done),
    )


def done_body(done: Done) -> DoneBody:
    """The wire form of how an answer ended."""
    return DoneBody(
        finish_reason=done.finish_reason,
        usage=UsageBody.model_validate(done.usage) if done.usage else None,
        timings_ms=dict(done.timings_ms),
        degraded=tuple(done.degraded),
        notices=tuple(done.notices),
        model=done.model or None,
        citations_dropped=done.citations_dropped,
        groundedness=done.groundedness,
        citations_corrected=done.citations_corrected,
        sentences_dropped=done.sentences_dropped,
        cached=done.cached,
    )
