"""The address that a request comes from, also behind proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence


class TrustedProxies:
    """Finds a request's address in ``X-Forwarded-For``, where those who wrote it are trusted.

    Args:
        networks: of the proxies.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def client_of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """The last address that no trusted proxy has; ``peer`` is the one that the connection comes from.

        What stands before it in the header was written by the client, who may write what it likes.
        """
        if not self._networks or not self._trusts(peer):
            return peer
        chain = [
            part.strip()
            for name, value in headers
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")
        ]
        client = peer
        for address in reversed(chain):
            try:
                client = str(ipaddress.ip_address(address))
            except ValueError:
                return client
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
