"""The port behind which chunks are searched. Nothing above it knows which adapter it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from core.chunk import Chunk, EmbeddedChunk, Vector, Vectors
from core.filters import Filter, TermField
from core.metadata import Metadata
from core.pipeline import FieldWeights

Leg = Literal["lexical", "vector"]
USUAL_FIELDS = FieldWeights()
MOST_VALUES = 1000
"""Of a field, that an index tells at once."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk as one leg ranks it: best first, the higher the score the better."""

    chunk_id: str
    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class LegResults:
    """What both legs found. A leg that failed is None, with the reason in ``errors``: the other still counts."""

    lexical: list[Candidate] | None
    vector: list[Candidate] | None
    errors: dict[Leg, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentUpdate:
    """New permissions and metadata of a document.

    Attributes:
        metadata, uri: None: what the chunks have.
        up_to: the document's version. Chunks that have permissions of a later one are left as they are.
        restamp: whether the chunks are of version ``up_to`` from now on; otherwise they keep theirs.
    """

    document_id: str
    acl: Sequence[str]
    up_to: int
    metadata: Metadata | None = None
    uri: str | None = None
    restamp: bool = True


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """What the index holds of a document.

    Attributes:
        versions: how many chunks are of each version.
        acl: the terms on each of its chunks; None: its chunks differ in them.
        latest: the latest version of the document that a chunk has its content or its permissions of.
    """

    document_id: str
    versions: Mapping[int, int]
    acl: frozenset[str] | None
    latest: int


@dataclass(frozen=True, slots=True)
class IndexCounts:
    """How much a generation holds."""

    documents: int
    chunks: int
    windows: int


@dataclass(frozen=True, slots=True)
class IndexRoom:
    """Bytes on the disk of the index; where it has several nodes, on that of which the least is free."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One build of the index: all its vectors come from one embedder.

    Attributes:
        name: unique and ordered by age.
        embedder: the embedder's name, so that vectors of two models never meet.
        dimensions: length of a vector.
        live: whether searches read it.
        model: what ``embedder.model`` was when it was begun, by which its embedder can be loaded; empty: not known.
        lossy: whether its vectors were rounded to keep them, so that they are no source for one that keeps them whole.
    """

    name: str
    embedder: str
    dimensions: int
    live: bool
    model: str = ""
    lossy: bool = False


@runtime_checkable
class SearchIndex(Protocol):
    """Keeps chunks and finds them again, lexically and by vector, for a reader who may see some of them.

    **Writes are guarded by the document's version.** Each names the version that it is of, and the index remembers the
    latest that it has heard of a document, also of one that has no chunks (any more). So what is late changes nothing:
    content or permissions of an older version replace nothing of a later one, are not added beside it, and don't bring
    a deleted document back; however the writers' steps lie between each other, and wherever one of them dies. Each
    generation remembers for itself.

    Every method raises :class:`core.errors.IndexUnavailable` when the index doesn't answer in time, and
    :class:`core.errors.ConfigurationError` when it answers that it can't do this (wrong dimension, wrong login).
    Methods are safe to call from several threads, and several processes may use one index.
    """

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create the live generation if there is none. Can run any number of times, from several processes.

        Raises:
            ConfigurationError: the live generation was built by another embedder or with another dimension.
        """
        ...

    def upsert(self, chunks: Sequence[EmbeddedChunk], as_of: Mapping[str, int] | None = None) -> dict[str, int]:
        """Write chunks, replacing those of the same id. All are stored when it returns, but for those refused.

        Refused are the chunks of a document of which the index has heard something later: another version, or content
        of this one where these chunks are older content with this one's permissions. Some may have been written by
        then; they are gone, or have the later permissions, once the later write has returned.

        Args:
            chunks: those of one document are of one version.
            as_of: of documents whose permissions and metadata are of a later version than these chunks, that version.

        Returns:
            The documents that were refused, each with the version that the index has heard of.

        Raises:
            ValueError: a document's chunks are of several versions.
        """
        ...

    def delete_stale(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks of versions before the one that is named; how many went. None come back."""
        ...

    def delete_documents(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks up to the version at which each was deleted; how many went.

        None of an earlier version come back. Those of a later one stay: the document is back.
        """
        ...

    def update_documents(self, updates: Sequence[DocumentUpdate]) -> int:
        """Replace permissions and metadata on documents' chunks, keeping their vectors; how many chunks changed.

        Each document is named once. The new permissions hold when it returns, and for what is written late too.
        """
        ...

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS) -> list[Candidate]:
        """The best ``k`` chunks by BM25 over these fields, added, among those that pass the filter.

        A generation of an earlier release lacks some of the fields: they add nothing there.
        """
        ...

    def spelt_nearly(self, word: str, filter: Filter, k: int) -> list[Candidate]:
        """Up to ``k`` chunks that pass the filter and may have a word in them that is spelt nearly as this one.

        What is looked for are stems, so that some have no such word: who calls reads them.
        """
        ...

    def vector(self, embedding: Vector, filter: Filter, k: int) -> list[Candidate]:
        """The best ``k`` chunks by their best window's cosine similarity, in [-1, 1], among those that pass."""
        ...

    def both(
        self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS
    ) -> LegResults:
        """Both legs in one round trip where the adapter can. Raises only when both fail."""
        ...

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        """These chunks in this order; those that are gone or don't pass the filter are left out."""
        ...

    def fetch_embedded(self, chunk_ids: Sequence[str], filter: Filter) -> list[EmbeddedChunk]:
        """As :meth:`fetch`, with the windows' vectors, in one round trip."""
        ...

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        """Vectors of these chunks' windows, shape (windows, dimensions); as in :meth:`fetch`, some may be missing."""
        ...

    def count_documents(self, filter: Filter) -> int:
        """How many documents have a chunk that passes the filter; approximate where they are very many."""
        ...

    def values(self, field: TermField, filter: Filter) -> list[str]:
        """The field's values on chunks that pass, those of most chunks first; at most :data:`MOST_VALUES`."""
        ...

    def facets(self, wanted: Mapping[TermField, Filter], most: int) -> dict[TermField, list[tuple[str, int]]]:
        """For each field its values on documents that pass the field's filter, with how many documents have them.

        The most frequent first, ties in the values' order, at most ``most`` of each field. A document that is just
        being written anew may count twice.
        """
        ...

    def counts(self) -> IndexCounts:
        """What the live generation holds."""
        ...

    def room(self) -> IndexRoom:
        """How full its disk is."""
        ...

    def documents(self, after: str, limit: int) -> list[IndexedDocument]:
        """The next documents that the live generation holds, by id, behind ``after``; as of the last refresh.

        There may be less than ``limit`` of them; none: there are no more.
        """
        ...

    def mark(self) -> str:
        """What :meth:`set_mark` kept last; empty in an index that was never marked."""
        ...

    def set_mark(self, mark: str) -> None:
        """Keep a line with what the index holds, by which a catalog tells that this is its own index, and of when."""
        ...

    def refresh(self) -> None:
        """Make everything written so far findable."""
        ...

    def generations(self) -> list[Generation]:
        """All generations, oldest first."""
        ...

    def begin(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create a generation beside the live one. Write to it through :meth:`for_generation`."""
        ...

    def for_generation(self, name: str) -> SearchIndex:
        """This index with reads and writes on that generation instead of the live one."""
        ...

    def swap(self, name: str) -> None:
        """Make that generation the live one, atomically; the old one stays."""
        ...

    def drop(self, name: str) -> None:
        """Delete a generation that isn't live.

        Raises:
            Conflict: it is live.
            NotFound: there is none of that name.
        """
        ...

    def ping(self) -> None:
        """Return when the index answers."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...
