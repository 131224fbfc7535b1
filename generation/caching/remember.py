"""The step around all others: an earlier answer where there is one, else one that is worked out once and kept."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from core.cache_settings import CacheSettings
from core.chunk import Vector
from core.errors import FootnoteError
from core.lanes import Lanes
from core.logs import get_logger
from core.settings import Settings
from core.telemetry import CACHE_FAILURES, CACHE_LOOKUPS
from generation.caching.facts import same_facts
from generation.caching.keys import Key, Keys
from generation.caching.port import Visibility
from generation.caching.recording import SCHEMA, KeptAnswer, Recording
from generation.caching.store import LEASE_S, AnswerStore, Lead
from generation.events import AnswerEvent, Done, Meta, StageEvent
from generation.steps.draft import Draft
from generation.steps.retrieve import PassageSearch

log = get_logger(__name__)

T = TypeVar("T")

_POLL_S = 0.1
_CATALOG_S = 0.5
_LONGEST = 300
"""Characters of a question that is compared with others by meaning: of a longer one the embedder doesn't read all."""
_MEASURED_WITH = "all-MiniLM-L6-v2-"
"""How the packaged embedder's name begins."""

Made = Callable[[], AsyncGenerator[AnswerEvent]]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a question's answer is kept. ``vector`` is the question's; None: it isn't compared by meaning."""

    key: Key
    generation: str
    vector: Vector | None = None


