"""A service that trusts one identity provider, which runs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.settings import Settings
from tests.servers.oidc import CLIENT, SECRET, OidcServer, oidc_server
from tests.unit.api.fakes import Stack

AUDIENCE = "https://kb.example.com/api"
ADMINS = {"claim": "groups", "value": "kb-admins", "role": "admin"}
AUDITORS = {"claim": "realm_access.roles", "value": "audit", "role": "auditor"}


@pytest.fixture(scope="module")
def server() -> Iterator[OidcServer]:
    with oidc_server() as running:
        yield running


@pytest.fixture
def provider(server: OidcServer) -> OidcServer:
    """The provider, with Ann and Bob."""
    server.people = {
        "ann": {"email": "Ann@example.com", "email_verified": True, "groups": ["/staff", "hr"]},
        "bob": {"email": "bob@example.com", "email_verified": True, "groups": ["kb-admins"]},
    }
    server.down, server.give_refresh = False, True
    server.ended.clear()
    server.asked.clear()
    return server


def issuer_settings(url: str, **changed: Any) -> dict[str, Any]:
    return {
        "url": url,
        "audience": [AUDIENCE],
        "client_id": CLIENT,
        "client_secret": SECRET,
        "roles": [ADMINS, AUDITORS],
        **changed,
    }


def signing_in(folder: Path, url: str, *, identity: Any = None, **issuer: Any) -> Stack:
    """A stack whose readers sign in there."""
    return Stack(
        Settings.model_validate(
            {
                "data_dir": folder,
                "api": {"anonymous": False, "allowed_hosts": ["localhost", "kb.example.com"]},
                "identity": {"issuers": [issuer_settings(url, **issuer)], "public_url": "http://localhost"}
                | (identity or {}),
            }
        )
    )


@pytest.fixture
def stack(tmp_path: Path, provider: OidcServer) -> Iterator[Stack]:
    made = signing_in(tmp_path, provider.url)
    yield made
    made.catalog.close()


async def sign_in(client: httpx.AsyncClient, user: str) -> httpx.Response:
    """Go through the provider's form as a browser would; the service's last answer."""
    begun = await client.get("/auth/login")
    assert begun.status_code == 303, begun.text
    async with httpx.AsyncClient() as browser:
        form = (await browser.get(begun.headers["location"])).text
        action = form.split('action="')[1].split('"')[0]
        back = await browser.post(action, data={"user": user})
    return await client.get(back.headers["location"])
