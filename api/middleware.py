"""What surrounds every request: its limits and its host, an id, security headers, a measurement and a last catch.

One plain ASGI layer: Starlette's ``BaseHTTPMiddleware`` would buffer streams and hide disconnects, and each further
layer costs time on every search.
"""

from __future__ import annotations

import re
import time
import uuid

from fastapi import HTTPException
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import TrustedProxies
from api.hosts import EVERYWHERE, AllowedHosts
from api.problems import METHODS, error_response
from core.errors import InvalidRequest, Misdirected, Overloaded
from core.logs import correlation_id
from core.settings import ApiSettings
from core.telemetry import HTTP_SECONDS
from core.tracing import HEADER, continued

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_UPLOAD = re.compile(r"/v1/sources/[^/]+/documents(?:/.*)?", re.DOTALL)
"""Where bodies are documents. They are read once their sender is known for an administrator, and to a disk."""
_OWN_UPLOAD = re.compile(r"/v1/uploads/[^/]+", re.DOTALL)
"""Where they are a reader's own: read once their sender is known by a name."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""``blob:``: an image of a page is fetched with the reader's key, which an ``img`` can't send."""
_SECURITY_HEADERS = {
    b"content-security-policy": CONTENT_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""Set where a route hasn't set its own. ``no-store``: what one reader may see is for no shared cache."""


class EdgeMiddleware:
    """The outermost layer of the service.

    Args:
        app: what it surrounds.
        settings: a body longer than ``max_body_bytes`` is refused with 413, without being read to its end, and a
            request beyond ``max_connections`` of them at work with 503.
        hosts: a request for another one is refused with 421.
        max_upload_bytes: the limit on the body of a document that is pushed, instead of ``max_body_bytes``.
        max_own_bytes: the same of one that a reader uploads.
    """

    def __init__(
        self, app: ASGIApp, settings: ApiSettings, hosts: AllowedHosts, max_upload_bytes: int, max_own_bytes: int
    ) -> None:
        self.app = app
        self._max_body_bytes = settings.max_body_bytes
        self._max_upload_bytes = max_upload_bytes
        self._max_own_bytes = max_own_bytes
        self._most_at_work = settings.max_connections
        self._at_work = 0
        self._hosts = hosts
        self._proxies = TrustedProxies(settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        token = correlation_id.set(request_id)
        began = time.perf_counter()
        status = 500
        started = False
        state = scope.setdefault("state", {})
        if scope.get("client"):
            peer, port = scope["client"]
            scope["client"] = (self._proxies.client_of(peer, scope["headers"]), port)

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                added = [*state.get("limit_fields", ()), (b"x-request-id", request_id.encode())]
                message["headers"] = _with_headers(message.get("headers", ()), added)
            await send(message)

        self._at_work += 1
        try:
            self._check(scope)
            _check_address(scope)
            with continued("request", _trace_of(scope), SpanKind.SERVER, **{"http.request.method": scope["method"]}):
                await self.app(scope, _limited(receive, *self._limit(scope), scope), send_with_headers)
                span = trace.get_current_span()
                span.set_attribute("http.route", _route(scope))
                span.set_attribute("http.response.status_code", status)
        except Exception as error:  # noqa: BLE001  the process boundary: a bug ends one request, not the service
            response = error_response(error)
            if not started:
                await response(scope, receive, send_with_headers)
        finally:
            self._at_work -= 1
            method = scope["method"] if scope["method"] in METHODS else "other"
            HTTP_SECONDS.labels(method, _route(scope), str(status)).observe(time.perf_counter() - began)
            correlation_id.reset(token)

    def _limit(self, scope: Scope) -> tuple[int, str]:
        """How long the body may be, and the setting that says so."""
        if scope["method"] in ("PUT", "POST") and _UPLOAD.fullmatch(scope["path"]):
            return self._max_upload_bytes, "parsing.max_file_mb"
        if scope["method"] == "PUT" and _OWN_UPLOAD.fullmatch(scope["path"]):
            return self._max_own_bytes, "uploads.max_file_mb"
        return self._max_body_bytes, "api.max_body_bytes"

    def _check(self, scope: Scope) -> None:
        """Let a request through.

        Raises:
            Overloaded: there are too many at work.
            Misdirected: it is for another host.
        """
        if scope["path"] in EVERYWHERE:
            return
        if self._at_work > self._most_at_work:
            raise Overloaded(
                f"Footnote is at work on {self._most_at_work} requests (api.max_connections). Try again soon."
            )
        if not self._hosts.allows(scope["headers"]):
            raise Misdirected(
                "Footnote isn't served under the name in this request's Host header. If it should be, its operator "
                "adds that name to api.allowed_hosts."
            )


def _check_address(scope: Scope) -> None:
    """Refuse NUL wherever an id or a name may come from: it is in none, and PostgreSQL takes it in no value."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise InvalidRequest("The address holds the character NUL (%00). Nothing that can be asked for has it.")


def _request_id(scope: Scope) -> str:
    """The caller's own id if it is harmless to log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return uuid.uuid4().hex


def _trace_of(scope: Scope) -> dict[str, str]:
    """The trace that the caller goes on with: the page's, or an application's."""
    given = dict(scope["headers"]).get(HEADER.encode())
    return {} if given is None else {HEADER: str(given, "latin-1")}


def _route(scope: Scope) -> str:
    """The route's pattern: metrics must not have a label value a document."""
    return getattr(scope.get("route"), "path", "unmatched")


def _with_headers(headers: list[tuple[bytes, bytes]], added: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    security = [item for item in _SECURITY_HEADERS.items() if item[0] not in present]
    return [*headers, *security, *added]


def _limited(receive: Receive, limit: int, setting: str, scope: Scope) -> Receive:
    too_large = HTTPException(
        413, f"The request body is over the limit of {limit} bytes ({setting}). Send a shorter one."
    )
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    over = declared.isdigit() and int(declared) > limit
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if over or seen > limit:
                # FastAPI passes its own HTTPException on from within the reading of a body, and nothing else.
                raise too_large
        return message

    return limited
