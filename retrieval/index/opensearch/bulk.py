"""Writing many chunks: requests of bounded size, a few at a time, with retries for the items that need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from opensearchpy import exceptions

from core.chunk import EmbeddedChunk
from core.errors import IndexUnavailable
from core.settings import OpenSearchSettings
from retrieval.index.opensearch.client import Client, delays, dumps
from retrieval.index.opensearch.documents import to_document
from retrieval.index.opensearch.failures import OVERLOADED, disk_is_full, from_status, is_passing, reason, translate

ATTEMPTS = 7
BASE_DELAY_S = 0.5
TIMEOUT_S = 60.0
"""A bulk request waits for the graph to take its vectors: the limit of a search would be too short."""

_FIRST_ERROR = 300


@dataclass(frozen=True, slots=True)
class _Item:
    """The two lines of one document, as they go into the request."""

    lines: bytes


def write(client: Client, alias: str, chunks: Sequence[EmbeddedChunk], settings: OpenSearchSettings) -> None:
    """Store all of them, or raise; what was stored until then stays, and writing again replaces it.

    Raises:
        IndexUnavailable: items were still refused as overload after all attempts.
        ConfigurationError: an item was refused for good, for example for its vector's length.
        StorageUnavailable: the disk is full.
    """
    batches = list(_batches((_item(chunk) for chunk in chunks), settings.bulk_bytes))
    if len(batches) <= 1 or settings.bulk_concurrency == 1:
        for batch in batches:
            _send(client, alias, batch)
        return
    with ThreadPoolExecutor(settings.bulk_concurrency, thread_name_prefix="bulk") as pool:
        # list() so that the first failure is raised here.
        list(pool.map(lambda batch: _send(client, alias, batch), batches))


def _item(chunk: EmbeddedChunk) -> _Item:
    action = dumps({"index": {"_id": chunk.chunk.id}})
    return _Item(b"%b\n%b\n" % (action, dumps(to_document(chunk))))


def _batches(items: Iterable[_Item], limit: int) -> Iterator[list[_Item]]:
    batch: list[_Item] = []
    size = 0
    for item in items:
        if batch and size + len(item.lines) > limit:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.lines)
    if batch:
        yield batch


def _send(client: Client, alias: str, batch: list[_Item]) -> None:
    waits = delays(ATTEMPTS, BASE_DELAY_S)
    remaining, why = batch, ""
    while True:
        remaining, why = _attempt(client, alias, remaining)
        if not remaining:
            return
        wait = next(waits, None)
        if wait is None:
            raise IndexUnavailable(
                f"OpenSearch still refuses {len(remaining)} of {len(batch)} chunks after {ATTEMPTS} "
                f"attempts ({why}). Lower index.opensearch.bulk_concurrency, or give it more capacity."
            )
        client.sleep(wait)


def _attempt(client: Client, alias: str, batch: list[_Item]) -> tuple[list[_Item], str]:
    """Send once; what has to be sent again, and why."""
    # require_alias: a write to a name that is gone must fail, not bring an index with a guessed mapping to life.
    params = {"require_alias": "true", "filter_path": "errors,items.*.status,items.*.error"}
    timeout_s = max(TIMEOUT_S, client.timeout_s)
    try:
        answer = client.attempt(
            "POST", f"/{alias}/_bulk", b"".join(item.lines for item in batch), params=params, timeout_s=timeout_s
        )
    except exceptions.ConnectionTimeout:
        return batch, f"no answer within {timeout_s:g} s"
    except exceptions.OpenSearchException as error:
        # A node that refuses connections is down, and more patience belongs to the caller's own schedule.
        refused = isinstance(error, exceptions.ConnectionError) and "NewConnectionError" in type(error.info).__name__
        if refused or not is_passing(error):
            raise translate(error, client.url, timeout_s) from error
        return batch, str(error)[:_FIRST_ERROR]
    return _failed(client, batch, answer) if answer["errors"] else ([], "")


def _failed(
    client: Client, batch: list[_Item], answer: dict[str, list[dict[str, dict[str, object]]]]
) -> tuple[list[_Item], str]:
    again: list[_Item] = []
    why = ""
    for item, outcome in zip(batch, answer["items"], strict=True):
        result = outcome["index"]
        if "error" not in result:
            continue
        status, cause = int(str(result["status"])), reason(result["error"])
        if status not in OVERLOADED or disk_is_full(cause):
            raise from_status(status, cause, client.url)
        again.append(item)
        why = cause
    return again, why
