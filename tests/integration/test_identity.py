"""A real Keycloak vouches for readers: on the page by its form, for API calls by its tokens. ``make identity``."""

from __future__ import annotations

import html
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.clock import SystemClock
from core.principal import AccessList
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from tests.servers.keycloak import AUDIENCE, CLIENT, PASSWORD, SECRET, keycloak
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.identity
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Footnote and Keycloak as processes; the URLs of the service and of the issuer."""
    folder, port = tmp_path_factory.mktemp("identity"), free_port()
    url = f"http://localhost:{port}"
    with keycloak(free_port(), f"{url}/auth/callback", folder / "keycloak.log") as issuer:
        config = folder / "footnote.toml"
        config.write_text(
            f"""
            data_dir = "{folder / "data"}"
            [api]
            port = {port}
            anonymous = false
            [identity]
            public_url = "{url}"
            renew_s = 1
            [[identity.issuers]]
            url = "{issuer}"
            audience = ["{AUDIENCE}"]
            client_id = "{CLIENT}"
            client_secret = "{SECRET}"
            roles = [
              {{ claim = "groups", value = "/kb-admins", role = "admin" }},
              {{ claim = "realm_access.roles", value = "audit", role = "auditor" }},
            ]
            """
        )
        _documents(folder)
        with (folder / "service.log").open("wb") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "api.serve"],
                cwd=ROOT,
                env={"FOOTNOTE_CONFIG": str(config), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
                stdout=log,
                stderr=log,
            )
            try:
                _wait(url)
                yield url, issuer
            finally:
                running.terminate()
                running.wait(30)


def _documents(folder: Path) -> None:
    """What is for the group that Keycloak has Ann in, and for nobody else."""
    stack = Stack(Settings.model_validate({"data_dir": folder / "data"}))
    stack.add_document("hr-only", AccessList(groups=frozenset({"/staff/hr"})))
    stack.catalog.close()
    open_catalog(stack.settings, SystemClock()).close()


def _wait(url: str) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        try:
            httpx.get(f"{url}/healthz", timeout=5)
        except httpx.HTTPError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError("Footnote doesn't come up")


def token(issuer: str, user: str) -> str:
    form = {"grant_type": "password", "username": user, "password": PASSWORD, "scope": "openid"}
    asked = httpx.post(f"{issuer}/protocol/openid-connect/token", data=form, auth=(CLIENT, SECRET), timeout=30)
    assert asked.status_code == 200, asked.text
    return str(asked.json()["access_token"])


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def test_tokens_of_api_calls_bring_groups_and_roles(service: tuple[str, str]) -> None:
    url, issuer = service
    ann, bob = bearer(token(issuer, "ann")), bearer(token(issuer, "bob"))
    told = httpx.get(f"{url}/v1/me", headers=ann, timeout=30).json()
    assert (told["user"], told["groups"], told["roles"]) == ("ann@example.com", ["/staff/hr"], ["reader"])
    assert httpx.get(f"{url}/v1/documents/hr-only", headers=ann).status_code == 200
    assert httpx.get(f"{url}/v1/documents/hr-only", headers=bob).status_code == 404
    assert httpx.get(f"{url}/v1/keys", headers=ann).status_code == 403
    assert httpx.get(f"{url}/v1/keys", headers=bob).status_code == 200
    assert httpx.get(f"{url}/v1/me", headers=bob).json()["roles"] == ["admin", "auditor", "reader"]


def test_tampered_and_foreign_tokens_open_nothing(service: tuple[str, str]) -> None:
    url, issuer = service
    good = token(issuer, "bob")
    head, body, signature = good.split(".")
    other = "A" if signature[10] != "A" else "B"
    for bad in (f"{head}.{body}.", f"{head}.{body}.{signature[:10]}{other}{signature[11:]}", f"{good}.x", good[:-9]):
        assert httpx.get(f"{url}/v1/me", headers=bearer(bad)).status_code == 401
    foreign = httpx.post(
        issuer.replace("/company", "/master") + "/protocol/openid-connect/token",
        data={"grant_type": "password", "client_id": "admin-cli", "username": "x", "password": "y"},
        timeout=30,
    )
    assert foreign.status_code in (400, 401)


class _Trusting(httpx.HTTPTransport):
    """Takes this machine for a secure place, as browsers do: cookies for secure connections alone come back there."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        told = [(name, value.replace(b";Secure", b"")) for name, value in response.headers.raw]
        response.headers = httpx.Headers(told)
        return response


def browsing() -> httpx.Client:
    """Something like a browser."""
    return httpx.Client(follow_redirects=True, timeout=60, transport=_Trusting())


def sign_in(url: str, user: str, browser: httpx.Client) -> dict[str, Any]:
    """As a browser would: follow to Keycloak's form, fill it in, follow back."""
    form = browser.get(f"{url}/auth/login")
    found = re.search(r'action="([^"]+)"', form.text)
    assert found is not None, form.text[:2000]
    back = browser.post(html.unescape(found[1]), data={"username": user, "password": PASSWORD})
    assert back.url.path == "/", back.text[:2000]
    told: dict[str, Any] = browser.get(f"{url}/v1/me").json()
    return told


def test_the_page_s_way_in_and_out(service: tuple[str, str]) -> None:
    url, _ = service
    with browsing() as browser:
        told = sign_in(url, "ann", browser)
        assert (told["user"], told["groups"]) == ("ann@example.com", ["/staff/hr"])
        assert browser.get(f"{url}/v1/documents/hr-only").status_code == 200
        time.sleep(1.1)  # past identity.renew_s: Keycloak is asked again, with a refresh token
        assert browser.get(f"{url}/v1/me").json()["groups"] == ["/staff/hr"]
        assert browser.post(f"{url}/auth/logout").status_code == 403
        out = browser.post(f"{url}/auth/logout", headers={"X-Footnote-CSRF": told["csrf"]}).json()
        assert browser.get(f"{url}/v1/me").status_code == 401
        assert browser.get(out["location"]).url.path == "/"
        form = browser.get(f"{url}/auth/login")
        assert "password" in form.text, "Keycloak asks again: the sign-out was its too"


def test_who_keycloak_signs_out_is_out_with_the_next_renewal(service: tuple[str, str]) -> None:
    url, issuer = service
    with browsing() as browser:
        told = sign_in(url, "bob", browser)
        assert told["admin"]
        # The provider's own page of signing out, confirmed as a person would.
        asked = browser.get(f"{issuer}/protocol/openid-connect/logout")
        found = re.search(r'action="([^"]+)"', asked.text)
        code = re.search(r'name="session_code" value="([^"]+)"', asked.text)
        assert found is not None
        assert code is not None
        browser.post(asked.url.join(html.unescape(found[1])), data={"session_code": code[1], "confirmLogout": "Logout"})
        time.sleep(1.1)
        assert browser.get(f"{url}/v1/me").status_code == 401
