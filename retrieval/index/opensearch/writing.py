"""Writes that a document's version guards.

OpenSearch has conditions on one of its documents at a time, and a chunk that comes late may be one that nobody else
wrote. So an upsert goes in three steps, each of which waits for the one before:

1. **Reserve.** For each chunk that isn't there an empty document is made; of one that is there, its place is looked up.
2. **Fence.** The documents' marks are raised (:mod:`retrieval.index.fences`). Where one is higher, the chunks are
   refused.
3. **Fill.** The chunks are written, each on condition that nothing has changed its place since the first step.

Whatever else writes raises the mark first, and then deletes or changes what it finds, reservations too. Either it finds
the reservation, and the third step fails; or the reservation is later, and then the second step sees the mark. A
reservation that was left by somebody who died has no text, no vectors and no readers, and goes with its document's next
change.

A fence is an empty document whose external version is the mark: OpenSearch itself refuses to lower it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.chunk import EmbeddedChunk
from core.errors import IndexUnavailable
from core.settings import OpenSearchSettings
from retrieval.index.fences import mark, marks_of, permissions_version, version_of
from retrieval.index.opensearch.bulk import Place, item, send
from retrieval.index.opensearch.byquery import ByQuery
from retrieval.index.opensearch.client import Client
from retrieval.index.opensearch.documents import to_document
from retrieval.index.opensearch.filters import sendable
from retrieval.index.opensearch.mapping import PERMISSIONS_VERSION, RESERVED_FOR
from retrieval.index.opensearch.queries import batched
from retrieval.index.port import DocumentUpdate

ATTEMPTS = 5
MOST_DOCUMENTS = 250
"""Of one query: a document can take three of the 1024 clauses that Lucene allows."""
_FENCE = "fence-"
_VERSIONS = ("version", PERMISSIONS_VERSION, RESERVED_FOR)


class Writing:
    """Writes to one alias or index.

    Args:
        target: the alias.
        settings: how large and how many requests are.
    """

    def __init__(self, client: Client, target: str, settings: OpenSearchSettings) -> None:
        self._client = client
        self._target = target
        self._settings = settings
        self._by_query = ByQuery(client, target)

    def upsert(self, chunks: Iterable[EmbeddedChunk], as_of: Mapping[str, int]) -> dict[str, int]:
        """Write chunks, but for those of documents that the answer names; see the port."""
        left = {one.chunk.id: one for one in chunks}
        marks = marks_of((one.chunk for one in left.values()), as_of)
        refused: dict[str, int] = {}
        for _ in range(ATTEMPTS):
            places, made = self._reserve(left, as_of, refused)
            self._fence({one.chunk.document_id: marks[one.chunk.document_id] for one in left.values()}, refused)
            late = {key for key, one in left.items() if one.chunk.document_id in refused}
            self._give_back({key: made[key] for key in late & made.keys()})
            left = {key: one for key, one in left.items() if key not in late}
            self._fill(left, places, as_of)
            if not left:
                return refused
        raise IndexUnavailable("OpenSearch: chunks kept changing while they were to be written. Try again.")

    def delete_stale(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks of versions before the named one; how many went."""
        return self._delete(versions, "lt")

    def delete_documents(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks up to the named version; how many went."""
        return self._delete(versions, "lte")

    def update_documents(self, updates: Sequence[DocumentUpdate]) -> int:
        """Replace permissions and metadata on documents' chunks; how many changed."""
        named = {update.document_id: update for update in updates}
        changed = 0
        for batch in batched(sendable(named)):
            self._fence({key: mark(named[key].up_to, content=False) for key in batch})
            changed += self._by_query.update([named[key] for key in batch])
        return changed

    def refresh(self) -> None:
        """Make everything written so far findable."""
        self._by_query.refresh()

    def _delete(self, versions: Mapping[str, int], those: str) -> int:
        gone = 0
        for batch in batched(sorted(sendable(versions)), MOST_DOCUMENTS):
            self._fence({key: mark(versions[key], content=those == "lt") for key in batch})
            gone += self._by_query.delete({key: versions[key] for key in batch}, those)
        return gone

    def _reserve(
        self, wanted: Mapping[str, EmbeddedChunk], as_of: Mapping[str, int], refused: dict[str, int]
    ) -> tuple[dict[str, Place], dict[str, Place]]:
        """The places of chunks, and those of them that were made for it; into ``refused`` what is there of later."""
        items = (
            item(
                "create",
                {"_id": key},
                {
                    RESERVED_FOR: one.chunk.document_id,
                    "version": one.chunk.version,
                    PERMISSIONS_VERSION: permissions_version(one.chunk, as_of),
                },
            )
            for key, one in wanted.items()
        )
        outcomes = dict(zip(wanted, send(self._client, self._target, items, self._settings), strict=True))
        made = {key: place for key, place in outcomes.items() if place is not None}
        places = dict(made)
        for found in self._get([key for key, place in outcomes.items() if place is None], _VERSIONS):
            places[found["_id"]] = Place(found["_seq_no"], found["_primary_term"])
            chunk, there = wanted[found["_id"]].chunk, found.get("_source", {})
            # An index of an earlier release has chunks without fences.
            latest = 0 if RESERVED_FOR in there else max(there["version"], there.get(PERMISSIONS_VERSION) or 0)
            if latest > permissions_version(chunk, as_of):
                refused[chunk.document_id] = latest
        return places, made

    def _fence(self, marks: Mapping[str, int], refused: dict[str, int] | None = None) -> None:
        """Raise documents' marks; into ``refused``, if it is given, those whose mark is higher, with its version."""
        items = (
            item("index", {"_id": _FENCE + key, "version": mark, "version_type": "external_gte"}, {})
            for key, mark in marks.items()
        )
        outcomes = zip(marks, send(self._client, self._target, items, self._settings), strict=True)
        if refused is not None:
            for found in self._get([_FENCE + key for key, place in outcomes if place is None], ()):
                refused[found["_id"].removeprefix(_FENCE)] = version_of(found["_version"])

    def _fill(self, left: dict[str, EmbeddedChunk], places: Mapping[str, Place], as_of: Mapping[str, int]) -> None:
        """Write chunks at their places; takes those that were written out of ``left``."""
        ready = {key: one for key, one in left.items() if key in places}
        items = (
            item(
                "index",
                {"_id": key, **places[key].condition()},
                to_document(one, permissions_version(one.chunk, as_of)),
            )
            for key, one in ready.items()
        )
        for key, place in zip(ready, send(self._client, self._target, items, self._settings), strict=True):
            if place is not None:
                del left[key]

    def _give_back(self, made: Mapping[str, Place]) -> None:
        items = (item("delete", {"_id": key, **place.condition()}) for key, place in made.items())
        send(self._client, self._target, items, self._settings)

    def _get(self, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Documents by id as they are now, not as of the last refresh."""
        found: list[dict[str, Any]] = []
        for batch in batched(ids):
            params = {"_source_includes": ",".join(fields)} if fields else {"_source": "false"}
            answer = self._client.request("POST", f"/{self._target}/_mget", {"ids": batch}, params=params)
            found += [one for one in answer["docs"] if one.get("found")]
        return found
