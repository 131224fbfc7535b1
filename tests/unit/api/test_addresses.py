"""Where a request comes from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.addresses import TrustedProxies
from core.settings import ApiSettings

PROXIES = TrustedProxies(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("5.5.5.5", "1.2.3.4", "5.5.5.5"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("a-socket", "1.2.3.4", "a-socket"),
    ],
)
def test_the_nearest_address_that_is_no_proxy(peer: str, forwarded: str, client: str) -> None:
    assert PROXIES.client_of(peer, [(b"x-forwarded-for", forwarded.encode())]) == client


def test_lines_of_the_header_are_one_list() -> None:
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4")]
    assert PROXIES.client_of("10.0.0.1", lines) == "1.2.3.4"
    assert PROXIES.client_of("10.0.0.1", []) == "10.0.0.1"
    assert TrustedProxies([]).client_of("10.0.0.1", lines) == "10.0.0.1"


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        ApiSettings(trusted_proxies=("10.0.0.0/99",))
