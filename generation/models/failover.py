"""Several chat models as one: the next one writes where the one before fails before its first word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.logs import get_logger
from core.model_settings import ChatSettings
from core.telemetry import DEGRADED, MODEL_TOKENS
from generation.models.circuit import Circuit, Permit
from generation.models.port import ChatModel, Delta, Message, RequestRefused, StandIn

log = get_logger(__name__)


class _Member:
    """One model, with its circuit and its limit on requests."""

    def __init__(self, model: ChatModel, settings: ChatSettings, monotonic: Callable[[], float]) -> None:
        self.model = model
        self._settings = settings
        self._circuit = Circuit(settings.circuit_failures, settings.circuit_open_s, monotonic)
        self._places = asyncio.Semaphore(settings.concurrency)

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        """Raises ModelUnavailable at once where the circuit is open."""
        await self._take_place()
        try:
            permit = self._circuit.enter()
            if permit is None:
                raise ModelUnavailable(
                    f"The model {self.model.name!r} failed several times, and is left alone for now."
                )
            async with aclosing(self._counted(messages, permit)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(self._settings.first_token_timeout_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise ModelUnavailable(
                f"The model {self.model.name!r} has {self._settings.concurrency} requests at work (llm.concurrency)."
            ) from error

    async def _counted(self, messages: Sequence[Message], permit: Permit) -> AsyncGenerator[Delta]:
        failed: bool | None = None
        try:
            async with aclosing(self.model.stream(messages)) as deltas:
                async for delta in deltas:
                    failed = False  # who writes is there, even if the reader leaves in the middle
                    if delta.usage is not None:
                        MODEL_TOKENS.labels("llm", "input").inc(delta.usage.input_tokens)
                        MODEL_TOKENS.labels("llm", "output").inc(delta.usage.output_tokens)
                    yield delta
        except RequestRefused:
            failed = False  # it is there, and takes others
            raise
        except (ModelUnavailable, ConfigurationError):
            failed = True
            raise
        finally:
            self._circuit.leave(permit, failed)


class FailoverModel:
    """A :class:`generation.models.port.ChatModel` of an ordered list of models. Its name is the first one's.

    A model that can't be reached, is overloaded, set up wrongly or left alone after failures is passed over for the
    next one, as long as nothing was written: what a reader has seen stands. The first piece of a stand-in's answer says
    so. Work for the tasks of one event loop.

    Args:
        models: with their settings, the first one first.
        monotonic: seconds, for the circuits.
    """

    def __init__(
        self, models: Sequence[tuple[ChatModel, ChatSettings]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = models[0][0].name
        self._members = [_Member(model, settings, monotonic) for model, settings in models]

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        """See :meth:`generation.models.port.ChatModel.stream`; what is raised is the last model's error."""
        first: FootnoteError | None = None
        for at, member in enumerate(self._members):
            begun = False
            try:
                async with aclosing(member.stream(messages)) as deltas:
                    async for delta in deltas:
                        stand_in = None if begun or first is None else StandIn(member.model.name, _told(first))
                        begun = True
                        yield replace(delta, stand_in=stand_in) if stand_in else delta
            except (ModelUnavailable, ConfigurationError) as error:
                if begun or at + 1 == len(self._members):
                    raise
                first = first or error
                DEGRADED.labels("failover").inc()
                log.warning("llm.failover", model=member.model.name, reason=error.message)
            else:
                return

    async def close(self) -> None:
        """Let go of all connections."""
        for member in self._members:
            await member.model.close()


def _told(error: FootnoteError) -> str:
    """What readers are told: a wrong setting is the operator's business."""
    return error.message if isinstance(error, ModelUnavailable) else "A model is set up wrongly; the log names it."
