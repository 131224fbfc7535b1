"""Signing in on the page: OpenID Connect's authorization code flow with PKCE, which Authlib speaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

import httpx
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from api.auth.attempts import CALLBACK, Attempt, Tokens
from api.auth.provider import Provider, RefusedToken

_ID_TOKEN = {"jwt"}


class _HttpxAuth(ClientAuth, httpx.Auth):  # type: ignore[misc]
    """Authlib's way of naming the client, put into httpx's requests."""

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        url, headers, body = self.prepare(request.method, str(request.url), request.headers, request.content.decode())
        headers["Content-Length"] = str(len(body))
        yield httpx.Request(request.method, url, headers=headers, content=body, extensions=request.extensions)


class _Client(OAuth2Client):  # type: ignore[misc]
    client_auth_class: ClassVar[type] = _HttpxAuth


class CodeFlow:
    """One provider's flow.

    Args:
        provider: whose.
        client: Authlib's client of it.
    """

    def __init__(self, provider: Provider, client: OAuth2Client) -> None:
        self._provider = provider
        self._client = client

    def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in.

        Raises:
            IssuerUnavailable: the provider can't be asked where that is.
        """
        url, _ = self._client.create_authorization_url(
            self._provider.endpoint("authorization_endpoint"),
            state=attempt.value("state"),
            nonce=attempt.value("nonce"),
            code_verifier=attempt.value("verifier"),
        )
        return cast(str, url)

    def finish(self, attempt: Attempt, code: str) -> Tokens:
        """Exchange the code for tokens.

        Raises:
            RefusedToken: the provider refuses the code, or its ID token is no good.
            IssuerUnavailable: it doesn't answer.
        """
        given = self.tokens(grant_type="authorization_code", code=code, code_verifier=attempt.value("verifier"))
        return self._checked(given, {"nonce": attempt.value("nonce")})

    def renew(self, before: Tokens) -> Tokens:
        """Newer claims of somebody who is signed in still.

        Raises:
            RefusedToken: the provider says that they are not.
            IssuerUnavailable: it doesn't answer.
        """
        given = self.tokens(grant_type="refresh_token", refresh_token=before.refresh_token)
        renewed = self._checked(given, {}) if "id_token" in given else before
        if renewed.claims.get("sub") != before.claims.get("sub"):
            raise RefusedToken("it is of somebody else")
        return Tokens(renewed.claims, given.get("refresh_token") or before.refresh_token, renewed.id_token)

    def end_url(self, id_token: str, back_to: str) -> str | None:
        """Where the browser goes to sign out at the provider too; None where it has no such place.

        Raises:
            IssuerUnavailable: the provider can't be asked.
        """
        endpoint = self._provider.metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str):
            return None
        asked = {"id_token_hint": id_token, "post_logout_redirect_uri": back_to, "client_id": self._client.client_id}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def tokens(self, **asked: Any) -> dict[str, Any]:
        """Ask the token endpoint.

        Raises:
            RefusedToken: the provider refuses.
            IssuerUnavailable: it doesn't answer.
        """
        url = self._provider.endpoint("token_endpoint")
        try:
            return dict(self._client.fetch_token(url, scope=self._client.scope, **asked))
        except OAuth2Error as error:
            raise RefusedToken(f"the identity provider refuses ({str(error.error)[:100]})") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._provider.unavailable(error, url) from error

    def _checked(self, given: Mapping[str, Any], wanted: Mapping[str, str]) -> Tokens:
        token = given.get("id_token")
        if not isinstance(token, str):
            raise RefusedToken("the identity provider gave no ID token")
        client_id = str(self._client.client_id)
        verified = self._provider.verify(token, [client_id], _ID_TOKEN)
        params = {**wanted, "client_id": client_id, "access_token": given.get("access_token")}
        now, leeway = int(self._provider.clock.now().timestamp()), self._provider.identity.clock_skew_s
        try:
            CodeIDToken(verified.claims, verified.header, None, params).validate(now, leeway)
        except JoseError as error:
            raise RefusedToken(f"the ID token doesn't fit ({error.description})") from error
        refresh = given.get("refresh_token")
        return Tokens(verified.claims, refresh if isinstance(refresh, str) else None, token)


def client_of(provider: Provider, public_url: str = "", scope: str | None = None) -> CodeFlow:
    """The flow of a provider, or with ``scope`` its application's own tokens."""
    settings = provider.settings
    secret = settings.client_secret.get_secret_value() if settings.client_secret else None
    client = _Client(
        provider.http,
        client_id=settings.client_id,
        client_secret=secret,
        scope=scope or " ".join(settings.scopes),
        redirect_uri=f"{public_url}{CALLBACK}",
        code_challenge_method="S256",
    )
    return CodeFlow(provider, client)
