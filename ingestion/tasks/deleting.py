"""Removing documents, batch by batch, in an order that can be cut off anywhere and begun again.

They are marked first, then gone from the index, then their blobs and rows go (:mod:`ingestion.tasks.index_news`).
"""

from __future__ import annotations

from core.logs import get_logger
from ingestion.inbox import inbox_folder
from ingestion.tasks.index_news import tell_index
from ingestion.tasks.ownership import kept_alive
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

BATCH = 2000
"""Documents that go at once: each time costs the index a refresh."""


def purge(parts: Parts, source_id: str | None = None) -> None:
    """Remove the documents of deleted sources, then the sources; of one, or of all that nobody is at."""
    for claimed in parts.catalog.sources.claim_deleting(parts.settings.sync.lease_s, source_id):
        _purge_one(parts, claimed)


def _purge_one(parts: Parts, source_id: str) -> None:
    lease_s = parts.settings.sync.lease_s
    sources = parts.catalog.sources
    try:
        with kept_alive(lambda: sources.extend_deleting(source_id, lease_s), lease_s):
            while parts.catalog.removal.mark_all(source_id, BATCH):
                tell_index(parts, source_id)
            if not tell_index(parts, source_id) or parts.catalog.documents.totals(source_id):
                return  # recover has it tried again
            while parts.catalog.memberships.forget(source_id, BATCH):
                pass
            parts.blobs.delete_prefix(inbox_folder(source_id))
            sources.remove(source_id)
    finally:
        sources.release_deleting(source_id)
    log.info("source.deleted", source_id=source_id)