class Remember:
    """Gives earlier answers again, and keeps new ones.

    Args:
        model: who writes.
        visibility: tells epochs, and whether a reader may still read what an answer was made from.
        lanes: where a question waits for its turn to be embedded.
    """

    def __init__(
        self,
        store: AnswerStore,
        visibility: Visibility,
        search: PassageSearch,
        settings: Settings,
        *,
        model: str,
        lanes: Lanes,
    ) -> None:
        self._store = store
        self._visibility = visibility
        self._search = search
        self._settings: CacheSettings = settings.cache
        self._keys = Keys(settings, model, SCHEMA)
        self._lanes = lanes
        self._asking = anyio.CapacityLimiter(4)

    async def over(self, draft: Draft, meta: Meta, made: Made) -> AsyncGenerator[AnswerEvent]:
        """The answer's events: those of an earlier answer, or those that ``made`` makes."""
        began = time.perf_counter()
        place = await self._place(draft)
        if place is None:
            CACHE_LOOKUPS.labels("left out").inc()
            async with aclosing(made()) as events:
                async for event in events:
                    yield event
            return
        kept = await self._exact(place.key, draft)
        result = "exact"
        if kept is None:
            place = await self._with_vector(place, draft)
            kept, result = await self._near(place, draft), "near"
        token = uuid.uuid4().hex
        lead = Lead.NONE
        waited = False
        if kept is None:
            lead = await self._store.lead(place.key.name, token)
        if lead is Lead.WAITS:
            waited = True
            yield meta
            yield StageEvent(name="remember", state="started")
            kept, lead = await self._awaited(place.key, draft, token)
            result = "awaited"
        if kept is not None:
            CACHE_LOOKUPS.labels(result).inc()
            for event in _again(kept, draft, None if waited else meta, began):
                yield event
            return
        CACHE_LOOKUPS.labels("missed").inc()
        if waited:
            yield draft.tally.finished("remember", began)
        async with aclosing(self._recorded(place, draft, made, token if lead is Lead.OWN else None)) as events:
            async for event in events:
                if not (waited and isinstance(event, Meta)):
                    yield event

    async def close(self) -> None:
        """Close connections."""
        await self._store.close()

    async def _place(self, draft: Draft) -> _Place | None:
        """None for what isn't kept: what hangs on earlier turns, wants no earlier answer, or comes while the index
        changes.
        """
        question, generation = draft.question, self._search.generation
        if question.history or question.fresh or not generation:
            return None
        epoch = await self._told(lambda: self._visibility.epoch(question.principal.terms))
        if epoch is None or epoch.age_s < self._settings.settle_s:
            return None
        return _Place(self._keys.of(question, generation, epoch), generation)

    async def _with_vector(self, place: _Place, draft: Draft) -> _Place:
        text, embedder = draft.question.text, self._search.embedder
        fits = len(text) <= _LONGEST and embedder.name.startswith(_MEASURED_WITH)
        if not (self._settings.semantic and fits):
            return place
        try:
            vector = await self._lanes.searches.run(partial(embedder.embed_query, text))
        except FootnoteError as error:
            log.warning("answer_cache.not_embedded", error=type(error).__name__)
            return place
        return replace(place, vector=vector)

    async def _exact(self, key: Key, draft: Draft) -> KeptAnswer | None:
        packed = await self._store.get(key.name)
        return None if packed is None else await self._readable(packed, draft)

    async def _near(self, place: _Place, draft: Draft) -> KeptAnswer | None:
        if place.vector is None:
            return None
        for packed in await self._store.nearest(place.key.scope, place.vector):
            kept = _unpacked(packed)
            if kept is not None and same_facts(draft.question.text, kept.question):
                return await self._readable(packed, draft)
        return None

    async def _readable(self, packed: bytes, draft: Draft) -> KeptAnswer | None:
        """The answer, if the reader may still read all that it was made from, whatever the epoch says."""
        kept = _unpacked(packed)
        if kept is None:
            return None
        terms = draft.question.principal.terms
        readable = await self._told(lambda: self._visibility.readable(kept.document_ids, terms))
        return kept if readable else None

    async def _awaited(self, key: Key, draft: Draft, token: str) -> tuple[KeptAnswer | None, Lead]:
        """The answer that another one works out; or None, and whether to work it out for others as well."""
        until = time.monotonic() + self._settings.wait_s
        while time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
            kept = await self._exact(key, draft)
            if kept is not None:
                return kept, Lead.NONE
            lead = await self._store.lead(key.name, token)
            if lead is not Lead.WAITS:
                return None, lead
        return None, Lead.NONE

    async def _recorded(
        self, place: _Place, draft: Draft, made: Made, token: str | None
    ) -> AsyncGenerator[AnswerEvent]:
        recording = Recording(self._settings.max_answer_bytes)
        async with self._leading(place.key.name, token) as ended, aclosing(made()) as events:
            async for event in events:
                recording.take(event)
                if isinstance(event, Done):
                    packed = recording.kept(draft.question.text, place.generation)
                    if packed is not None:
                        await self._store.keep(place.key, packed, place.vector)
                    await ended(packed is None)
                yield event

    @asynccontextmanager
    async def _leading(self, name: str, token: str | None) -> AsyncIterator[Callable[[bool], Awaitable[None]]]:
        """Hold the lead for the block, which tells how it ended: whether there is nothing for others."""
        if token is None:
            yield _nothing
            return
        ended = False

        async def end(alone: bool) -> None:
            nonlocal ended
            ended = True
            await self._store.end(name, token, alone=alone)

        holding = asyncio.create_task(self._hold(name, token))
        try:
            yield end
        except FootnoteError:
            await end(True)
            raise
        finally:
            holding.cancel()
            if not ended:  # the reader left: the next in line takes over
                await self._store.end(name, token, alone=False)

    async def _hold(self, name: str, token: str) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            await self._store.hold(name, token)

    async def _told(self, ask: Callable[[], T]) -> T | None:
        """What the catalog says; None where it doesn't answer soon."""
        try:
            async with asyncio.timeout(_CATALOG_S):
                return await anyio.to_thread.run_sync(ask, limiter=self._asking, abandon_on_cancel=True)
        except (FootnoteError, TimeoutError) as error:
            CACHE_FAILURES.labels("catalog").inc()
            log.warning("answer_cache.unavailable", operation="catalog", error=type(error).__name__)
            return None


def _again(kept: KeptAnswer, draft: Draft, meta: Meta | None, began: float) -> Iterator[AnswerEvent]:
    """An earlier answer as this question's: its own ids and times, and no tokens used."""
    if meta is not None:
        yield meta
        yield StageEvent(name="remember", state="started")
    yield draft.tally.finished("remember", began)
    draft.tally.outcome = "cached"
    for event in kept.events:
        if isinstance(event, Done):
            yield replace(event, cached=True, usage=None, timings_ms=dict(draft.tally.timings_ms))
        else:
            yield event


def _unpacked(packed: bytes) -> KeptAnswer | None:
    try:
        return KeptAnswer.from_bytes(packed)
    except ValueError:
        log.warning("answer_cache.unreadable")
        return None


async def _nothing(_: bool) -> None:
    pass
