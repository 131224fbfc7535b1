"""The check task: tries the settings of a source out where they will be used, on a worker."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import PurePosixPath
from typing import Any

from core.errors import FootnoteError
from core.logs import get_logger
from ingestion.catalog.source_checks import SourceCheck
from ingestion.connectors.port import Note, Unreadable, Upsert
from ingestion.connectors.registry import open_connector
from ingestion.source_secrets import without_secrets
from ingestion.tasks.parts import Parts

log = get_logger(__name__)


class _NothingKnown:
    """What is known of a source that was never listed."""

    def unknown(self, external_ids: Collection[str]) -> set[str]:
        return set(external_ids)

    def notes(self, external_ids: Collection[str]) -> Mapping[str, Note]:  # noqa: ARG002
        return {}

    def below(self, prefix: str) -> Iterator[tuple[str, Note]]:  # noqa: ARG002
        return iter(())


def check(parts: Parts, check_id: str) -> None:
    """Try settings out, and write down what was found; does nothing if nobody waits for it any more."""
    asked = parts.catalog.checks.take(check_id)
    if asked is None:
        return
    config: Mapping[str, Any] = {}
    try:
        config = parts.secrets.open(asked.config, asked.id)
        found: dict[str, Any] = {"items": _first(parts, asked, config)}
    except FootnoteError as error:
        found = {"error": {"slug": error.slug, "message": error.message}}
    except Exception as error:  # noqa: BLE001 - a connector of another package may raise anything
        # Neither its words nor its stack's values are shown: they may hold what it was configured with.
        at = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        log.error("check.unexpected", kind=asked.kind, error_class=type(error).__name__, at=at[-8:])  # noqa: TRY400
        message = f"The connector failed unexpectedly ({type(error).__name__}): the worker's log says where."
        found = {"error": {"slug": "internal", "message": message}}
    parts.catalog.checks.answer(check_id, without_secrets(found, config, asked.config))


def _first(parts: Parts, asked: SourceCheck, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first documents that a listing would find."""
    until = time.monotonic() + parts.settings.sources.check_s
    found: list[dict[str, Any]] = []
    with closing(open_connector(asked.kind, config, parts.settings, asked.source_id, creating=True)) as connector:
        pages = connector.changes({}, _NothingKnown()) if asked.items else iter(())
        for page in pages:
            found += [_shown(change) for change in page.changes if isinstance(change, Upsert | Unreadable)]
            if len(found) >= asked.items or time.monotonic() > until:
                break
    return found[: asked.items]


def _shown(change: Upsert | Unreadable) -> dict[str, Any]:
    """What is told of a document; ``readers`` is None where nobody knows them."""
    title = change.metadata.title if isinstance(change, Upsert) else None
    return {
        "uri": change.uri,
        "title": title or PurePosixPath(change.external_id).name or change.external_id,
        "readers": None if change.acl is None else list(change.acl.terms()),
        "fault": change.reason if isinstance(change, Unreadable) else None,
    }
