"""An OpenID provider over real HTTP, true to the protocol: discovery, keys, a sign-in form, PKCE, refresh, sign-out."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "footnote", "the client's secret"


@dataclass
class OidcServer:
    """What it knows and did.

    Attributes:
        people: claims by user name.
        groups: what its Graph says of people, by ``oid``.
        down: it answers everything with 503.
        asked: the paths of requests.
        ended: who may not refresh any more.
    """

    url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refreshing: dict[str, str] = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=list)
    give_refresh: bool = True

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> RSAKey:
        """Sign with a new key from now on, and take the others back; the former one."""
        former = self.keys[-1] if self.keys else None
        self.keys = [RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})]
        return former or self.keys[0]

    def token(self, user: str, audience: str | list[str], *, key: RSAKey | None = None, **claims: Any) -> str:
        """A token that it signed, with any claim put in the place of its own."""
        now, signing = int(time.time()), key or self.keys[-1]
        said = {"iss": self.url, "sub": f"id-of-{user}", "aud": audience, "iat": now, "exp": now + 300}
        header = {"alg": "RS256", "kid": signing.get("kid")}
        return jwt.encode(header, {**said, **self.people.get(user, {}), **claims}, signing, algorithms=["RS256"])

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
        }

    def grant(self, form: dict[str, str], authorization: str) -> dict[str, Any]:
        """The token endpoint; a problem is an object with ``error``."""
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {expected}":
            return {"error": "invalid_client"}
        if form["grant_type"] == "client_credentials":
            return {"access_token": "graph-token", "token_type": "Bearer"}
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if asked is None or asked["code_challenge"] != challenge.rstrip(b"=").decode():
                return {"error": "invalid_grant"}
            if asked["redirect_uri"] != form["redirect_uri"]:
                return {"error": "invalid_grant"}
            user, more = asked["user"], {"nonce": asked["nonce"]}
        else:
            user, more = self.refreshing.pop(form["refresh_token"], ""), {}
            if not user or user in self.ended:
                return {"error": "invalid_grant"}
        given = {"access_token": secrets.token_hex(8), "token_type": "Bearer", "expires_in": 300}
        if self.give_refresh:
            given["refresh_token"] = secrets.token_hex(8)
            self.refreshing[str(given["refresh_token"])] = user
        return {**given, "id_token": self.token(user, CLIENT, **more)}


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    """A provider on a port of its own."""
    known = OidcServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, body: Any = None, **headers: str) -> None:
            content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def _arrive(self) -> tuple[str, dict[str, str]] | None:
            parts = urlsplit(self.path)
            known.asked.append(parts.path)
            if known.down:
                self._answer(503)
                return None
            return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

        def do_GET(self) -> None:
            arrived = self._arrive()
            if arrived is None:
                return
            path, query = arrived
            if path == "/.well-known/openid-configuration":
                self._answer(200, known.discovery())
            elif path == "/jwks":
                self._answer(200, {"keys": [key.as_dict(private=False) for key in known.keys]})
            elif path == "/authorize":
                assert query["client_id"] == CLIENT
                assert query["code_challenge_method"] == "S256"
                action = f"{known.url}/authorize?{urlencode(query)}"
                self._answer(200, f'<form method="post" action="{action}"><input name="user"></form>')
            else:
                self._answer(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            arrived = self._arrive()
            if arrived is None:
                return
            path, query = arrived
            form = {name: values[0] for name, values in parse_qs(body).items()}
            if path == "/authorize":
                code = secrets.token_hex(8)
                known.codes[code] = {**query, "user": form["user"]}
                back = urlencode({"code": code, "state": query["state"]})
                self._answer(302, Location=f"{query['redirect_uri']}?{back}")
            elif path == "/token":
                given = known.grant(form, self.headers.get("Authorization", ""))
                self._answer(400 if "error" in given else 200, given, Content_Type="application/json")
            elif path.startswith("/graph/users/"):
                assert self.headers["Authorization"] == "Bearer graph-token"
                self._answer(200, {"value": known.groups[path.split("/")[3]]})
            else:
                self._answer(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
