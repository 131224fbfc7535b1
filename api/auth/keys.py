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
from typing import Any

from sqlalchemy import Connection, Engine, String, insert, or_, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.clock import Clock
from core.errors import InvalidRequest, NotAuthenticated, NotFound, StorageUnavailable
from core.logs import get_logger
from core.principal import is_of_a_source
from ingestion.catalog.audit import add_event
from ingestion.catalog.audit_entries import Actor, Deed
from ingestion.catalog.tables import Base

log = get_logger(__name__)

_MAX_KEY = 200
_MAX_NAME = 200
ADMIN_KEY_SETTING = "api.admin_key"
"""The setting that brings in a key, and that key's name."""


class ApiKeyRow(Base):
    """An API key; of the key itself only a digest is kept.

    ``from_configuration``: the row stands for ``api.admin_key``, so that it can be revoked like any other, and counts
    only where the configuration names it.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    prefix: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user: Mapped[str | None] = mapped_column(String(300))
    groups: Mapped[list[str]]
    admin: Mapped[bool]
    from_configuration: Mapped[bool]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key, without the key itself.

    Attributes:
        prefix: its readable beginning, to recognise it by.
        from_configuration: it came in through ``api.admin_key``, and counts only where the configuration names it.
        in_configuration: the configuration of this process names it.
    """

    id: str
    name: str
    prefix: str
    user: str | None
    groups: tuple[str, ...]
    admin: bool
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    from_configuration: bool = False
    in_configuration: bool = False

    @property
    def good(self) -> bool:
        """Whether it opens anything here."""
        return self.revoked_at is None and (self.in_configuration or not self.from_configuration)


class RefusedKey(NotAuthenticated):
    """A key that opens nothing. The message doesn't say why; ``key_id``, for the log: it is known, and revoked."""

    def __init__(self, key_id: str | None = None) -> None:
        super().__init__("This API key is unknown or revoked. Ask your administrator for a new one.")
        self.key_id = key_id


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
        self, name: str, user: str | None = None, groups: Sequence[str] = (), admin: bool = False
    ) -> tuple[KeyRecord, str]:
        """Make a key; the plain key is returned this once.

        Raises:
            InvalidRequest: the name, user or a group is empty or too long; or a group is a source's.
        """
        for value in (name, *([] if user is None else [user]), *groups):
            if not value.strip() or len(value) > _MAX_NAME:
                raise InvalidRequest(f"A key's name, user and groups must each have 1 to {_MAX_NAME} characters.")
        for group in filter(is_of_a_source, groups):
            raise InvalidRequest(
                f"{group!r} is a source's group, and its source alone says who is in it: leave it out."
            )
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
                    from_configuration=False,
                    created_at=record.created_at,
                )
            )
        return record, plain

    def verify(self, key: str) -> KeyRecord:
        """Whose key this is. That it was used is noted, and written by :meth:`flush`.

        Raises:
            RefusedKey: it is unknown or revoked; which of the two is not told.
        """
        record = self.find(key)
        if record is None and digest(key) in self._standing:
            record = self._adopt(digest(key))
        if record is None:
            raise RefusedKey
        if not record.good:
            raise RefusedKey(record.id)
        with self._used_lock:
            self._used[record.id] = self._clock.now()
        return record

    def find(self, key: str) -> KeyRecord | None:
        """What is known of a key, good or not; only looks."""
        return None if len(key) > _MAX_KEY else self._find(digest(key))

    def revoke(self, id: str) -> str:
        """Make a key useless from the next request on, in every process; returns its name.

        A key that is revoked already stays as it is.

        Raises:
            NotFound: there is no key of that id.
        """
        with self._write() as connection:
            # PostgreSQL can't even be asked about a NUL.
            known = select(ApiKeyRow.name).where(ApiKeyRow.id == id.replace("\0", "?"))
            name: str | None = connection.execute(known).scalar()
            if name is None:
                raise NotFound(f"There is no key {id!r}: `footnote keys list` shows them.")
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
            return [self._record(row) for row in rows]

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
            return None if row is None else self._record(row)

    def _adopt(self, hashed: str) -> KeyRecord | None:
        """Give a key of the configuration its row."""
        now, key_id = self._clock.now(), uuid.uuid4().hex
        names = {"id": key_id, "name": ADMIN_KEY_SETTING, "prefix": "", "digest": hashed}
        rights: dict[str, Any] = {"user": None, "groups": [], "admin": True, "from_configuration": True}
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
        if record is None or (record.good and record.admin):
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

    def _record(self, row: ApiKeyRow) -> KeyRecord:
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
            from_configuration=row.from_configuration,
            in_configuration=row.digest in self._standing,
        )


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
