"""Whatever overlaps, is begun again, fails or is cut off: every run's counts add up, and runs end in their order."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.metadata import Metadata
from core.principal import AccessList
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.queue import Ticket
from ingestion.catalog.records import Run
from ingestion.connectors.port import Unreadable, Upsert

NAMES = "abcd"
LEASE = 1e6
COUNTS = ("unchanged", "indexed", "failed", "deleted", "superseded")

Listing = dict[str, tuple[str, str]]
"""What a listing names, as name -> (text, reader); the text ``!``: it can't be read."""
LISTINGS = st.dictionaries(st.sampled_from(NAMES), st.tuples(st.sampled_from("12!"), st.sampled_from("xy")))
STEPS = st.one_of(
    LISTINGS.map(lambda names: ("list", names)),
    LISTINGS.map(lambda names: ("list twice", names)),
    st.integers(1, 4).map(lambda count: ("index", count)),
    st.integers(1, 2).map(lambda count: ("fail", count)),
    st.just(("tell", 0)),
    st.just(("retry", 0)),
    st.just(("settle", 0)),
)


class _Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class _Machine:
    """A source whose steps a test chooses."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.source = catalog.sources.create(kind="folder", name=uuid.uuid4().hex, config={}, interval_s=60).id
        self.named: dict[str, int] = {}
        self.ended: list[Run] = []
        self.begun: list[str] = []

    def list(self, names: Listing, times: int = 1) -> None:
        run, new = self.catalog.runs.begin(self.source, LEASE)
        assert new
        self.begun.append(run.id)
        assert self.catalog.runs.claim(run.id, "lister", LEASE)
        before = {
            record.external_id for record in self.catalog.documents.list(self.source) if record.state != "deleting"
        }
        for _ in range(times):
            self.catalog.intake.apply(run.id, self.source, [_change(n, *said) for n, said in names.items()], parser=1)
        self.catalog.removal.mark_unseen(self.source, run.id, 99)
        self.named[run.id] = len(before | set(names))
        assert self.catalog.runs.end_listing(run.id, "lister")

    def work(self, count: int, *, well: bool) -> None:
        for ticket in self.catalog.queue.take_pending(self.source, count, LEASE):
            work = self.catalog.queue.claim_for_parsing(ticket, "w", LEASE)
            assert work is not None
            if well:
                said = {"chunks": 1, "media_type": "text/plain", "own": Metadata(), "name": "n"}
                assert self.catalog.outcomes.parsed(work, "w", content_hash="h", **said)  # type: ignore[arg-type]
                [parsed] = self.catalog.queue.claim_for_embedding("w", 1, LEASE)
                assert self.catalog.outcomes.indexed("w", [parsed.record.id])
            else:
                why = {"stage": "parse", "error_class": "X", "message": "It is broken."}
                assert self.catalog.outcomes.failed(work, "w", **why, retryable=True, parser=1)  # type: ignore[arg-type]

    def tell(self) -> None:
        due = self.catalog.index_due.next(99, 99, self.source)
        self.catalog.index_due.heard([Ticket(work.record.id, work.record.version) for work in due])
        self.catalog.removal.forget(self.catalog.index_due.cleared(99, self.source))

    def retry(self) -> None:
        retry = self.catalog.retries.begin(self.source, LEASE)
        if retry.listing:  # a listing is what it takes
            self.catalog.runs.fail(retry.run.id, "The test doesn't list here.")
        elif retry.new:
            self.begun.append(retry.run.id)

    def settle(self) -> None:
        self.ended += self.catalog.runs.finish_done(self.source)
        assert [run.id for run in self.ended] == self.begun[: len(self.ended)], "they end in their order"

    def do(self, step: str, what: object) -> None:
        if step.startswith("list"):
            assert isinstance(what, dict)
            self.list(what, times=2 if step == "list twice" else 1)
        elif step in ("index", "fail"):
            assert isinstance(what, int)
            self.work(what, well=step == "index")
        else:
            {"tell": self.tell, "retry": self.retry, "settle": self.settle}[step]()


def _change(name: str, text: str, reader: str) -> Upsert | Unreadable:
    if text == "!":
        return Unreadable(name, name, "Permission denied.")
    acl = AccessList(users=frozenset({reader}))
    return Upsert(
        external_id=name, uri=name, revision=text + reader, content_revision=text, size=1, acl=acl, metadata=Metadata()
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """One catalog, in which each example has a source of its own."""
    catalog = open_catalog(Settings(data_dir=tmp_path_factory.mktemp("counting")), _Clock())
    yield catalog
    catalog.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=14))
def test_counts_add_up_whatever_overlaps(shared: Catalog, steps: list[tuple[str, object]]) -> None:
    machine = _Machine(shared)
    for step, what in steps:
        machine.do(step, what)
    machine.work(99, well=True)
    machine.tell()
    machine.settle()
    assert [run.id for run in machine.ended] == machine.begun, "nothing is left to be waited for"
    for run in machine.ended:
        counts = {count: getattr(run, count) for count in COUNTS}
        assert min(counts.values()) >= 0
        assert run.seen == sum(counts.values())
        assert run.id not in machine.named or run.seen == machine.named[run.id], "each document counts once"
        assert shared.runs.get(run.id) == run, "what is finished stays as it was"
