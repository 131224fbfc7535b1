"""Where connectors may connect to: addresses are checked once names are resolved, and what was checked is dialled.

A source's settings and its answers name hosts. Without this, one that names ``169.254.169.254``, or a name that
resolves to it, would have Footnote read the cloud's credentials out, or what else listens in the company's network.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from core.errors import SourceRefuses, SourceUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""The addresses of a name, as numbers; raises :class:`OSError` where it has none."""

_NEVER = [
    ipaddress.ip_network(network)
    for network in (
        "169.254.169.254/32",  # metadata with credentials: AWS, Azure, Google, OpenStack
        "169.254.170.0/24",  # AWS containers
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's host
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
]
"""What holds credentials and never documents: no source may allow it."""
_WRAPPED_V4 = {
    "::ffff:0:0/96": 0,  # mapped
    "::/96": 0,  # compatible
    "64:ff9b::/96": 0,  # NAT64
    "64:ff9b:1::/48": 0,  # NAT64 of one's own
    "2002::/16": 80,  # 6to4
}
"""IPv6 networks whose addresses lead to an IPv4 address, and how many bits lie to the right of that."""
_WRAPS = [(ipaddress.IPv6Network(network), shift) for network, shift in _WRAPPED_V4.items()]
_TEREDO = ipaddress.IPv6Network("2001::/32")


def check_host(host: str, port: int, allow_private: bool, *, resolve: Resolve | None = None) -> list[str]:
    """The addresses of a host, if all of them may be connected to; for clients that don't speak through httpx.

    Such a client resolves the name again: where it can, give it one of these addresses.

    Raises:
        SourceRefuses: it is, or resolves to, a private, loopback, link-local or otherwise special address, and
            ``allow_private`` isn't set; or one that no source may reach.
        SourceUnavailable: the name isn't known.
    """
    try:
        addresses = (resolve or resolve_name)(host.strip("[]"), port)
    except (OSError, UnicodeError) as error:
        raise SourceUnavailable(f"The name {host!r} can't be resolved: check it, and this machine's DNS.") from error
    for address in addresses:
        if (why := forbids(address, allow_private)) is not None:
            shown = "" if address == host else f" is at {address},"
            hint = "" if why.endswith("ever") else "; set allow_private in the source's config if it is meant to be"
            raise SourceRefuses(f"{host}{shown} {why}{hint}.")
    return addresses


def resolve_name(host: str, port: int) -> list[str]:
    """What the system's resolver says, each address once. It has time limits of its own (resolv.conf)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def forbids(address: str, allow_private: bool) -> str | None:
    """What stands against connecting to an address, to follow its name; None: nothing."""
    inner = [_parse(address)]
    while (wrapped := _wrapped(inner[-1])) is not None:
        inner.append(wrapped)
    if any(one in network for one in inner for network in _NEVER):
        return "which holds credentials of this machine, and is no source, ever"
    if any(one.is_multicast or one.is_unspecified for one in inner):
        return "which is no single machine's address, and is no source, ever"
    if not allow_private and not all(one.is_global for one in inner):
        return "which is an address of this machine or of a private network"
    return None


def _parse(address: str) -> Address:
    return ipaddress.ip_address(address.partition("%")[0])


def _wrapped(address: Address) -> Address | None:
    if address.version == 4:  # noqa: PLR2004 - the version of the protocol
        return None
    if address in _TEREDO:
        return ipaddress.IPv4Address(~int(address) & 0xFFFFFFFF)
    for network, shift in _WRAPS:
        # ::1 and :: are addresses of their own.
        if address in network and int(address) > 1:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return None


class CheckedTransport(httpx.BaseTransport):
    """Sends requests over connections to addresses that were checked; TLS names and ``Host`` stay as they are.

    A name is resolved once for each connection, and the address that was checked is the one that is dialled: a name
    that resolves to another address a moment later gains nothing.

    Args:
        allow_private: as for :func:`check_host`.
        tls: whom to trust; None: the certificates that come with Footnote.
        proxy: the URL of a proxy. It dials then, so its own resolver is what counts; hosts that this machine can
            resolve are checked here as well.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._proxied = proxy is not None
        self._deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
        tls = tls or httpx.create_ssl_context(trust_env=False)
        backend = _CheckedBackend(self._deadline, None if self._proxied else self._check)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            proxy=None if proxy is None else _proxy(proxy),
            network_backend=backend,
            max_connections=20,
            keepalive_expiry=30,
        )

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Within it, every wait for bytes ends at this moment of ``time.monotonic``, however they trickle."""
        token = self._deadline.set(deadline)
        try:
            yield
        finally:
            self._deadline.reset(token)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            SourceRefuses, SourceUnavailable: as for :func:`check_host`.
            httpx.TransportError: it got no answer.
        """
        url = request.url
        if self._proxied:
            self._check_before_proxy(url)
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self._pool.handle_request(sent)
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        """Let go of connections."""
        self._pool.close()

    def _check(self, host: str, port: int) -> list[str]:
        return check_host(host, port, self._allow_private, resolve=self._resolve)

    def _check_before_proxy(self, url: httpx.URL) -> None:
        try:
            self._check(url.host, url.port or (443 if url.scheme == "https" else 80))
        except SourceUnavailable:
            return  # a name that only the proxy knows


def _proxy(address: str) -> httpcore.Proxy:
    read = httpx.Proxy(address)
    url = httpcore.URL(scheme=read.url.raw_scheme, host=read.url.raw_host, port=read.url.port, target=b"/")
    return httpcore.Proxy(url, auth=read.raw_auth)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """httpcore's errors bear the names of httpx's."""
    kinds = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
    try:
        yield
    except (*kinds, httpcore.UnsupportedProtocol) as error:
        raise getattr(httpx, type(error).__name__, httpx.TransportError)(str(error)) from error


class _CheckedBackend(httpcore.NetworkBackend):
    """Dials addresses that ``check`` gives for a host; without it, the host itself."""

    def __init__(self, deadline: ContextVar[float | None], check: Callable[[str, int], list[str]] | None) -> None:
        self._deadline = deadline
        self._check = check
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - none are set
    ) -> httpcore.NetworkStream:
        """Connect to the first of the addresses that answers."""
        addresses = [host] if self._check is None else self._check(host, port)
        refused: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = self._sockets.connect_tcp(address, port, _left(self._deadline, timeout), local_address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
            else:
                return _TimedStream(stream, self._deadline)
        raise refused


class _TimedStream(httpcore.NetworkStream):
    """A connection on which no wait outlasts the deadline of the call that it is used for."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: ContextVar[float | None]) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: ContextVar[float | None], timeout: float | None) -> float | None:
    until = deadline.get()
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for this answer is over")
    return left if timeout is None else min(left, timeout)
