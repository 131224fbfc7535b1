"""The key by which the command line administers a stack on its own machine."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from api.supervisor.layout import Layout
from core.clock import SystemClock
from core.data_dir import in_data_dir
from core.errors import NotAuthenticated
from core.settings import Settings

if TYPE_CHECKING:
    from api.auth.keys import KeyStore


def ensure_admin_key(settings: Settings, layout: Layout) -> None:
    """Migrate the catalog and see to it that ``admin.key`` holds an administrator's key that is good.

    A key there that was revoked, or isn't known, is replaced. Runs before any other process of the stack, so that none
    of them meets an old schema.

    Raises:
        StorageUnavailable: the catalog can't be opened.
    """
    from api.audit import Audit  # noqa: PLC0415
    from api.auth.key_records import OPERATOR  # noqa: PLC0415
    from api.auth.keys import KeyStore  # noqa: PLC0415 - SQLAlchemy, which the command line's other commands do without
    from ingestion.catalog.audit_entries import Actor  # noqa: PLC0415
    from ingestion.catalog.build import open_catalog  # noqa: PLC0415

    clock = SystemClock()
    catalog = open_catalog(settings, clock)
    try:
        keys = KeyStore(catalog.engine, clock, settings.api.standing_keys)
        if _is_good(keys, read_admin_key(layout)):
            return
        with Audit(catalog.audit, Actor(name="footnote up")).doing("key.create", admin=True) as deed:
            deed.object_name = "footnote up"
            record, key = keys.create("footnote up", OPERATOR)
            deed.object_id = record.id
            with in_data_dir(layout.data_dir):
                _write_private(layout, key)
    finally:
        catalog.engine.dispose()


def _is_good(keys: KeyStore, key: str | None) -> bool:
    try:
        return key is not None and keys.verify(key).admin
    except NotAuthenticated:
        return False


def read_admin_key(layout: Layout) -> str | None:
    """The key in the file; None if there is none.

    Raises:
        StorageUnavailable: this user may not read it.
    """
    with in_data_dir(layout.data_dir), contextlib.suppress(FileNotFoundError):
        return layout.admin_key_file.read_text(encoding="utf-8").strip() or None
    return None


def _write_private(layout: Layout, key: str) -> None:
    draft = layout.admin_key_file.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
    draft.replace(layout.admin_key_file)
