"""Deleting and updating the chunks that match a query."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import IndexUnavailable
from retrieval.index.opensearch.client import Client
from retrieval.index.opensearch.documents import metadata_fields
from retrieval.index.opensearch.failures import from_status, reason
from retrieval.index.opensearch.filters import Query
from retrieval.index.opensearch.mapping import PERMISSIONS_VERSION, RESERVED_FOR
from retrieval.index.port import DocumentUpdate

TIMEOUT_S = 300.0
"""A large document's thousands of chunks are rewritten in one request."""
ATTEMPTS = 5

# The context is rebuilt as core.chunk.Chunk.context makes it, for the title is part of it.
# A reservation of an older version is taken back, so that who made it can't fill it.
_UPDATE = """
def reserved_for = ctx._source.reserved_for;
def update = params.updates[reserved_for == null ? ctx._source.document_id : reserved_for];
def told = ctx._source.permissions_version == null ? ctx._source.version : ctx._source.permissions_version;
if (reserved_for != null) { ctx.op = told < update.up_to ? 'delete' : 'noop'; return; }
if (told > update.up_to) { ctx.op = 'noop'; return; }
for (entry in update.fields.entrySet()) { ctx._source[entry.getKey()] = entry.getValue(); }
String text = ctx._source.text;
String opening = text.substring(0, (int) Math.min(400, text.length())).toLowerCase();
LinkedHashSet lines = new LinkedHashSet();
lines.add(ctx._source.title);
if (ctx._source.heading_path != null) { lines.addAll(ctx._source.heading_path); }
StringBuilder context = new StringBuilder();
for (line in lines) {
  if (line != null && line.length() > 0 && !opening.contains(line.toLowerCase())) {
    if (context.length() > 0) { context.append((char) 10); }
    context.append(line);
  }
}
ctx._source.context = context.toString();
"""


class ByQuery:
    """By-query writes on one alias or index, of chunks and of what is reserved for them.

    They see only what a refresh has made findable, so each begins with one: without it, chunks written a moment ago
    would be left out silently.
    """

    def __init__(self, client: Client, target: str) -> None:
        self._client = client
        self._target = target
        self._turn = threading.Lock()
        self._begun = self._done = 0

    def delete(self, versions: Mapping[str, int], those: str) -> int:
        """Delete documents' chunks and reservations of some versions; how many went.

        Args:
            versions: by document.
            those: ``lt``, versions before that one, or ``lte``, that one too.
        """
        alike: defaultdict[int, list[str]] = defaultdict(list)
        for document_id, version in versions.items():
            alike[version].append(document_id)
        any_of = [_of(documents, {those: version}) for version, documents in alike.items()]
        return self._run("_delete_by_query", {"query": {"bool": {"should": any_of}}}, "deleted")

    def update(self, updates: Sequence[DocumentUpdate]) -> int:
        """Replace permissions and metadata of documents' chunks; how many changed."""
        params = {update.document_id: _params(update) for update in updates}
        script = {"lang": "painless", "source": _UPDATE, "params": {"updates": params}}
        query = _of(list(params), {"lte": max(update.up_to for update in updates)})
        return self._run("_update_by_query", {"query": query, "script": script}, "updated")

    def refresh(self) -> None:
        """Make everything written so far findable. Calls that come while one runs share the next."""
        seen = self._begun
        with self._turn:
            if self._done > seen:
                return  # one that began after this call has already ended
            self._begun += 1
            self._client.request("POST", f"/{self._target}/_refresh", timeout_s=TIMEOUT_S)
            self._done = self._begun

    def _run(self, operation: str, body: dict[str, Any], counter: str) -> int:
        changed = 0
        for _ in range(ATTEMPTS):
            self.refresh()
            # Conflicts are documents that somebody else has just written: passed over, and looked at again.
            answer = self._client.request(
                "POST",
                f"/{self._target}/{operation}",
                body,
                params={"conflicts": "proceed", "refresh": "true"},
                timeout_s=TIMEOUT_S,
            )
            if answer["failures"]:
                failure = answer["failures"][0]
                raise from_status(
                    int(failure.get("status", 500)), reason(failure.get("cause", failure)), self._client.url
                )
            changed += int(answer[counter])
            if not answer["version_conflicts"]:
                return changed
        raise IndexUnavailable(f"OpenSearch: chunks kept changing while they were to be {counter}. Try again.")


def _params(update: DocumentUpdate) -> dict[str, Any]:
    fields: dict[str, Any] = {"acl": list(update.acl)}
    if update.metadata is not None:
        fields |= metadata_fields(update.metadata)
    if update.uri is not None:
        fields["uri"] = update.uri
    fields[PERMISSIONS_VERSION] = update.up_to
    if update.restamp:
        fields["version"] = update.up_to
    return {"up_to": update.up_to, "fields": fields}


def _of(documents: Sequence[str], versions: Mapping[str, int]) -> Query:
    """The chunks and reservations of documents that are of these versions."""
    either = [{"terms": {field: list(documents)}} for field in ("document_id", RESERVED_FOR)]
    return {"bool": {"should": either, "minimum_should_match": 1, "filter": [{"range": {"version": versions}}]}}
