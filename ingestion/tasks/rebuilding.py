"""The rebuild task: a generation of the index made from the stored texts, while everything else goes on.

A generation gets every write from the moment that it is begun (:mod:`retrieval.index.every_generation`). So what is
left to do is to write what was there before, and to make sure that nothing fell in between: rounds over what changed
since the round before, until one finds nothing wrong. Each task does a batch and sends the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from core.chunk import Chunk, EmbeddedChunk
from core.errors import FootnoteError, NotFound, Unavailable
from core.filters import All
from core.logs import get_logger
from core.telemetry import stage
from ingestion.blobs import parsed_key
from ingestion.catalog.rebuilds import Rebuild, RebuildState
from ingestion.catalog.records import Work
from ingestion.parsed import ParsedDocument
from ingestion.tasks.embedding import chunks_of
from ingestion.tasks.failing import explain, may_retry
from ingestion.tasks.hand_off import send_or_leave
from ingestion.tasks.ownership import kept_alive
from ingestion.tasks.parts import Parts
from ingestion.tasks.rebuild_check import why_unfit
from retrieval.embedding.windows import embed_chunks
from retrieval.index.port import Generation, SearchIndex

log = get_logger(__name__)

EVERYTHING = All(())
SKEW = timedelta(seconds=60)
"""Clocks of workers may differ so much: a round looks back so much further."""
WAIT_S = 1.0
REWRITES = 3
"""How often a document that changes while it is written is written again at once; the next round sees to the rest."""
MAX_CHECKS = 60

Outcome = tuple[dict[str, Any], float]
"""What a step changes of the rebuild, and seconds until the next."""


@dataclass(frozen=True, slots=True)
class _Target:
    generation: Generation
    index: SearchIndex
    source: SearchIndex | None
    """Where vectors can be taken from: the generation before, if they come from the same embedder."""


def rebuild(parts: Parts, generation: str, step: int) -> None:
    """Do one step of a build, and send the next. Does nothing for a step that was done, or that a living worker has."""
    store, lease_s = parts.catalog.rebuilds, parts.settings.sync.lease_s
    with parts.owners.new() as owner:
        job = store.claim(generation, step, owner, lease_s)
        if job is None:
            return
        try:
            with kept_alive(lambda: store.extend(generation, owner, lease_s), lease_s), stage("ingest.rebuild"):
                changes, wait_s = _step(parts, job)
        except Exception as error:  # noqa: BLE001 - the boundary of the task: a build must not hang
            changes, wait_s = _after(parts, job, error)
        following = store.advance(job, owner, lease_s + wait_s, **changes)
    if following is not None:
        send_or_leave(parts, "footnote.rebuild", {"generation": generation, "step": following}, wait_s)


def _after(parts: Parts, job: Rebuild, error: Exception) -> Outcome:
    if isinstance(error, Unavailable):
        log.warning("rebuild.waits", generation=job.generation, reason=error.message)
        return {"error": error.message}, parts.settings.sync.retry_base_s
    if not isinstance(error, FootnoteError):
        log.exception("rebuild.unexpected", generation=job.generation, exc_info=error)
    tries = job.tries + 1
    if may_retry(error) and tries < parts.settings.sync.max_attempts:
        return {"tries": tries, "error": explain(error)}, parts.settings.sync.retry_base_s
    return {"state": RebuildState.FAILED, "error": explain(error)}, 0


def _step(parts: Parts, job: Rebuild) -> Outcome:
    target = _target(parts, job)
    if job.state is RebuildState.CHECKING:
        return _conclude(parts, job, target)
    works = parts.catalog.rebuilds.next_documents(job, parts.settings.sync.embed_chunks)
    if works:
        fixed = _bring_up(parts, job, target, works)
        done = job.done + (len(works) if job.since is None else 0)
        return {"position": works[-1].record.id, "done": done, "fixed": job.fixed + fixed, "error": None}, 0
    watched = parts.catalog.rebuilds.still_watched(job.generation)
    if job.since is not None and not job.fixed and not watched:
        return {"state": RebuildState.CHECKING, "tries": 0}, 0
    return _another_round(parts, job), WAIT_S if watched else 0


def _another_round(parts: Parts, job: Rebuild) -> dict[str, Any]:
    since = job.round_began - SKEW
    now = parts.catalog.clock.now()
    return {"state": RebuildState.FILLING, "since": since, "round_began": now, "position": "", "fixed": 0}


def _target(parts: Parts, job: Rebuild) -> _Target:
    there = {generation.name: generation for generation in parts.index.generations()}
    if job.generation not in there:
        raise NotFound(f"Generation {job.generation} was dropped while it was built.")
    generation, previous = there[job.generation], there.get(job.previous)
    same = previous is not None and previous.embedder == generation.embedder
    # Rounding twice is rounding once; but rounded vectors in a generation of whole ones would stay so unseen.
    fit = same and previous is not None and (not previous.lossy or generation.lossy)
    source = parts.index.for_generation(job.previous) if fit else None
    return _Target(generation, parts.index.for_generation(job.generation), source)


def _conclude(parts: Parts, job: Rebuild, target: _Target) -> Outcome:
    why = why_unfit(parts, job, target.generation, target.index)
    if why is None:
        if job.swap:
            parts.index.swap(job.generation)
        log.info("rebuild.finished", generation=job.generation, live=job.swap)
        return {"state": RebuildState.LIVE if job.swap else RebuildState.READY, "error": None}, 0
    if job.tries + 1 < MAX_CHECKS and why.may_pass:
        return {**_another_round(parts, job), "tries": job.tries + 1, "error": why.message}, WAIT_S
    return {"state": RebuildState.FAILED, "error": why.message}, 0


def _bring_up(parts: Parts, job: Rebuild, target: _Target, works: Sequence[Work]) -> int:
    """Have these documents in the generation as they are in the catalog; how many were not."""
    fixed: set[str] = set()
    todo: Sequence[Work] = works
    for attempt in range(REWRITES):
        fixed |= _write(parts, target, todo, anew=job.since is None and attempt == 0)
        todo = _changed(parts, target, todo)
        if not todo:
            break
    return len(fixed)


def _write(parts: Parts, target: _Target, works: Sequence[Work], *, anew: bool) -> set[str]:
    """Write what the generation lacks of these documents; which those were. ``anew``: nothing of them was written."""
    chunks = [chunk for work in works for chunk in _chunks(parts, work)]
    if not anew:
        wrong = {chunk.document_id: chunk.version for chunk in _wrong(target.index, chunks)}
        chunks = [chunk for chunk in chunks if chunk.document_id in wrong]
        # Whole documents: a new title gives their chunks new ids, and the old ones must not stay beside them.
        target.index.delete_documents(wrong)
        # What a step wrote of a version that a worker was just replacing.
        right = [work for work in works if work.record.id not in wrong]
        target.index.delete_stale({work.record.id: work.indexed_version or 0 for work in right})
    size = parts.settings.sync.embed_chunks
    as_of = {work.record.id: work.record.version for work in works}
    for start in range(0, len(chunks), size):
        # What is refused has changed meanwhile: whoever changed it writes to this generation too.
        target.index.upsert(_embedded(parts, target, chunks[start : start + size]), as_of)
    return {chunk.document_id for chunk in chunks}


def _changed(parts: Parts, target: _Target, works: Sequence[Work]) -> list[Work]:
    """Those that changed while they were written, as they are now; those that are gone are taken back."""
    now = parts.catalog.rebuilds.works([work.record.id for work in works])
    target.index.delete_documents({work.record.id: work.record.version for work in works if work.record.id not in now})
    return [now[work.record.id] for work in works if work.record.id in now and _differs(work, now[work.record.id])]


def _differs(before: Work, now: Work) -> bool:
    return (before.record.version, before.indexed_version) != (now.record.version, now.indexed_version)


def _chunks(parts: Parts, work: Work) -> list[Chunk]:
    parsed = stored(parts, work)
    if parsed is not None:
        return as_indexed(work, parsed)
    if not _changed_since(parts, work):
        # Its text is gone from the blob store: it is read anew, and written to every generation then.
        parts.catalog.outcomes.start_over(work.record.id)
        log.warning("rebuild.text_lost", document_id=work.record.id)
    return []


def _changed_since(parts: Parts, work: Work) -> bool:
    now = parts.catalog.rebuilds.works([work.record.id]).get(work.record.id)
    return now is None or _differs(work, now)


def stored(parts: Parts, work: Work) -> ParsedDocument | None:
    """The text that the index holds of a document; None if it is no longer there."""
    try:
        return ParsedDocument.from_bytes(parts.blobs.get(parsed_key(work.record.id, work.record.content_hash or "")))
    except NotFound:
        return None


def as_indexed(work: Work, parsed: ParsedDocument) -> list[Chunk]:
    """The chunks as the index holds them: the bytes and the version that were indexed, the permissions of now."""
    record = replace(work.record, version=work.indexed_version or work.record.version)
    return chunks_of(record, parsed)


def _wrong(index: SearchIndex, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Those that the generation lacks, or has of an older version or with other permissions."""
    there = {chunk.id: chunk for chunk in index.fetch([chunk.id for chunk in chunks], EVERYTHING)}

    def is_wrong(chunk: Chunk) -> bool:
        found = there.get(chunk.id)
        if found is None:
            return True
        return found.version <= chunk.version and (found.version, found.acl) != (chunk.version, chunk.acl)

    return [chunk for chunk in chunks if is_wrong(chunk)]


def _embedded(parts: Parts, target: _Target, chunks: Sequence[Chunk]) -> list[EmbeddedChunk]:
    """With the vectors of the generation before where they are the same model's; the model runs for the others."""
    known = target.source.vectors([chunk.id for chunk in chunks], EVERYTHING) if target.source else {}
    missing = [chunk for chunk in chunks if chunk.id not in known]
    made = embed_chunks(parts.embedders.of(target.generation), missing) if missing else []
    return [EmbeddedChunk(chunk, known[chunk.id]) for chunk in chunks if chunk.id in known] + made
