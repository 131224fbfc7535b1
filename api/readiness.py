"""What the service depends on, and how each of it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import anyio
import anyio.to_thread

from api.background import Background
from api.wiring import Services
from core.errors import FootnoteError
from core.lazy import Lazy, StillStarting
from core.logs import get_logger
from ingestion.disk import check_room

log = get_logger(__name__)

State = Literal["ok", "starting", "down", "off"]

CHECK_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """One dependency. Without a ``required`` one that is ``ok`` the service can't answer; ``off``: none is set up."""

    name: str
    required: bool
    state: State
    detail: str | None = None

    @property
    def stands_in_the_way(self) -> bool:
        """Whether the service can't answer because of it."""
        return self.required and self.state != "ok"


class _Probe:
    """Asks one dependency, in a thread of its own: one that hangs takes this thread and no other.

    However many ask at once, one question is under way, and all are told its answer.
    """

    def __init__(self, name: str, ping: Callable[[], None], *, required: bool, part: Lazy[Any] | None = None) -> None:
        self.name = name
        self._ping = ping
        self._required = required
        self._part = part
        self._thread = anyio.CapacityLimiter(1)
        self._asking: asyncio.Task[Dependency] | None = None

    async def ask(self, timeout_s: float) -> Dependency:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        with anyio.move_on_after(timeout_s):
            return await asyncio.shield(self._asking)
        opening = self._part is not None and self._part.built is None and self._part.error is None
        return self._found("starting" if opening else "down", f"No answer within {timeout_s:g} s.")

    def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> Dependency:
        try:
            await anyio.to_thread.run_sync(self._ping, abandon_on_cancel=True, limiter=self._thread)
        except StillStarting as error:
            return self._found("starting", error.message)
        except FootnoteError as error:
            return self._found("down", error.told_operators)
        except Exception as error:  # a boundary: readiness reports whatever a dependency throws
            log.warning("readiness.failed", dependency=self.name, exc_info=error)
            return self._found("down", f"It failed with {type(error).__name__}; the log says more.")
        return self._found("ok")

    def _found(self, state: State, detail: str | None = None) -> Dependency:
        return Dependency(self.name, self._required, state, detail)


class Readiness:
    """Knows how every dependency is. What requests are at work on doesn't hold it up: it has threads of its own."""

    def __init__(self, services: Services, background: Background) -> None:
        self._settings = services.settings
        self._background = background
        self._probes = (
            _Probe("index", lambda: services.index.get().ping(), required=True, part=services.index),
            _Probe("catalog", partial(_ping_catalog, services), required=True, part=services.catalog),
            _Probe("broker", services.ping_broker, required=False),
            _Probe("disk", lambda: check_room(services.settings.data_dir), required=False),
        )

    async def check(self, timeout_s: float | None = None) -> list[Dependency]:
        """Ask every dependency, side by side. One that was down and is back is taken up again by this.

        Args:
            timeout_s: one that takes longer counts as down, or as starting while the service still opens it; None: 3 s.
        """
        limit = CHECK_TIMEOUT_S if timeout_s is None else timeout_s
        found = await asyncio.gather(*(probe.ask(limit) for probe in self._probes))
        return [*found, self._models(), self._key_usage(), self._audit_log(), self._llm()]

    def close(self) -> None:
        """Give up on questions that are under way."""
        for probe in self._probes:
            probe.close()

    def _models(self) -> Dependency:
        task = self._background.models
        if task.done:
            return Dependency("models", True, "ok")
        return Dependency("models", True, "down" if task.error else "starting", task.error)

    def _key_usage(self) -> Dependency:
        """Whether it is written down when keys are used; what fails of that is no reader's concern."""
        error = self._background.key_usage.error
        return Dependency("key usage", False, "down" if error else "ok", error)

    def _audit_log(self) -> Dependency:
        """Whether what readers do is written down; while it isn't, they are served until too much waits."""
        error = self._background.audit_log.error
        return Dependency("audit log", False, "down" if error else "ok", error)

    def _llm(self) -> Dependency:
        """Whether a chat model is set up; asking it would cost money, and without it answers are extractive."""
        if self._settings.llm.provider == "none":
            return Dependency("llm", False, "off", "None is set up: answers are sentences from the sources.")
        return Dependency("llm", False, "ok", "Set up; not asked by this.")


def _ping_catalog(services: Services) -> None:
    services.catalog.get().sources.list()
