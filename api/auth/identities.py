"""Who is asking, as identity providers say it: by a token of an API call, or by a session of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from api.auth.attempts import Attempt
from api.auth.claims import Identity, identity_of
from api.auth.code_flow import CodeFlow, client_of
from api.auth.overage import GraphGroups
from api.auth.principal import Caller, SignIn
from api.auth.provider import IssuerUnavailable, Provider, RefusedToken, unverified
from api.auth.sessions import Session, SessionStore
from core.clock import Clock
from core.errors import NotAuthenticated, NotAuthorised, NotFound
from core.identity_settings import IdentitySettings
from core.logs import get_logger

log = get_logger(__name__)

_RETRY_S = 30.0
"""After how long a session is renewed that couldn't be."""


class Identities:
    """The identity providers of the settings.

    Args:
        settings: which ones.
        sessions: of the page.
        public_url: where readers reach the page, without a slash at its end.
        http: asks the providers.
        clock: the time.
    """

    def __init__(
        self, settings: IdentitySettings, sessions: SessionStore, public_url: str, http: httpx.Client, clock: Clock
    ) -> None:
        self.sessions = sessions
        self.public_url = public_url
        self._settings = settings
        self._clock = clock
        self._http = http
        self._providers = {one.url: Provider(one, settings, clock, http) for one in settings.issuers}
        self._groups = {url: GraphGroups(provider) for url, provider in self._providers.items()}

    def of_token(self, token: str) -> Caller:
        """Whom a token of an API call speaks for.

        Raises:
            RefusedToken: it is no good, or of a provider that isn't known.
            NotAuthenticated: it names nobody.
            NotAuthorised: who it names may not use Footnote.
            IssuerUnavailable: what is needed to tell can't be had now.
        """
        issuer = unverified(token, 1).get("iss")
        provider = self._providers.get(issuer) if isinstance(issuer, str) else None
        if provider is None or not provider.settings.audience:
            raise RefusedToken("it is of an issuer whose tokens aren't taken here")
        identity = self._identity(provider, provider.verify(token, provider.settings.audience).claims)
        return Caller(identity.principal, identity.roles, sign_in=SignIn(identity.issuer, identity.subject))

    def of_session(self, secret: str) -> Caller | None:
        """Whom a session's cookie speaks for; None where the session has ended.

        Raises:
            NotAuthorised: they may not use Footnote any more.
        """
        session = self.sessions.find(secret)
        if session is not None and session.renew_at <= self._clock.now():
            session = self._renewed(session)
        if session is None:
            return None
        identity = session.identity
        sign_in = SignIn(identity.issuer, identity.subject, session.name, session.csrf)
        return Caller(identity.principal, identity.roles, sign_in=sign_in)

    def begin(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in.

        Raises:
            NotFound: nobody signs in on the page.
            IssuerUnavailable: the provider doesn't answer.
        """
        _, flow = self._page()
        return flow.authorization_url(attempt)

    def finish(self, attempt: Attempt, code: str) -> Session:
        """The session of somebody who comes back with a code.

        Raises:
            RefusedToken: the provider doesn't vouch for them.
            NotAuthorised: they may not use Footnote.
            IssuerUnavailable: it doesn't answer.
        """
        provider, flow = self._page()
        tokens = flow.finish(attempt, code)
        return self.sessions.begin(self._identity(provider, tokens.claims), tokens)

    def end(self, secret: str) -> str | None:
        """End a session; where the browser goes to sign out at the provider too, None where that can't be told."""
        session = self.sessions.find(secret)
        self.sessions.end(secret)
        if session is None:
            return None
        try:
            return self._page()[1].end_url(session.tokens.id_token, f"{self.public_url}/")
        except (IssuerUnavailable, NotFound):
            return None

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _renewed(self, session: Session) -> Session | None:
        provider = self._providers.get(session.identity.issuer)
        if provider is None or provider.settings.client_id is None or session.tokens.refresh_token is None:
            self.sessions.end(session.secret)  # nobody can say whether they are signed in still
            return None
        # A refresh token is used once by many providers: further requests of the page go on as they are meanwhile.
        session = self.sessions.put_off(session, _RETRY_S)
        try:
            tokens = client_of(provider, self.public_url).renew(session.tokens)
            session = replace(session, tokens=tokens)
            return self.sessions.renewed(session, self._identity(provider, tokens.claims), tokens)
        except IssuerUnavailable as error:
            offline_s = (self._clock.now() - session.confirmed_at).total_seconds() - self._settings.renew_s
            if offline_s <= self._settings.keys_offline_s:
                log.warning("identity.not_renewed", session=session.name, reason=error.told_operators)
                return self.sessions.put_off(session, _RETRY_S)
        except NotAuthenticated as error:
            log.info("identity.session_ended", session=session.name, reason=error.message)
        except NotAuthorised:
            self.sessions.end(session.secret)
            raise
        self.sessions.end(session.secret)
        return None

    def _identity(self, provider: Provider, claims: Mapping[str, Any]) -> Identity:
        groups = self._groups[provider.settings.url]
        return identity_of(claims, provider.settings, self._settings.max_groups, lambda: groups.of(claims))

    def _page(self) -> tuple[Provider, CodeFlow]:
        of_page = self._settings.of_page
        if of_page is None:
            raise NotFound("Nobody signs in here: readers use keys (identity.issuers names no client_id).")
        provider = self._providers[of_page.url]
        return provider, client_of(provider, self.public_url)
