"""Whether a generation that was built is fit to be searched: a gate that needs no judged questions.

Two things can be known of any knowledge base. The generation holds as many chunks as the live one while nothing moves,
and it finds passages by their own words: a model that was loaded wrongly, an analyzer that eats words or a graph that
was cut off doesn't. Judgments of relevance are for the caller: it has the generation built without swapping it in, and
swaps it in by itself.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from core.chunk import Chunk
from core.errors import NotFound
from core.filters import All
from ingestion.blobs import parsed_key
from ingestion.catalog.rebuilds import Rebuild
from ingestion.parsed import ParsedDocument
from ingestion.tasks.embedding import chunks_of
from ingestion.tasks.parts import Parts
from retrieval.index.port import Generation, SearchIndex

SAMPLE = 24
"""Documents that are looked for."""
DEPTH = 10
LEAST_FOUND = 0.8
"""Of the sample, by each leg: passages that many documents repeat may be crowded out by their likes."""
QUERY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a generation isn't swapped in. ``may_pass``: it may be the traffic of the moment, so look again."""

    message: str
    may_pass: bool


def why_unfit(parts: Parts, job: Rebuild, generation: Generation, index: SearchIndex) -> Unfit | None:
    """What is wrong with a generation; None if it can go live."""
    parts.index.refresh()
    moving = parts.catalog.rebuilds.moving()
    here, there = index.counts(), parts.index.for_generation(job.previous).counts()
    if moving == 0 and here.chunks != there.chunks and parts.catalog.rebuilds.moving() == 0:
        message = f"{generation.name} holds {here.chunks} chunks, and {job.previous}, which it would replace,"
        return Unfit(f"{message} {there.chunks}.", may_pass=True)
    return _by_its_own_words(parts, job, generation, index)


def _by_its_own_words(parts: Parts, job: Rebuild, generation: Generation, index: SearchIndex) -> Unfit | None:
    sample = _sample(parts, job)
    there = {chunk.id for chunk in index.fetch([chunk.id for chunk in sample], All(()))}
    asked = [chunk for chunk in sample if chunk.id in there]
    embedder = parts.embedders.of(generation)
    for leg in ("lexical", "vector"):
        found = 0
        for chunk in asked:
            query = chunk.search_text[:QUERY_CHARS]
            if leg == "lexical":
                hits = index.lexical(query, All(()), DEPTH)
            else:
                hits = index.vector(embedder.embed_query(query), All(()), DEPTH)
            found += any(hit.document_id == chunk.document_id for hit in hits)
        if found < LEAST_FOUND * len(asked):
            message = f"{generation.name} finds {found} of {len(asked)} passages by their own words ({leg} leg)."
            return Unfit(f"{message} Drop it, and look into the model or the mapping.", may_pass=False)
    return None


def _sample(parts: Parts, job: Rebuild) -> list[Chunk]:
    """A chunk of each of some documents, from a random place on; ids are hashes, so neighbours aren't related."""
    first = replace(job, position=secrets.token_hex(16), since=None)
    works = parts.catalog.rebuilds.next_documents(first, SAMPLE * 10)
    works += parts.catalog.rebuilds.next_documents(replace(first, position=""), SAMPLE * 10)
    chunks: dict[str, Chunk] = {}
    for work in works:
        if len(chunks) == SAMPLE:
            break
        try:
            content = parts.blobs.get(parsed_key(work.record.id, work.record.content_hash or ""))
        except NotFound:  # it is being replaced
            continue
        found = chunks_of(work.record, ParsedDocument.from_bytes(content))
        if found:
            chunks[work.record.id] = found[len(found) // 2]
    return list(chunks.values())
