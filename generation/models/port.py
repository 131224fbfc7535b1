"""The port of chat models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


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


FinishReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the stream: some text, and on the last one how it ended."""

    text: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


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
