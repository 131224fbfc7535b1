"""The index that is served, or another of its generations, opened to be asked and not to be written to."""

from __future__ import annotations

from core.errors import ConfigurationError
from core.settings import Settings
from eval.retrieval.own_index import OwnIndex
from eval.retrieval.record import IndexRow
from retrieval.embedding.port import Embedder
from retrieval.index.build import build_index
from retrieval.index.pinned import pinned
from retrieval.index.port import Generation, SearchIndex

LIVE = "live"
"""The key of the index that is served."""


def served(settings: Settings, embedder: Embedder, generation: str | None = None) -> OwnIndex:
    """Open the generation of that name, which exists; None: the one that searches read.

    Raises:
        ConfigurationError: there is no index yet, or another embedder built it.
        IndexUnavailable: the index doesn't answer.
    """
    index = build_index(settings)
    named = (one for one in index.generations() if (one.live if generation is None else one.name == generation))
    found = next(named, None)
    if found is None:
        raise ConfigurationError("The knowledge base has no index yet. Take documents in: footnote ingest FOLDER")
    if generation is None:
        index.ensure(embedder.name, embedder.dimensions)  # says what to do where another embedder built it
    elif (found.embedder, found.dimensions) != (embedder.name, embedder.dimensions):
        raise ConfigurationError(
            f"Generation {found.name} was built by the embedder {found.embedder} ({found.dimensions} dimensions), and "
            f"what {found.model or 'embedder.model'} names is {embedder.name} ({embedder.dimensions}): put that "
            "model's files back, or build the generation anew."
        )
    else:
        index = pinned(index, found.name)
    return OwnIndex(index, _row(settings, found, index, generation))


def _row(settings: Settings, found: Generation, index: SearchIndex, generation: str | None) -> IndexRow:
    counts = index.counts()
    return IndexRow(
        key=LIVE if generation is None else f"{LIVE}:{found.name}",
        kind=settings.index.kind,
        generation=found.name,
        embedder=found.embedder,
        dimensions=found.dimensions,
        documents=counts.documents,
        chunks=counts.chunks,
        windows=counts.windows,
        reused=True,
    )
