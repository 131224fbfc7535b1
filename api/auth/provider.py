"""An identity provider: its discovery document, its keys, its tokens."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, cast

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from joserfc.jwt import JWTClaimsRegistry

from core.clock import Clock
from core.errors import NotAuthenticated, Unavailable
from core.identity_settings import IdentitySettings, IssuerSettings
from core.logs import get_logger

log = get_logger(__name__)

MOST_CHARS = 32_000
"""Of a token: far more than any header of a request may have."""
_PIECE, _MOST_PIECES = 1 << 16, 16
"""Bytes that are read of an answer at a time, and how often."""
_RETRY_S = 10.0
"""Between two tries to fetch keys: tokens with made-up key ids must not become requests to the provider."""
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
"""What a token of an API call calls itself, if anything: one that tells of a sign-out is none."""
_ASYMMETRIC = {"RSA", "EC", "OKP"}


class RefusedToken(NotAuthenticated):
    """A token that opens nothing.

    Attributes:
        key_id: None; tokens have none that is known here.
        reason: for the log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The token can't be used: {reason}. Sign in again, or ask for a new one.")
        self.key_id = None
        self.reason = reason


class IssuerUnavailable(Unavailable):
    """The identity provider doesn't answer."""

    slug = "issuer-unavailable"


class Provider:
    """What one identity provider says. Safe to use from several threads.

    Args:
        settings: of this provider.
        identity: of all of them.
        clock: the time.
        http: asks the provider.
    """

    def __init__(self, settings: IssuerSettings, identity: IdentitySettings, clock: Clock, http: httpx.Client) -> None:
        self.settings = settings
        self.http = http
        self.identity = identity
        self.clock = clock
        self._lock = threading.Lock()
        self._keys: list[Key] = []
        self._metadata: Mapping[str, Any] = {}
        self._fetched: datetime | None = None
        self._tried: datetime | None = None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its discovery document.

        Raises:
            IssuerUnavailable: it can't be had.
        """
        if self._stale():
            self._refresh()
        return self._metadata

    def endpoint(self, name: str) -> str:
        """The address that its discovery document gives.

        Raises:
            IssuerUnavailable: it can't be had, or gives none.
        """
        found = self.metadata.get(name)
        if not isinstance(found, str):
            raise IssuerUnavailable(f"The identity provider {self.settings.name} names no {name}.")
        return found

    def verify(self, token: str, audience: Collection[str], types: Collection[str] = _TYPES) -> jwt.Token:
        """The claims of a token that this provider signed for one of the audience, and that is good now.

        Raises:
            RefusedToken: it isn't.
            IssuerUnavailable: the provider's keys can't be had.
        """
        header = unverified(token, 0)
        algorithm, kind = header.get("alg"), header.get("typ")
        if algorithm not in self.settings.algorithms:
            raise RefusedToken("it isn't signed in a way that is allowed")
        if kind is not None and (not isinstance(kind, str) or kind.casefold() not in types):
            raise RefusedToken("it is of another type")
        key = self._key(header.get("kid"), str(algorithm))
        wanted: Any = {
            "iss": {"essential": True, "value": self.settings.url},
            "sub": {"essential": True},
            "aud": {"essential": True, "values": list(audience)},
            "exp": {"essential": True},
        }
        now = int(self.clock.now().timestamp())
        try:
            verified = jwt.decode(token, key, algorithms=[str(algorithm)])
            JWTClaimsRegistry(now=now, leeway=self.identity.clock_skew_s, **wanted).validate(verified.claims)
        except (JoseError, ValueError, TypeError, OverflowError) as error:
            raise RefusedToken(_reason(error)) from error
        return verified

    def get_json(self, url: str) -> dict[str, Any]:
        """A JSON object from the provider.

        Raises:
            IssuerUnavailable: it doesn't answer with one.
        """
        try:
            with self.http.stream("GET", url) as response:
                response.raise_for_status()
                # One that is longer is cut, and no JSON then.
                found = orjson.loads(b"".join(islice(response.iter_bytes(_PIECE), _MOST_PIECES)))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self.unavailable(error, url) from error
        if not isinstance(found, dict):
            raise self.unavailable(ValueError("its answer is no object"), url)
        return found

    def unavailable(self, error: Exception, url: str) -> IssuerUnavailable:
        """An error for readers, with the address for the log."""
        name = self.settings.name
        return IssuerUnavailable(
            f"The identity provider {name} doesn't answer ({type(error).__name__}): try again soon.", where=url
        )

    def _key(self, kid: Any, algorithm: str) -> Key:
        if self._stale():
            self._refresh()
        found = self._find(kid, algorithm)
        if found is None and self._may_try():
            self._refresh(wanted=True)
            found = self._find(kid, algorithm)
        if found is None:
            raise RefusedToken("it is signed with a key that the provider doesn't have")
        return found

    def _find(self, kid: Any, algorithm: str) -> Key | None:
        fit = [key for key in self._keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]
        # Without an id a key is only known where it is the only one.
        return fit[0] if len(fit) == 1 else None

    def _stale(self) -> bool:
        return self._fetched is None or self._age(self._fetched) > self.identity.keys_s

    def _may_try(self) -> bool:
        return self._tried is None or self._age(self._tried) >= _RETRY_S

    def _age(self, since: datetime) -> float:
        return (self.clock.now() - since).total_seconds()

    def _refresh(self, *, wanted: bool = False) -> None:
        """Fetch what the provider says, one thread at a time; ``wanted``: even if what is known is new.

        Raises:
            IssuerUnavailable: it doesn't answer, and what is known is too old.
        """
        with self._lock:
            if not (wanted or self._stale()) or not self._may_try():
                self._check_age(None)
                return
            self._tried = self.clock.now()
            try:
                self._fetch()
            except IssuerUnavailable as error:
                log.warning("identity.provider_unavailable", issuer=self.settings.url, reason=error.told_operators)
                self._check_age(error)

    def _check_age(self, error: IssuerUnavailable | None) -> None:
        """Return while known keys may be used without the provider."""
        allowed = self.identity.keys_s + self.identity.keys_offline_s
        if self._fetched is None or self._age(self._fetched) > allowed:
            raise error or self.unavailable(TimeoutError(), self.settings.url)

    def _fetch(self) -> None:
        address = f"{self.settings.url.rstrip('/')}/.well-known/openid-configuration"
        metadata = self.get_json(address)
        if metadata.get("issuer") != self.settings.url:
            raise IssuerUnavailable(
                f"What answers for {self.settings.name} calls itself {str(metadata.get('issuer'))[:200]!r}: "
                "identity.issuers has to have it letter by letter.",
                where=address,
            )
        found = self.get_json(str(metadata.get("jwks_uri"))).get("keys")
        keys = [key for key in map(_imported, found if isinstance(found, list) else ()) if key is not None]
        if not keys:
            raise IssuerUnavailable(f"The identity provider {self.settings.name} has no keys that can be used.")
        self._metadata, self._keys, self._fetched = metadata, keys, self.clock.now()


def unverified(token: str, part: int) -> dict[str, Any]:
    """A token's header (0) or claims (1), before anything is checked: to know whom to ask, and for nothing else.

    Raises:
        RefusedToken: it is no token.
    """
    parts = token.split(".") if len(token) <= MOST_CHARS else []
    if len(parts) != len(("header", "claims", "signature")):
        raise RefusedToken("it is malformed")
    try:
        found = orjson.loads(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    except (ValueError, binascii.Error) as error:
        raise RefusedToken("it is malformed") from error
    if not isinstance(found, dict):
        raise RefusedToken("it is malformed")
    return found


def _imported(value: Any) -> Key | None:
    """A public key that signs; None for others: a shared one among them could be known to whoever reads it."""
    if not isinstance(value, dict) or value.get("kty") not in _ASYMMETRIC or value.get("use", "sig") != "sig":
        return None
    try:
        return import_key(cast(Any, value))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _fits(key: Key, algorithm: str) -> bool:
    kind = {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]] if algorithm != "Ed25519" else "OKP"
    return key.key_type == kind and key.get("alg") in (None, algorithm, *(["EdDSA"] if kind == "OKP" else []))


def _reason(error: Exception) -> str:
    if isinstance(error, JoseError) and error.error == "expired_token":
        return "it has expired"
    if isinstance(error, JoseError) and error.error in ("invalid_claim", "missing_claim"):
        return f"its claims don't fit ({error.description})"
    return "its signature is no good"
