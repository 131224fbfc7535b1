"""Which names the service answers to.

A browser sends the name that it looked up. A web page whose name is made to point here (DNS rebinding) could read what
readers without a key may read: it is refused, for its name isn't one of ours. A page elsewhere can't send a key, which
travels in the ``Authorization`` header; the cookie of a session counts only beside the session's token, which no other
page knows (:mod:`api.auth.cookies`). So the ``Origin`` of a request needs no check.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from core.settings import ApiSettings

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("/healthz", "/readyz", "/metrics")
"""Answered under any name: orchestrators and Prometheus ask by the address of the moment. Without a key, which no
foreign page has, the first two tell states only, and the last one nothing."""


class AllowedHosts:
    """The names of ``api.allowed_hosts``, or those that go without saying."""

    def __init__(self, settings: ApiSettings) -> None:
        names = [name.casefold() for name in settings.allowed_hosts or (*LOOPBACK, *_own(settings.host))]
        self._any = "*" in names
        self._below = tuple(name[1:] for name in names if name.startswith("*."))
        self._names = frozenset(names)

    def allows(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers names one of them, and no other."""
        if self._any:
            return True
        hosts = [value for key, value in headers if key == b"host"]
        if len(hosts) != 1:
            return False
        name = _name(hosts[0].decode("latin-1"))
        return name in self._names or any(name.endswith(end) and name != end for end in self._below)


def _own(host: str) -> tuple[str, ...]:
    """The name or address that the service is bound to, as URLs spell it; none where that is every address."""
    try:
        address = ip_address(host)
    except ValueError:
        return (host,)
    if address.is_unspecified:
        return ()
    return (f"[{address}]" if address.version > 4 else str(address),)  # noqa: PLR2004  the protocol's own number


def _name(host: str) -> str:
    """A ``Host`` header without its port, in lower case, and without the dot of a fully qualified name."""
    name, colon, port = host.casefold().rpartition(":")
    if not colon or not (port.isdigit() or port == "") or ("[" in host and not name.endswith("]")):
        name = host.casefold()
    return name.removesuffix(".")
