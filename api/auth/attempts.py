"""Sign-ins under way, and what comes of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CALLBACK = "/auth/callback"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in. The browser keeps its secret in a cookie, and all else comes from that.

    So the answer counts only in the browser that asked, and nothing has to be kept here meanwhile.
    """

    secret: str

    @classmethod
    def begin(cls) -> Attempt:
        """A new one."""
        return cls(secrets.token_urlsafe(32))

    def value(self, name: str) -> str:
        """The ``state``, ``nonce`` or ``verifier``: from one of them nobody finds the secret or the others."""
        digest = hmac.digest(self.secret.encode("utf-8", "replace"), name.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gave: verified claims, and what is needed to go on."""

    claims: Mapping[str, Any]
    refresh_token: str | None
    id_token: str
