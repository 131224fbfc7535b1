"""What the service depends on, and how each of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import anyio.to_thread

from api.part import Part, StillStarting
from api.wiring import Services
from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
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


async def check(services: Services, *, warm: bool, timeout_s: float | None = None) -> list[Dependency]:
    """Ask every dependency, side by side. One that was down and is back is taken up again by this.

    Args:
        services: the service's parts.
        warm: whether the models have been loaded.
        timeout_s: one that takes longer counts as down, or as starting while the service still opens it; None: 3 s.
    """
    timeout_s = CHECK_TIMEOUT_S if timeout_s is None else timeout_s
    found: list[Dependency | None] = [None, None, None, None]

    async def ask(
        place: int, name: str, ping: Callable[[], None], required: bool, part: Part[Any] | None = None
    ) -> None:
        found[place] = await _ask(name, ping, required, timeout_s, part)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, 0, "index", lambda: services.index.get().ping(), True, services.index)
        tasks.start_soon(ask, 1, "catalog", lambda: ping_catalog(services), True, services.catalog)
        tasks.start_soon(ask, 2, "broker", services.ping_broker, False)
        tasks.start_soon(ask, 3, "disk", lambda: check_room(services.settings.data_dir), False)
    answered = [dependency for dependency in found if dependency is not None]
    return [*answered, _models(services, warm), _llm(services)]


async def _ask(
    name: str, ping: Callable[[], None], required: bool, timeout_s: float, part: Part[Any] | None
) -> Dependency:
    with anyio.move_on_after(timeout_s):
        try:
            await anyio.to_thread.run_sync(ping, abandon_on_cancel=True)
        except StillStarting as error:
            return Dependency(name, required, "starting", error.message)
        except FootnoteError as error:
            return Dependency(name, required, "down", error.message)
        except Exception as error:  # a boundary: readiness reports whatever a dependency throws
            log.warning("readiness.failed", dependency=name, exc_info=error)
            return Dependency(name, required, "down", f"It failed with {type(error).__name__}; the log says more.")
        return Dependency(name, required, "ok")
    opening = part is not None and part.built is None and part.error is None
    return Dependency(name, required, "starting" if opening else "down", f"No answer within {timeout_s:g} s.")


def ping_catalog(services: Services) -> None:
    """Return when the catalog answers."""
    services.catalog.get().sources.list()


def _models(services: Services, warm: bool) -> Dependency:
    if warm:
        return Dependency("models", True, "ok")
    error = services.embedder.error
    if error is None:  # what waits for the index is told of the index; wrong settings are told of nothing else
        wrong = (part.error for part in (services.retriever, services.answerer))
        error = next((fault for fault in wrong if isinstance(fault, ConfigurationError | ModelUnavailable)), None)
    return Dependency("models", True, "down" if error else "starting", error.message if error else None)


def _llm(services: Services) -> Dependency:
    """Whether a chat model is set up; asking it would cost money, and without it answers are extractive."""
    if services.settings.llm.provider == "none":
        return Dependency("llm", False, "off", "None is set up: answers are sentences from the sources.")
    return Dependency("llm", False, "ok", "Set up; not asked by this.")
