"""Sending many writes: requests of bounded size, a few at a time, with retries for the items that need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from opensearchpy import exceptions

from core.errors import IndexUnavailable
from core.settings import OpenSearchSettings
from retrieval.index.opensearch.client import Client, delays, dumps
from retrieval.index.opensearch.failures import OVERLOADED, disk_is_full, from_status, is_passing, reason, translate

ATTEMPTS = 7
BASE_DELAY_S = 0.5
TIMEOUT_S = 60.0
"""A bulk request waits for the graph to take its vectors: the limit of a search would be too short."""

_FIRST_ERROR = 300
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Item:
    """One write, as it goes into the request: what is done, and the document if there is one."""

    action: str
    lines: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands among a shard's writes. A write can be made to depend on that it stands there still."""

    seq_no: int
    term: int

    def condition(self) -> dict[str, int]:
        """What an action says to depend on it."""
        return {"if_seq_no": self.seq_no, "if_primary_term": self.term}


Outcome = Place | None
"""Where an item was written; None: its condition didn't hold, so that it changed nothing."""


def item(action: str, about: Mapping[str, Any], document: Mapping[str, Any] | None = None) -> Item:
    """A write. ``about``: its id and conditions."""
    head = dumps({action: about})
    return Item(action, b"%b\n" % head if document is None else b"%b\n%b\n" % (head, dumps(document)))


def send(client: Client, alias: str, items: Iterable[Item], settings: OpenSearchSettings) -> list[Outcome]:
    """Have all of them done, or raise; what was done until then stays, and sending again repeats it.

    Raises:
        IndexUnavailable: items were still refused as overload after all attempts.
        ConfigurationError: an item was refused for good, for example for its vector's length.
        StorageUnavailable: the disk is full.
    """
    batches = list(_batches(items, settings.bulk_bytes))
    if len(batches) <= 1 or settings.bulk_concurrency == 1:
        return [outcome for batch in batches for outcome in _send(client, alias, batch)]
    with ThreadPoolExecutor(settings.bulk_concurrency, thread_name_prefix="bulk") as pool:
        sent = pool.map(lambda batch: _send(client, alias, batch), batches)
        return [outcome for outcomes in sent for outcome in outcomes]


def _batches(items: Iterable[Item], limit: int) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for one in items:
        if batch and size + len(one.lines) > limit:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.lines)
    if batch:
        yield batch


def _send(client: Client, alias: str, batch: list[Item]) -> list[Outcome]:
    waits = delays(ATTEMPTS, BASE_DELAY_S)
    done: dict[int, Outcome] = {}
    while True:
        left = {number: one for number, one in enumerate(batch) if number not in done}
        why = _attempt(client, alias, left, done)
        if len(done) == len(batch):
            return [done[number] for number in range(len(batch))]
        wait = next(waits, None)
        if wait is None:
            raise IndexUnavailable(
                f"OpenSearch still refuses {len(batch) - len(done)} of {len(batch)} chunks after {ATTEMPTS} "
                f"attempts ({why}). Lower index.opensearch.bulk_concurrency, or give it more capacity."
            )
        client.sleep(wait)


def _attempt(client: Client, alias: str, left: Mapping[int, Item], done: dict[int, Outcome]) -> str:
    """Send once, and enter what is done; why the rest has to be sent again."""
    # require_alias: a write to a name that is gone must fail, not bring an index with a guessed mapping to life.
    wanted = ("status", "error", "_seq_no", "_primary_term")
    paths = ",".join(["errors", *(f"items.*.{name}" for name in wanted)])
    params = {"require_alias": "true", "filter_path": paths}
    timeout_s = max(TIMEOUT_S, client.timeout_s)
    body = b"".join(one.lines for one in left.values())
    try:
        answer = client.attempt("POST", f"/{alias}/_bulk", body, params=params, timeout_s=timeout_s)
    except exceptions.ConnectionTimeout:
        return f"no answer within {timeout_s:g} s"
    except exceptions.OpenSearchException as error:
        # A node that refuses connections is down, and more patience belongs to the caller's own schedule.
        refused = isinstance(error, exceptions.ConnectionError) and "NewConnectionError" in type(error.info).__name__
        if refused or not is_passing(error):
            raise translate(error, client.url, timeout_s) from error
        return str(error)[:_FIRST_ERROR]
    return _enter(client, left, answer["items"], done)


def _enter(
    client: Client, left: Mapping[int, Item], answers: Sequence[Mapping[str, Any]], done: dict[int, Outcome]
) -> str:
    why = ""
    for (number, one), answer in zip(left.items(), answers, strict=True):
        result = answer[one.action]
        if "error" not in result:
            done[number] = Place(result["_seq_no"], result["_primary_term"])
            continue
        status, cause = int(result["status"]), reason(result["error"])
        if status == _CONFLICT:
            done[number] = None
        elif status not in OVERLOADED or disk_is_full(cause):
            raise from_status(status, cause, client.url)
        else:
            why = cause
    return why
