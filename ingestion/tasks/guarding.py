"""Watching over one listing: whether it goes on, and that it deletes no more than looks right."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from core.logs import get_logger
from ingestion.catalog.records import Run
from ingestion.tasks.deleting import BATCH
from ingestion.tasks.index_news import tell_index
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

MIN_KNOWN = 10
"""A source with fewer documents may lose them all."""


class Guard:
    """Stops a listing that deletes more than a share of its source, until a person says that this is right.

    A listing that was refused something isn't got through: the next one starts where it did, and is refused the same.

    Args:
        hold: called before each batch; raises when the run is no longer the caller's, or is to stop.
    """

    def __init__(self, parts: Parts, run: Run, hold: Callable[[], None]) -> None:
        self._parts = parts
        self._run = run
        self.hold = hold
        self.refused = parts.catalog.deletions.begin(run.source_id, run.id)
        """Why nothing more is deleted; None as long as nothing was refused."""

    def named(self, external_ids: Sequence[str]) -> Sequence[str]:
        """Of documents that the source says are gone, those that may be deleted: all of them, or none."""
        if self._run.confirmed:
            return external_ids
        if self.refused is not None or not external_ids:
            return ()
        guard = self._parts.catalog.deletions
        found = guard.admit(self._run.source_id, external_ids, self._most, MIN_KNOWN)
        if found.admitted:
            return external_ids
        self._refuse(
            f"The source says that {found.gone} of its {found.had} documents are gone, or more: it stopped there"
        )
        return ()

    def prune(self) -> None:
        """Remove what a complete listing didn't name."""
        removal = self._parts.catalog.removal
        if self.refused is not None:
            return
        if not self._run.confirmed:
            share = removal.missing(self._run.source_id, self._run.id)
            before = self._parts.catalog.deletions.taken_out(self._run.source_id)
            had, gone = share.known + before, share.missing + before
            if had >= MIN_KNOWN and gone > self._most * had:
                also = f", {before} of which it named" if before else ""
                self._refuse(f"The source lists {had - gone} of the {had} documents it had{also}: nothing was deleted")
                return
        self.hold()
        after = ""
        while ids := removal.mark_unseen(self._run.source_id, self._run.id, BATCH, after):
            after = ids[-1]
            tell_index(self._parts, self._run.source_id)
            self.hold()

    def end(self) -> None:
        """Note that the listing was got through."""
        self._parts.catalog.deletions.end(self._run.source_id)

    @property
    def _most(self) -> float:
        return self._parts.settings.sync.max_deleted_share

    def _refuse(self, what: str) -> None:
        self.refused = f"{what}, as that is more than sync.max_deleted_share ({self._most:g}). {self._way_out()}"
        self._parts.catalog.deletions.refuse(self._run.id, self.refused)
        log.warning("sync.refused", run_id=self._run.id, source_id=self._run.source_id, reason=self.refused)

    def _way_out(self) -> str:
        name = shlex.quote(self._parts.catalog.sources.get(self._run.source_id).name)
        return (
            f"`footnote sources sync {name} --dry-run` shows what would go; if that is right, "
            f"`footnote sources sync {name} --confirm-delete` lets it."
        )
