"""Connections to the catalog run out: that is an outage, told as one, for whoever uses the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from api.auth.keys import KeyStore
from core.errors import StorageUnavailable
from core.lanes import Lanes
from core.settings import ApiSettings, Settings
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.database import MOST_CONNECTIONS


@pytest.fixture
def exhausted(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A catalog all of whose connections are at work."""
    monkeypatch.setattr(catalog.engine.pool, "_timeout", 0.01)
    with ExitStack() as held:
        for _ in range(MOST_CONNECTIONS):
            held.enter_context(catalog.database.read())
        yield catalog


def test_it_is_an_outage_for_everybody(exhausted: Catalog, clock: object) -> None:
    keys = KeyStore(exhausted.engine, clock)  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [
        exhausted.sources.list,
        lambda: exhausted.cursors.forget("s"),
        lambda: exhausted.queue.extend("me", ["d"], 60),
        lambda: keys.verify("fn_1_x"),
        lambda: keys.create("x"),
    ]
    for call in calls:
        with pytest.raises(StorageUnavailable, match=f"All {MOST_CONNECTIONS} connections") as raised:
            call()
        assert (raised.value.status, raised.value.retryable) == (503, True)


def test_it_is_over_when_one_is_given_back(catalog: Catalog) -> None:
    with ExitStack() as held:
        for _ in range(MOST_CONNECTIONS):
            held.enter_context(catalog.database.read())
    assert catalog.sources.list() == []


def test_the_lanes_of_the_service_together_leave_connections_to_readiness() -> None:
    lanes = Lanes.of(Settings(api=ApiSettings(searches=8)))
    asking = (lanes.keys, lanes.searches, lanes.files, lanes.images, lanes.admin)
    assert sum(lane.places for lane in asking) < MOST_CONNECTIONS
