"""Asking a model for JSON of a certain shape, with every way in which it fails told apart and counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import ConfigurationError, ModelUnavailable
from core.judging_settings import JudgeSettings
from eval.judging.budget import Budget, Prices, estimated
from generation.models.port import ChatModel, Message, RequestRefused, Usage

FailureKind = Literal["malformed", "refused", "cut", "unavailable"]
"""``malformed``: no JSON of the shape, twice. ``refused``: a filter stopped it, the server doesn't take the request, or
prose came instead of JSON, twice. ``cut``: it hit the limit of tokens. ``unavailable``: overloaded, too slow, broken
off, not there."""
_MOST_CHARS = 200_000
_SHOWN = 300
_AGAIN = (
    "That is not what was asked for: {fault}\nReply with one JSON object of the shape that was described, and nothing "
    "else."
)
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no reply that can be used."""

    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What came of asking.

    Attributes:
        value: None with a ``failure``.
        usage: tokens of all attempts together.
        attempts: requests that were answered or failed; the client's own retries are within one.
        ms: wall clock, the wait for a place included.
    """

    value: T | None
    failure: Failure | None
    usage: Usage
    cost: float
    attempts: int
    ms: float


class _Fault(Exception):
    def __init__(self, kind: FailureKind, detail: str) -> None:
        self.failure = Failure(kind, detail)


class Asker:
    """Asks one model. For the tasks of one event loop.

    Args:
        model: what is asked.
        settings: its name, its prices, and how many requests may be on their way.
        budget: shared by all that spend from it.
    """

    def __init__(self, model: ChatModel, settings: JudgeSettings, budget: Budget | None = None) -> None:
        self.settings = settings
        self.budget = budget or Budget()
        self.prices = Prices(settings.input_price, settings.output_price)
        self._model = model
        self._places = asyncio.Semaphore(settings.concurrency)

    async def ask(self, messages: Sequence[Message], shape: type[T]) -> Reply[T]:
        """Ask for one object of this shape. A malformed reply is asked for once more, with what is wrong with it.

        Raises:
            BudgetSpent: before a request.
            ConfigurationError: the server refuses the key or doesn't know the model: no other request would do better.
        """
        began = time.perf_counter()
        spent = Usage(0, 0)
        told, failure, value = list(messages), None, None
        attempts = 0
        async with self._places:
            while attempts < 2 and value is None:  # noqa: PLR2004
                self.budget.check()
                attempts += 1
                text, usage, fault = await self._once(told)
                spent = Usage(spent.input_tokens + usage.input_tokens, spent.output_tokens + usage.output_tokens)
                if fault is not None:
                    failure = fault
                    break
                try:
                    value, failure = parsed(text, shape), None
                except _Fault as error:
                    failure = error.failure
                    told = [
                        *messages,
                        Message("assistant", text[:_SHOWN] or "(nothing)"),
                        Message("user", _AGAIN.format(fault=failure.detail)),
                    ]
        ms = 1000 * (time.perf_counter() - began)
        return Reply(value, failure, spent, self.prices.cost(spent), attempts, ms)

    async def _once(self, messages: Sequence[Message]) -> tuple[str, Usage, Failure | None]:
        text, usage, failure = "", None, None
        try:
            async with aclosing(self._model.stream(messages)) as deltas:
                async for delta in deltas:
                    text += delta.text
                    usage = delta.usage or usage
                    if len(text) > _MOST_CHARS or delta.finish_reason == "length":
                        failure = Failure("cut", f"It was cut off after {len(text)} characters: raise max_tokens.")
                        break
                    if delta.finish_reason == "content_filter":
                        failure = Failure("refused", "The server's content filter stopped it.")
        except ConfigurationError:
            raise
        except RequestRefused as error:
            failure = Failure("refused", error.message)
        except ModelUnavailable as error:
            failure = Failure("unavailable", error.message)
        usage = usage or estimated(messages, text)
        self.budget.spend(usage, self.prices)
        return text, usage, failure

    async def close(self) -> None:
        """Let go of connections."""
        await self._model.close()


def parsed(text: str, shape: type[T]) -> T:
    """The object in a reply: alone, in a code fence, or with words around it.

    Raises:
        _Fault: there is none, or not of this shape.
    """
    start = text.find("{")
    if start < 0:
        raise _Fault("refused", f"It holds no JSON object; it begins with {text[:80]!r}.")
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise _Fault("malformed", f"It isn't JSON ({error}).") from error
    try:
        return shape.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the object"
        raise _Fault("malformed", f"In its JSON, {place}: {first['msg']}.") from error
