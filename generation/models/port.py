"""The port of chat models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from core.errors import ModelUnavailable

_MOST_TOKENS = 2**53
"""Every reader of JSON keeps integers up to here as they are."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in the model's tokens."""

    input_tokens: int
    output_tokens: int

    @classmethod
    def told(cls, input_tokens: object, output_tokens: object) -> Usage | None:
        """From what a server says; None where that isn't two counts that JSON can carry."""
        counts = [count for count in (input_tokens, output_tokens) if type(count) is int and 0 <= count <= _MOST_TOKENS]
        return cls(*counts) if len(counts) == 2 else None  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class StandIn:
    """The model that stands in for another one, and what became of that."""

    name: str
    why: str


class RequestRefused(ModelUnavailable):
    """The model takes no such request, as one that is too long; it may take others, and others may take this one."""


FinishReason = Literal["stop", "length", "content_filter"]
"""``length``: the answer was cut, by the model's limit or by ours."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the stream: some text, and on the last one how it ended.

    ``stand_in`` is the model that writes, and why, where it isn't the one that was asked first; on the first piece.
    """

    text: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    stand_in: StandIn | None = None


@runtime_checkable
class ChatModel(Protocol):
    """A model that writes. ``name`` is what answers say wrote them."""

    name: str

    def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        """Stream a completion. Closing the generator cancels the request on the model's side.

        Exactly one delta, the last, has a finish reason; a stream that ends without one raises.

        Raises:
            ModelUnavailable: no connection, an error status, too slow, or cut off in the middle.
            ConfigurationError: the server refuses the key or doesn't know the model.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
