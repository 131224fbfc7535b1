"""A real Keycloak, fetched with Maven once per machine: one realm, two people, nested groups."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock

VERSION = "26.7.3"
CACHE = Path.home() / ".cache" / "footnote" / f"keycloak-{VERSION}"
FETCH_S, START_S = 900, 600
PASSWORD = "a password of tests"
CLIENT, SECRET, AUDIENCE = "footnote", "the client's secret", "footnote-api"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"


def realm(redirect: str) -> dict[str, Any]:
    """The realm: Ann in /staff/hr, Bob in /kb-admins and with the realm's role ``audit``."""

    def mapper(name: str, kind: str, **config: str) -> dict[str, Any]:
        told = {"access.token.claim": "true", "id.token.claim": "true", **config}
        return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": told}

    def person(name: str, groups: list[str], roles: list[str]) -> dict[str, Any]:
        return {
            "username": name,
            "enabled": True,
            "email": f"{name.title()}@example.com",
            "emailVerified": True,
            "firstName": name,
            "lastName": "Example",
            "credentials": [{"type": "password", "value": PASSWORD}],
            "groups": groups,
            "realmRoles": roles,
        }

    client = {
        "clientId": CLIENT,
        "secret": SECRET,
        "redirectUris": [redirect],
        "attributes": {
            "post.logout.redirect.uris": redirect.removesuffix("auth/callback"),
            "pkce.code.challenge.method": "S256",
        },
        "directAccessGrantsEnabled": True,
        "standardFlowEnabled": True,
        "protocolMappers": [
            mapper("groups", "oidc-group-membership-mapper", **{"claim.name": "groups", "full.path": "true"}),
            mapper("audience", "oidc-audience-mapper", **{"included.custom.audience": AUDIENCE}),
        ],
    }
    return {
        "realm": "company",
        "enabled": True,
        "sslRequired": "none",
        "roles": {"realm": [{"name": "audit"}]},
        "groups": [{"name": "staff", "subGroups": [{"name": "hr"}]}, {"name": "kb-admins"}],
        "users": [person("ann", ["/staff/hr"], []), person("bob", ["/kb-admins"], ["audit"])],
        "clients": [client],
    }


def install() -> Path:
    """Keycloak's folder, fetched if it isn't there."""
    home = CACHE / "keycloak"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "install.lock", timeout=FETCH_S):
        if not home.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                command = ["mvn", "-q", "-B", _COPY, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={scratch}"]
                subprocess.run(command, check=True, timeout=FETCH_S)
                with zipfile.ZipFile(next(Path(scratch).glob("*.zip"))) as archive:
                    archive.extractall(scratch)
                (Path(scratch) / f"keycloak-{VERSION}" / "bin" / "kc.sh").chmod(0o755)
                shutil.move(Path(scratch) / f"keycloak-{VERSION}", home)
    return home


@contextmanager
def keycloak(port: int, redirect: str, log: Path) -> Iterator[str]:
    """A Keycloak with the realm in its memory; the issuer's URL."""
    home = install()
    with FileLock(CACHE / "running.lock", timeout=START_S), log.open("wb") as written:
        folder = home / "data" / "import"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "company-realm.json").write_text(json.dumps(realm(redirect)))
        command = [home / "bin" / "kc.sh", "start-dev", "--import-realm", "--db=dev-mem", "--http-host=127.0.0.1"]
        environment = {**os.environ, "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m"}
        running = subprocess.Popen([*command, f"--http-port={port}"], stdout=written, stderr=written, env=environment)
        issuer = f"http://127.0.0.1:{port}/realms/company"
        try:
            _wait(running, issuer, log)
            yield issuer
        finally:
            running.terminate()
            running.wait(60)


def _wait(running: subprocess.Popen[bytes], issuer: str, log: Path) -> None:
    ends = time.monotonic() + START_S
    while running.poll() is None and time.monotonic() < ends:
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise AssertionError(f"Keycloak doesn't come up: {log.read_text(errors='replace')[-3000:]}")
