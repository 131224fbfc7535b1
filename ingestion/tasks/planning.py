"""The dry run: a listing that is compared with the catalog, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from ingestion.catalog.plans import Plan
from ingestion.catalog.records import Run
from ingestion.tasks.guarding import MIN_KNOWN
from ingestion.tasks.parts import Parts


def plan(parts: Parts, run: Run, hold: Callable[[], None]) -> dict[str, Any]:
    """What a sync would change now; see :meth:`ingestion.catalog.plans.Plan.result`.

    ``refused`` says whether the deletions would be more than :attr:`core.settings.SyncSettings.max_deleted_share`.

    Args:
        hold: called before each page; raises when the run is no longer the caller's, or is to stop.
    """
    source = parts.catalog.sources.get(run.source_id)
    found = Plan(parts.catalog.database, source.id)
    start = parts.catalog.cursors.start(source.id, run.id, full=run.full)
    complete = False
    with closing(parts.connector(source)) as connector:
        for page in connector.changes(start.cursor, parts.catalog.known(source.id)):
            hold()
            found.add(list(page.changes))
            complete = page.complete
    result = found.result(complete=complete)
    known, deleted = found.known(), result["deleted"]["count"]
    most = parts.settings.sync.max_deleted_share
    return {**result, "refused": known >= MIN_KNOWN and deleted > most * known}
