"""Microsoft Entra's part: the OpenID configuration, and tokens for applications."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
from cryptography.x509 import load_pem_x509_certificate

from tests.servers.graph.tenant import TENANT_ID

CLIENT_ID = "11c0ffee-0000-4000-8000-000000000001"
SECRET = "a-secret~of.the-tests"
Body = Mapping[str, object]


@dataclass(frozen=True)
class Token:
    """What a token says."""

    resource: str
    by_certificate: bool
    consented: bool


@dataclass
class Entra:
    """An application's registration.

    Attributes:
        certificates: PEM text of those that were uploaded.
        consented: whether an admin has granted consent to its permissions.
        refusal: an error code and text to answer with instead of tokens.
    """

    base: str = ""
    secret: str = SECRET
    certificates: list[bytes] = field(default_factory=list)
    consented: bool = True
    refusal: tuple[int, str] | None = None
    tokens: dict[str, Token] = field(default_factory=dict)
    issued: int = 0

    def expire_tokens(self) -> None:
        """No token that there is opens anything any more."""
        self.tokens.clear()

    def configuration(self, tenant: str) -> tuple[int, Body]:
        """https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc."""
        if tenant not in (TENANT_ID, "contoso.onmicrosoft.com"):
            return 400, _error("invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        secure = self.base.replace("http://", "https://")
        return 200, {
            "issuer": f"{secure}/{TENANT_ID}/v2.0",
            "token_endpoint": f"{secure}/{TENANT_ID}/oauth2/v2.0/token",
            "authorization_endpoint": f"{secure}/{TENANT_ID}/oauth2/v2.0/authorize",
            "jwks_uri": f"{secure}/{TENANT_ID}/discovery/v2.0/keys",
        }

    def token(self, form: Mapping[str, str]) -> tuple[int, Body]:
        """https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow."""
        if self.refusal is not None:
            return 401, _error("invalid_client", *self.refusal)
        if form.get("client_id") != CLIENT_ID:
            text = f"Application with identifier '{form.get('client_id')}' was not found in the directory 'Contoso'."
            return 400, _error("unauthorized_client", 700016, text)
        by_certificate = "client_assertion" in form
        if by_certificate and not self._is_signed(form["client_assertion"]):
            return 401, _error(
                "invalid_client", 700027, "The certificate with identifier used to sign is not registered."
            )
        if not by_certificate and form.get("client_secret") != self.secret:
            return 401, _error("invalid_client", 7000215, "Invalid client secret provided.")
        resource = form["scope"].removesuffix("/.default")
        self.issued += 1
        name = f"token-{self.issued}"
        self.tokens[name] = Token(resource, by_certificate, self.consented)
        return 200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": name}

    def opened(self, header: str | None, resource: str) -> Token | None:
        """The token of an ``Authorization`` header, if it is one for this resource."""
        token = self.tokens.get((header or "").removeprefix("Bearer "))
        return token if token is not None and token.resource == resource else None

    def _is_signed(self, assertion: str) -> bool:
        """https://learn.microsoft.com/entra/identity-platform/certificate-credentials."""
        for pem in self.certificates:
            key = load_pem_x509_certificate(pem).public_key()
            try:
                jwt.decode(
                    assertion,
                    key,  # type: ignore[arg-type]
                    algorithms=["RS256", "PS256"],
                    audience=f"{self.base.replace('http://', 'https://')}/{TENANT_ID}/oauth2/v2.0/token",
                    options={"require": ["exp", "iss", "sub", "jti"]},
                )
            except jwt.PyJWTError:
                continue
            return True
        return False


_traces = itertools.count(1)


def _error(error: str, code: int, text: str) -> Body:
    return {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {next(_traces)}\r\nTimestamp: 2026-11-26 10:00:00Z",
        "error_codes": [code],
    }
