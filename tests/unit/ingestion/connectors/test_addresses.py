"""Which addresses connectors may reach, however they are written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SourceRefuses, SourceUnavailable
from ingestion.connectors.addresses import check_host, forbids

PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "198.18.0.1"),
    *("::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "192.0.2.1", "240.0.0.1", "255.255.255.255"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::a00:1", "2002:a00:1::", "::10.0.0.1"),
    "2001:0:0:0:0:0:f5ff:fffe",  # Teredo, 10.0.0.1
]
NEVER = [
    *("169.254.169.254", "fd00:ec2::254", "169.254.170.2", "100.100.100.200", "::ffff:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_to_be_allowed(address: str) -> None:
    assert forbids(address, allow_private=False)
    assert forbids(address, allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_credentials_of_the_machine_are_never_a_source(address: str) -> None:
    assert forbids(address, allow_private=False)
    assert forbids(address, allow_private=True)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::1.1.1.1"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert forbids(address, allow_private=False) is None


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for allow in (False, True):
        if forbids(str(address), allow) is None:
            continue
        for base, shift in ((0xFFFF << 32, 0), (0x64FF9B << 96, 0), (0x2002 << 112, 80)):
            assert forbids(str(ipaddress.IPv6Address(base | number << shift)), allow)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "0177.0.0.1"])
def test_other_spellings_of_this_machine_are_known(host: str) -> None:
    with pytest.raises(SourceRefuses, match=r"this machine or of a private network.*allow_private"):
        check_host(host, 443, allow_private=False)


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(SourceRefuses, match=r"wiki\.example is at 10\.0\.0\.8"):
        check_host("wiki.example", 443, False, resolve=lambda *_: ["1.1.1.1", "10.0.0.8"])


def test_names_that_are_none_are_said_to_be() -> None:
    with pytest.raises(SourceUnavailable, match=r"'nowhere\.invalid' can't be resolved"):
        check_host("nowhere.invalid", 443, allow_private=False)
    with pytest.raises(SourceUnavailable, match="can't be resolved"):
        check_host("a" * 64 + ".example", 443, allow_private=False)
