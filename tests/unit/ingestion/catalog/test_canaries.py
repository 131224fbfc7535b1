"""Sums of a canary's arms, from several processes, and its end; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from ingestion.catalog.canaries import Arm, Outcomes
from ingestion.catalog.catalog import Catalog

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


def test_processes_add_up_the_same_days(open_more: Callable[[], Catalog]) -> None:
    stores = [open_more().canaries for _ in range(2)]
    keys: list[tuple[date, Arm]] = [(TUESDAY, "baseline"), (MONDAY, "candidate"), (MONDAY, "baseline")]
    one = {key: Outcomes(1, 1, 3, 2, 1) for key in keys}
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda at: stores[at % 2].add("c1", one), range(20)))
    stores[0].add("c2", {(MONDAY, "candidate"): Outcomes(answers=7)})
    found = stores[1].days("c1")
    assert list(found) == [(MONDAY, "baseline"), (MONDAY, "candidate"), (TUESDAY, "baseline")]
    assert set(found.values()) == {Outcomes(20, 20, 60, 40, 20)}


def test_the_first_stop_stands(catalog: Catalog) -> None:
    assert catalog.canaries.stopped("c1") is None
    assert catalog.canaries.stop("c1", "It fails.")
    assert not catalog.canaries.stop("c1", "Somebody else stops it.")
    found = catalog.canaries.stopped("c1")
    assert found is not None
    assert (found.reason, found.stopped_at) == ("It fails.", catalog.clock.now())
    assert catalog.canaries.stopped("c2") is None
