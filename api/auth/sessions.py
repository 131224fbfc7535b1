"""Sessions of the page: who signed in, in the catalog, under a digest of what the browser's cookie holds.

The tokens that renew a session are sealed with a key that only the cookie gives: whoever reads the catalog can neither
take a session over nor renew one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import String, Text, delete, insert, update
from sqlalchemy.orm import Mapped, mapped_column

from api.auth.attempts import Tokens
from api.auth.claims import Identity
from core.clock import Clock
from core.identity_settings import IdentitySettings
from core.principal import Principal
from core.roles import Role
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base

_NONCE = 12
_SHORT = 12


class SessionRow(Base):
    """A sign-in on the page."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    user: Mapped[str | None] = mapped_column(String(300))
    groups: Mapped[list[str]]
    roles: Mapped[list[str]]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    renew_at: Mapped[datetime]
    confirmed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in, opened with its cookie.

    Attributes:
        secret: what the cookie holds.
        renew_at: when the provider is to be asked again.
        confirmed_at: when it last said that they are signed in.
    """

    secret: str
    identity: Identity
    tokens: Tokens
    renew_at: datetime
    confirmed_at: datetime

    @property
    def name(self) -> str:
        """A short name for logs, from which nobody finds the secret."""
        return _digest(self.secret)[:_SHORT]

    @property
    def csrf(self) -> str:
        """What requests that change something have to carry beside the cookie."""
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()


class SessionStore:
    """The sessions in the catalog.

    Methods raise :class:`core.errors.StorageUnavailable` when the catalog doesn't answer.
    """

    def __init__(self, database: Database, clock: Clock, settings: IdentitySettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    def begin(self, identity: Identity, tokens: Tokens) -> Session:
        """A new session; those that have ended are forgotten on the way.

        One that the provider won't renew ends with the ID token: nobody could say later who is in which group.
        """
        now, secret = self._clock.now(), secrets.token_urlsafe(32)
        ends = now + timedelta(seconds=self._settings.session_s)
        renew_at = now + timedelta(seconds=self._settings.renew_s)
        if tokens.refresh_token is None:
            ends = renew_at = min(ends, datetime.fromtimestamp(tokens.claims["exp"], UTC))
        session = Session(secret, identity, tokens, renew_at, now)
        values = {"digest": _digest(secret), "created_at": now, "expires_at": ends, **_columns(session)}
        with self._database.write() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            connection.execute(insert(SessionRow).values(**values))
        return session

    def find(self, secret: str) -> Session | None:
        """The session of a cookie; None where it has ended, or never was."""
        table = SessionRow.__table__
        with self._database.read() as connection:
            row = connection.execute(table.select().where(SessionRow.digest == _digest(secret))).first()
        if row is None or row.expires_at <= self._clock.now():
            return None
        principal = Principal(row.user, frozenset(row.groups))
        identity = Identity(row.issuer, row.subject, principal, frozenset(map(Role, row.roles)))
        opened = orjson.loads(_cipher(secret).decrypt(row.sealed[:_NONCE], row.sealed[_NONCE:], None))
        return Session(secret, identity, Tokens(**opened), row.renew_at, row.confirmed_at)

    def renewed(self, session: Session, identity: Identity, tokens: Tokens) -> Session:
        """The session with newer claims, kept."""
        now = self._clock.now()
        newer = replace(
            session,
            identity=identity,
            tokens=tokens,
            renew_at=now + timedelta(seconds=self._settings.renew_s),
            confirmed_at=now,
        )
        self._write(newer)
        return newer

    def put_off(self, session: Session, seconds: float) -> Session:
        """The session, to be renewed later: somebody is at it, or the provider doesn't answer."""
        later = replace(session, renew_at=self._clock.now() + timedelta(seconds=seconds))
        self._write(later)
        return later

    def end(self, secret: str) -> None:
        """Forget a session."""
        with self._database.write() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.digest == _digest(secret)))

    def _write(self, session: Session) -> None:
        statement = update(SessionRow).where(SessionRow.digest == _digest(session.secret)).values(**_columns(session))
        with self._database.write() as connection:
            connection.execute(statement)


def _columns(session: Session) -> dict[str, Any]:
    identity, nonce = session.identity, secrets.token_bytes(_NONCE)
    tokens = {"claims": session.tokens.claims, "refresh_token": session.tokens.refresh_token}
    plain = orjson.dumps({**tokens, "id_token": session.tokens.id_token})
    return {
        "issuer": identity.issuer,
        "subject": identity.subject,
        "user": identity.principal.user,
        "groups": sorted(identity.principal.groups),
        "roles": sorted(identity.roles),
        "sealed": nonce + _cipher(session.secret).encrypt(nonce, plain, None),
        "renew_at": session.renew_at,
        "confirmed_at": session.confirmed_at,
    }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _cipher(secret: str) -> AESGCM:
    return AESGCM(hmac.digest(secret.encode("utf-8", "replace"), b"tokens", "sha256"))
