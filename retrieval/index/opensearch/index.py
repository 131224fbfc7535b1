"""The search index on OpenSearch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.errors import FootnoteError
from core.filters import Filter, TermField
from core.pipeline import FieldWeights
from core.settings import IndexSettings
from core.telemetry import stage
from retrieval.index.opensearch import holdings
from retrieval.index.opensearch.client import Client, dumps
from retrieval.index.opensearch.documents import to_chunk
from retrieval.index.opensearch.failures import from_status, or_raised, reason
from retrieval.index.opensearch.filters import inside_knn, sendable, to_query
from retrieval.index.opensearch.generations import Generations
from retrieval.index.opensearch.inventory import inventory, inventory_search
from retrieval.index.opensearch.layouts import UNKNOWN, Layouts
from retrieval.index.opensearch.mapping import VECTOR
from retrieval.index.opensearch.queries import (
    ANSWER_FIELDS,
    PASSAGES,
    VECTORS,
    WHERE,
    batched,
    candidates,
    lexical_search,
    near_search,
    vector_search,
)
from retrieval.index.opensearch.vectors import VectorLayout, decode
from retrieval.index.opensearch.writing import Writing
from retrieval.index.port import (
    USUAL_FIELDS,
    Candidate,
    DocumentUpdate,
    Generation,
    IndexCounts,
    IndexedDocument,
    IndexRoom,
    Leg,
    LegResults,
)

if TYPE_CHECKING:
    from core.chunk import Vector

_Searches = dict[Leg, dict[str, Any]]
_Outcomes = dict[Leg, list[Candidate] | FootnoteError]

_HEADER = b'{"allow_partial_search_results":false}\n'


class OpenSearchIndex:
    """:class:`retrieval.index.port.SearchIndex` on OpenSearch 2.19 and later with the k-NN plugin.

    Constructing it connects to nothing.

    Args:
        settings: the index's name, and how to reach OpenSearch.
        sleep: waits between attempts.

    Raises:
        ConfigurationError: the CA file can't be read, or there are no AWS credentials.
    """

    def __init__(self, settings: IndexSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._client = Client(settings.opensearch, sleep)
        self._owns_client = True
        self._generations = Generations(self._client, settings)
        self._aim(self._generations.read, self._generations.write)

    def _aim(self, read: str, write: str) -> None:
        self._read, self._write = read, write
        self._search_path = f"/{read}/_msearch"
        self._writing = Writing(self._client, write, self._settings.opensearch)
        self._pinned = read == write
        self._layouts = Layouts(self._client, read)
        self._write_layouts = Layouts(self._client, write)

    def upsert(self, chunks: Sequence[EmbeddedChunk], as_of: Mapping[str, int] | None = None) -> dict[str, int]:
        """Write chunks, replacing those of the same id; see the port."""
        if not chunks:
            return {}
        with stage("index.upsert", chunks=len(chunks)):
            # An alias may have moved since the last write.
            layout = (self._write_layouts.now() if self._pinned else self._write_layouts.look()).layout
            encoded = [EmbeddedChunk(one.chunk, layout.encode(one.windows)) for one in chunks]
            return self._writing.upsert(encoded, as_of or {})

    def delete_stale(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks of versions before the named one; how many went."""
        with stage("index.delete", documents=len(versions)):
            return self._writing.delete_stale(versions)

    def delete_documents(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks up to the version at which each was deleted; how many went."""
        with stage("index.delete", documents=len(versions)):
            return self._writing.delete_documents(versions)

    def update_documents(self, updates: Sequence[DocumentUpdate]) -> int:
        """Replace permissions and metadata on documents' chunks, keeping their vectors; see the port."""
        with stage("index.update", documents=len(updates)):
            return self._writing.update_documents(updates)

    def refresh(self) -> None:
        """Make everything written so far findable."""
        self._writing.refresh()

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS) -> list[Candidate]:
        """The best ``k`` chunks by BM25 among those that pass the filter."""
        search = lexical_search(query, to_query(filter), k, fields)
        return or_raised(self._search({"lexical": search}, UNKNOWN)[0]["lexical"])

    def spelt_nearly(self, word: str, filter: Filter, k: int) -> list[Candidate]:
        """Chunks that may have a word spelt nearly as this one; see the port."""
        return or_raised(self._search({"lexical": near_search(word, to_query(filter), k)}, UNKNOWN)[0]["lexical"])

    def vector(self, embedding: Vector, filter: Filter, k: int) -> list[Candidate]:
        """The best ``k`` chunks by their best window's cosine similarity among those that pass the filter."""
        return or_raised(self._ask({}, embedding, filter, k)["vector"])

    def both(
        self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS
    ) -> LegResults:
        """Both legs in one round trip. Raises only when both fail."""
        found = self._ask({"lexical": lexical_search(query, to_query(filter), k, fields)}, embedding, filter, k)
        failed = {leg: outcome for leg, outcome in found.items() if isinstance(outcome, FootnoteError)}
        if len(failed) == len(found):
            raise failed["lexical"]
        good = {leg: outcome for leg, outcome in found.items() if not isinstance(outcome, FootnoteError)}
        return LegResults(
            good.get("lexical"), good.get("vector"), {leg: error.message for leg, error in failed.items()}
        )

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        """These chunks in this order; those that are gone or don't pass the filter are left out."""
        with stage("index.fetch", chunks=len(chunk_ids)):
            found = {
                hit["_id"]: to_chunk(hit["_id"], hit["_source"])
                for hit in self._hits(chunk_ids, filter, PASSAGES, ("_source",))
            }
        return [found[chunk_id] for chunk_id in chunk_ids if chunk_id in found]

    def fetch_embedded(self, chunk_ids: Sequence[str], filter: Filter) -> list[EmbeddedChunk]:
        """As :meth:`fetch`, with the windows' vectors: one request instead of two."""
        with stage("index.fetch", chunks=len(chunk_ids)):
            found = {
                hit["_id"]: EmbeddedChunk(to_chunk(hit["_id"], hit["_source"]), decode(hit["fields"][VECTOR]))
                for hit in self._hits(chunk_ids, filter, PASSAGES | VECTORS, ("_source", "fields"))
            }
        return [found[chunk_id] for chunk_id in chunk_ids if chunk_id in found]

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        """The windows' vectors of these chunks; those that are gone or don't pass the filter are left out."""
        wanted = {"_source": False} | VECTORS
        with stage("index.vectors", chunks=len(chunk_ids)):
            return {
                hit["_id"]: decode(hit["fields"][VECTOR]) for hit in self._hits(chunk_ids, filter, wanted, ("fields",))
            }

    def _hits(
        self, chunk_ids: Sequence[str], filter: Filter, wanted: dict[str, Any], parts: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        clause = to_query(filter)
        for batch in batched(sendable(chunk_ids)):
            body = {
                "query": {"bool": {"filter": [{"ids": {"values": batch}}, holdings.CHUNKS, clause]}},
                "size": len(batch),
                "track_total_hits": False,
                **wanted,
            }
            paths = ",".join(f"hits.hits.{part}" for part in ("_id", *parts))
            params = {"filter_path": paths, "allow_partial_search_results": "false"}
            answer = self._client.request("POST", f"/{self._read}/_search", body, params=params)
            yield from answer.get("hits", {}).get("hits", [])

    def count_documents(self, filter: Filter) -> int:
        """How many documents have a chunk that passes the filter; above 40,000 approximate."""
        return holdings.documents(self._client, self._read, to_query(filter))

    def values(self, field: TermField, filter: Filter) -> list[str]:
        """The field's values on chunks that pass the filter, those of most chunks first."""
        return holdings.values(self._client, self._read, field, to_query(filter))

    def facets(self, wanted: Mapping[TermField, Filter], most: int) -> dict[TermField, list[tuple[str, int]]]:
        """How many documents have which values; see the port."""
        queries = {field: to_query(passing) for field, passing in wanted.items()}
        return holdings.facets(self._client, self._read, queries, most)

    def counts(self) -> IndexCounts:
        """What the live generation holds, as of the last refresh; documents above 40,000 are approximate."""
        return holdings.counts(self._client, self._read)

    def room(self) -> IndexRoom:
        """How full the node is whose disk has the least free."""
        return holdings.room(self._client)

    def documents(self, after: str, limit: int) -> list[IndexedDocument]:
        """The next documents by id; see the port."""
        with stage("index.documents"):
            answer = self._client.request("POST", f"/{self._read}/_search", inventory_search(after, limit))
        return inventory(answer)

    def mark(self) -> str:
        """What :meth:`set_mark` kept last, with the live generation."""
        return self._generations.mark()

    def set_mark(self, mark: str) -> None:
        """Keep a line with every generation."""
        self._generations.set_mark(mark)

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """The live generation, created if there is none; see the port."""
        return self._generations.ensure(embedder, dimensions, model)

    def generations(self) -> list[Generation]:
        """All generations, oldest first."""
        return self._generations.list()

    def begin(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create a generation beside the live one, without replicas and refreshes until it is swapped in."""
        return self._generations.begin(embedder, dimensions, model)

    def for_generation(self, name: str) -> OpenSearchIndex:
        """This index with reads and writes on that generation; it shares this one's connections.

        Raises:
            NotFound: there is none of that name.
        """
        self._generations.get(name)
        other = copy.copy(self)
        other._owns_client = False
        alias = self._generations.alias_of(name)
        other._aim(alias, alias)
        return other

    def swap(self, name: str) -> None:
        """Make that generation the live one, atomically; the old one stays."""
        self._generations.swap(name)

    def drop(self, name: str) -> None:
        """Delete a generation that isn't live; see the port."""
        self._generations.drop(name)

    def ping(self) -> None:
        """Return when OpenSearch answers and accepts the login."""
        self._client.request("GET", "/", attempts=1)

    def close(self) -> None:
        """Close the connections, unless they are another index's."""
        if self._owns_client:
            self._client.close()

    def _ask(self, others: _Searches, embedding: Vector, filter: Filter, k: int) -> _Outcomes:
        """The vector search, with others in the same round trip.

        How a question's vector is sent depends on the generation. Where another one turns out to have answered, the
        alias has moved, and the search is done again if that one keeps vectors in another way.
        """
        known = self._layouts.now()
        while True:
            search = vector_search(embedding, inside_knn(filter), k, self._settings.opensearch, known.layout)
            found, answered = self._search({**others, "vector": search}, known.layout)
            if self._pinned or answered == {known.generation}:
                return found
            if not answered and not isinstance(found["vector"], FootnoteError):
                return found  # nothing passes the filter, wherever that was
            before, known = known, self._layouts.look()
            if known.layout == before.layout:
                return found

    def _search(self, searches: _Searches, layout: VectorLayout) -> tuple[_Outcomes, set[str]]:
        """What each search found, and the generations that the hits are from where that can matter."""
        moves = not self._pinned and "vector" in searches
        body = b"".join(_HEADER + dumps(search) + b"\n" for search in searches.values())
        wanted = f"{ANSWER_FIELDS},{WHERE}" if moves else ANSWER_FIELDS
        with stage("index.search", legs=len(searches)):
            answer = self._client.request("POST", self._search_path, body, params={"filter_path": wanted})
        outcomes: _Outcomes = {}
        answered: set[str] = set()
        for leg, response in zip(searches, answer["responses"], strict=True):
            if "error" in response:
                outcomes[leg] = from_status(int(response["status"]), reason(response), self._client.url)
                continue
            outcomes[leg] = candidates(response, layout.cosine if leg == "vector" else float)
            if moves:
                answered |= {hit["_index"] for hit in response.get("hits", {}).get("hits", [])}
        return outcomes, answered
