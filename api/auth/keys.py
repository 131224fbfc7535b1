"""API keys: made, verified, revoked. Of a key itself only a digest is kept.

A key is 32 random bytes, so a plain SHA-256 is as good as a slow hash (there is nothing to guess), and it makes
verifying a single look-up by digest, whose timing tells nothing of use.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, or_, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from api.auth.key_records import OPERATOR, READER, ApiKeyRow, Grant, KeyRecord, RefusedKey, check_name
from core.clock import Clock
from core.errors import Conflict, InvalidRequest, NotFound, StorageUnavailable
from core.logs import get_logger
from ingestion.catalog.audit import add_event
from ingestion.catalog.audit_entries import Actor, Deed

log = get_logger(__name__)

_MAX_KEY = 200
ADMIN_KEY_SETTING = "api.admin_key"
"""The setting that brings in a key, and that key's name."""


class KeyStore:
    """The keys in the catalog.

    Methods raise :class:`core.errors.StorageUnavailable` when the catalog doesn't answer.

    Args:
        engine: the catalog's.
        clock: for the times that are recorded.
        standing: keys that the configuration names. They are administrators', each gets a row when it is first met,
            and the row is what counts from then on: it can be revoked, and shows when the key was last used.
    """

    def __init__(self, engine: Engine, clock: Clock, standing: Sequence[str] = ()) -> None:
        self._engine = engine
        # The catalog's SQLite takes the write lock for other transactions: verifying must not wait for a writer.
        self._reading = engine.execution_options(footnote_read=True)
        self._clock = clock
        self._standing = frozenset(digest(key) for key in standing)
        self._adopted = False
        self._used: dict[str, datetime] = {}
        self._used_lock = threading.Lock()

    def create(
        self, name: str, grant: Grant = READER, *, made_by: str | None = None, replaces: str | None = None
    ) -> tuple[KeyRecord, str]:
        """Make a key; the plain key is returned this once.

        Raises:
            InvalidRequest: a name is empty or too long, a group is a source's, or the key would have expired already.
        """
        check_name(name)
        grant.check()
        now = self._clock.now()
        if grant.expires_at is not None and grant.expires_at <= now:
            raise InvalidRequest("A key can't expire before it is made: name a time to come.")
        prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        plain = f"fn_{prefix}_{secret}"
        values = {"id": uuid.uuid4().hex, "name": name, "prefix": f"fn_{prefix}", "digest": digest(plain)}
        origin = {"made_by": made_by, "replaces": replaces, "from_configuration": False, "created_at": now}
        with self._write() as connection:
            connection.execute(insert(ApiKeyRow).values(**values, **origin, **grant.columns()))
        made = self._find(digest(plain))
        assert made is not None
        return made, plain

    def rotate(self, id: str, overlap: timedelta, *, made_by: str | None = None) -> tuple[KeyRecord, str]:
        """Make a key that opens what another one does, and let that one go on for the overlap.

        A key that was made for a time gets that time anew.

        Raises:
            NotFound: there is no key of that id.
            Conflict: it opens nothing any more, or the configuration brings it in.
        """
        before, now = self.get(id), self._clock.now()
        if before.from_configuration:
            raise Conflict(f"The key {id!r} stands in {ADMIN_KEY_SETTING}: put another one there instead.")
        if not before.good(now):
            raise Conflict(f"The key {id!r} is expired or revoked: make a new one with `footnote keys create`.")
        grant, end = before.grant, now + overlap
        if grant.expires_at is not None:
            end = min(end, grant.expires_at)
            grant = replace(grant, expires_at=now + (grant.expires_at - before.created_at))
        made = self.create(before.name, grant, made_by=made_by, replaces=id)
        with self._write() as connection:
            connection.execute(update(ApiKeyRow).where(ApiKeyRow.id == id).values(expires_at=end))
        return made

    def verify(self, key: str) -> KeyRecord:
        """Whose key this is. That it was used is noted, and written by :meth:`flush`.

        Raises:
            RefusedKey: it is unknown, expired or revoked; which of these is not told.
        """
        record = self.find(key)
        if record is None and digest(key) in self._standing:
            record = self._adopt(digest(key))
        now = self._clock.now()
        if record is None:
            raise RefusedKey
        if not record.good(now):
            raise RefusedKey(record.id, "expired" if record.expired(now) else "revoked")
        with self._used_lock:
            self._used[record.id] = now
        return record

    def find(self, key: str) -> KeyRecord | None:
        """What is known of a key, good or not; only looks."""
        return None if len(key) > _MAX_KEY else self._find(digest(key))

    def get(self, id: str) -> KeyRecord:
        """The key of an id, good or not.

        Raises:
            NotFound: there is none.
        """
        with self._read() as session:
            # PostgreSQL can't even be asked about a NUL.
            row = session.get(ApiKeyRow, id.replace("\0", "?"))
            if row is None:
                raise NotFound(f"There is no key {id!r}: `footnote keys list` shows them.")
            return KeyRecord.of(row, self._standing)

    def revoke(self, id: str) -> str:
        """Make a key useless from the next request on, in every process; returns its name.

        A key that is revoked already stays as it is.

        Raises:
            NotFound: there is no key of that id.
        """
        name = self.get(id).name
        with self._write() as connection:
            connection.execute(
                update(ApiKeyRow)
                .where(ApiKeyRow.id == id, ApiKeyRow.revoked_at.is_(None))
                .values(revoked_at=self._clock.now())
            )
        return name

    def list(self) -> list[KeyRecord]:
        """Every key, revoked ones included, oldest first."""
        self.flush()
        with self._read() as session:
            rows = session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id))
            return [KeyRecord.of(row, self._standing) for row in rows]

    def flush(self) -> None:
        """Write down the configuration's keys, and when keys were last used.

        Apart from :meth:`verify`, which no writer may hold up.
        """
        if not self._adopted:
            for hashed in self._standing:
                self._look_at(self._find(hashed) or self._adopt(hashed))
            self._adopted = True
        with self._used_lock:
            used, self._used = self._used, {}
        if not used:
            return
        try:
            with self._write() as connection:
                for key_id, when in used.items():
                    # Another process may have written down a later use.
                    earlier = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < when)
                    known = update(ApiKeyRow).where(ApiKeyRow.id == key_id, earlier)
                    connection.execute(known.values(last_used_at=when))
        except StorageUnavailable:
            with self._used_lock:
                self._used = {**used, **self._used}
            raise

    def _find(self, hashed: str) -> KeyRecord | None:
        with self._read() as session:
            row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.digest == hashed))
            return None if row is None else KeyRecord.of(row, self._standing)

    def _adopt(self, hashed: str) -> KeyRecord | None:
        """Give a key of the configuration its row."""
        now, key_id = self._clock.now(), uuid.uuid4().hex
        names = {"id": key_id, "name": ADMIN_KEY_SETTING, "prefix": "", "digest": hashed}
        rights: dict[str, Any] = {**OPERATOR.columns(), "from_configuration": True}
        try:
            with self._write() as connection:
                connection.execute(insert(ApiKeyRow).values(**names, **rights, created_at=now))
                deed = Deed(action="key.configure", object_id=key_id, object_name=ADMIN_KEY_SETTING)
                add_event(connection, Actor(name="the configuration"), deed, now, "done")
        except IntegrityError:  # another process was quicker
            return self._find(hashed)
        log.info("audit.key.configure", object_id=key_id, outcome="done")
        return self._find(hashed)

    def _look_at(self, record: KeyRecord | None) -> None:
        """Say what whoever wrote the configuration must know of its key."""
        if record is None or (record.good(self._clock.now()) and record.admin):
            return
        why = "is revoked, and refused" if record.revoked_at else "is a key that may not administer"
        advice = f"The key in {ADMIN_KEY_SETTING} {why}: put another into the configuration, or take it out."
        log.warning("keys.configured_key_is_no_good", key_id=record.id, advice=advice)

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with _translated(), Session(self._reading) as session:
            yield session

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with _translated(), self._engine.begin() as connection:
            yield connection


def digest(key: str) -> str:
    """What is kept of a key: SHA-256, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StorageUnavailable(
            f"The catalog doesn't answer ({type(error.orig).__name__}): check catalog.url and the disk's free space."
        ) from error
