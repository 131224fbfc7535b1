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
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import InvalidRequest, NotAuthenticated, NotFound, StorageUnavailable
from ingestion.catalog.tables import ApiKeyRow

_MAX_KEY = 200
_MAX_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key, without the key itself. ``prefix`` is its readable beginning, to recognise it by."""

    id: str
    name: str
    prefix: str
    user: str | None
    groups: tuple[str, ...]
    admin: bool
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class KeyStore:
    """The keys in the catalog.

    Methods raise :class:`core.errors.StorageUnavailable` when the catalog doesn't answer.

    Args:
        engine: the catalog's.
        clock: for the times that are recorded.
        standing: keys that the configuration names: administrators, valid without a row in the catalog.
    """

    def __init__(self, engine: Engine, clock: Clock, standing: Sequence[str] = ()) -> None:
        self._engine = engine
        # The catalog's SQLite takes the write lock for other transactions: verifying must not wait for a writer.
        self._reading = engine.execution_options(footnote_read=True)
        self._clock = clock
        self._standing = {digest(key): _standing_record(clock) for key in standing}
        self._used: dict[str, datetime] = {}
        self._used_lock = threading.Lock()

    def create(
        self, name: str, user: str | None = None, groups: Sequence[str] = (), admin: bool = False
    ) -> tuple[KeyRecord, str]:
        """Make a key; the plain key is returned this once.

        Raises:
            InvalidRequest: the name, user or a group is empty or too long.
        """
        for value in (name, *([] if user is None else [user]), *groups):
            if not value.strip() or len(value) > _MAX_NAME:
                raise InvalidRequest(f"A key's name, user and groups must each have 1 to {_MAX_NAME} characters.")
        prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        plain = f"fn_{prefix}_{secret}"
        record = KeyRecord(
            id=uuid.uuid4().hex,
            name=name,
            prefix=f"fn_{prefix}",
            user=user,
            groups=tuple(sorted(set(groups))),
            admin=admin,
            created_at=self._clock.now(),
        )
        with self._write() as connection:
            connection.execute(
                insert(ApiKeyRow).values(
                    id=record.id,
                    name=name,
                    prefix=record.prefix,
                    digest=digest(plain),
                    user=user,
                    groups=list(record.groups),
                    admin=admin,
                    created_at=record.created_at,
                )
            )
        return record, plain

    def verify(self, key: str) -> KeyRecord:
        """Whose key this is. That it was used is noted, and written by :meth:`flush`.

        Raises:
            NotAuthenticated: it is unknown or revoked; which of the two is not told.
        """
        wrong = NotAuthenticated("This API key is unknown or revoked. Ask your administrator for a new one.")
        if len(key) > _MAX_KEY:
            raise wrong
        hashed = digest(key)
        if hashed in self._standing:
            return self._standing[hashed]
        with self._read() as session:
            row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.digest == hashed))
            if row is None or row.revoked_at is not None:
                raise wrong
            record = _record(row)
        with self._used_lock:
            self._used[record.id] = self._clock.now()
        return record

    def revoke(self, id: str) -> None:
        """Make a key useless from the next request on. A key that is revoked already stays as it is.

        Raises:
            NotFound: there is no key of that id.
        """
        with self._write() as connection:
            if connection.execute(select(ApiKeyRow.id).where(ApiKeyRow.id == id)).first() is None:
                raise NotFound(f"There is no key {id!r}: `footnote keys list` shows them.")
            connection.execute(
                update(ApiKeyRow)
                .where(ApiKeyRow.id == id, ApiKeyRow.revoked_at.is_(None))
                .values(revoked_at=self._clock.now())
            )

    def list(self) -> list[KeyRecord]:
        """Every key, revoked ones included, oldest first."""
        self.flush()
        with self._read() as session:
            rows = session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id))
            return [_record(row) for row in rows]

    def flush(self) -> None:
        """Write down when keys were last used. Apart from :meth:`verify`, which no writer may hold up."""
        with self._used_lock:
            used, self._used = self._used, {}
        if not used:
            return
        with self._write() as connection:
            for key_id, when in used.items():
                connection.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=when))

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


def _standing_record(clock: Clock) -> KeyRecord:
    return KeyRecord(
        id="standing",
        name="from the configuration",
        prefix="",
        user=None,
        groups=(),
        admin=True,
        created_at=clock.now(),
    )


def _record(row: ApiKeyRow) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        user=row.user,
        groups=tuple(row.groups),
        admin=row.admin,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StorageUnavailable(
            f"The catalog doesn't answer ({type(error.orig).__name__}): check catalog.url and the disk's free space."
        ) from error
