"""Groups that a token leaves out because they are too many: Microsoft Graph is asked for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from api.auth.claims import claim_at
from api.auth.code_flow import client_of
from api.auth.provider import Provider
from core.errors import NotAuthorised

_KEPT = 10_000
"""People whose groups are remembered."""


class GraphGroups:
    """Asks Microsoft Graph for the groups of people, as the application itself, and remembers them for a while.

    The address that the token gives (``_claim_sources``) isn't asked: it names a service that is no more, and a token
    shouldn't choose where Footnote's secret goes.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._known: dict[str, tuple[datetime, list[str]]] = {}

    def of(self, claims: Mapping[str, Any]) -> list[str]:
        """The ids of somebody's groups.

        Raises:
            NotAuthorised: the setting is not to ask.
            IssuerUnavailable: Graph doesn't answer, or refuses.
        """
        settings, now = self._provider.settings, self._provider.clock.now()
        if settings.overage == "refuse":
            raise NotAuthorised(
                "Your account is in more groups than its token has room for. Have the provider send only groups that "
                "are assigned to Footnote, or let Footnote ask for them (identity.issuers: overage)."
            )
        person = str(claim_at(claims, "oid") or claims["sub"])
        with self._lock:
            at, groups = self._known.get(person, (None, []))
        if at is not None and (now - at).total_seconds() < self._provider.identity.groups_s:
            return groups
        groups = self._ask(person)
        with self._lock:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[person] = (now, groups)
        return groups

    def _ask(self, person: str) -> list[str]:
        provider, url = self._provider, f"{self._provider.settings.graph_url}/users/{quote(person, safe='')}"
        scope = f"{'/'.join(provider.settings.graph_url.split('/')[:3])}/.default"
        token = client_of(provider, scope=scope).tokens(grant_type="client_credentials")
        try:
            answered = provider.http.post(
                f"{url}/getMemberObjects",
                json={"securityEnabledOnly": False},
                headers={"Authorization": f"Bearer {token['access_token']}"},
            )
            answered.raise_for_status()
            found = answered.json()["value"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise provider.unavailable(error, url) from error
        return [str(group) for group in found]
