"""Whom a request is counted to."""

from __future__ import annotations

from datetime import UTC, datetime

from api.auth.key_records import READER, KeyRecord
from api.auth.principal import Caller
from api.limits.subjects import subjects_of
from core.limit_settings import LimitSettings, Quota
from core.principal import ANONYMOUS, Principal

LIMITED = Quota(requests_per_minute=60)
SETTINGS = LimitSettings(principal=LIMITED, key=LIMITED, address=LIMITED)
KEY = KeyRecord(id="k1", name="CI", prefix="fn_1", grant=READER, created_at=datetime(2026, 1, 1, tzinfo=UTC))


def names(user: str | None, address: str | None = None, key: KeyRecord | None = None) -> list[str]:
    return [one.name for one in subjects_of(Caller(Principal(user), key=key), address, SETTINGS)]


def test_a_person_a_key_and_an_address_are_each_counted() -> None:
    kinds = [one.kind for one in subjects_of(Caller(Principal("ann"), key=KEY), "10.0.0.1", SETTINGS)]
    assert kinds == ["principal", "key", "address"]
    assert [one.kind for one in subjects_of(Caller(ANONYMOUS), "10.0.0.1", SETTINGS)] == ["address"]
    assert [one.kind for one in subjects_of(None, "10.0.0.1", SETTINGS)] == ["address"]
    assert subjects_of(Caller(Principal("ann"), key=KEY), "10.0.0.1", LimitSettings()) == ()


def test_a_person_is_one_however_their_address_is_written() -> None:
    assert names("Ann@Example.com") == names("ann@example.com") != names("anna@example.com")


def test_an_ipv6_network_is_one_address() -> None:
    assert names(None, "2001:db8::1") == names(None, "2001:db8::ffff:1") != names(None, "2001:db8:0:1::1")
    assert names(None, "::ffff:10.0.0.1") == names(None, "10.0.0.1") != names(None, "10.0.0.2")
    assert names(None, "a-socket") != names(None, "10.0.0.1")


def test_what_is_counted_names_nobody_and_holds_no_key() -> None:
    told = " ".join(names("ann@example.com", "10.0.0.1", KEY))
    assert not {word for word in ("ann", "10.0.0.1", "k1") if word in told}
