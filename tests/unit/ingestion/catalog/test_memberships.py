"""Memberships in the catalog, on both databases: what was said last counts, a group at a time, for its source only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.errors import InvalidRequest
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.membership_syncs import MembershipClaim, TakenOver
from ingestion.catalog.memberships import GROUPS, MEMBERS
from ingestion.connectors.port import Membership
from tests.unit.ingestion.catalog.conftest import SteppedClock

EVERY_S = 3600.0
LEASE_S = 100.0
Truth = Mapping[str, frozenset[str]]


def a_source(catalog: Catalog, name: str = "Wiki") -> str:
    return catalog.sources.create(kind="folder", name=name, config={}, interval_s=60).id


def claimed(catalog: Catalog, source_id: str, owner: str = "me") -> MembershipClaim:
    catalog.membership_syncs.want(source_id)
    claim = catalog.membership_syncs.claim(source_id, owner, LEASE_S, EVERY_S)
    assert claim is not None
    return claim


def said(source_id: str, truth: Truth) -> list[Membership]:
    return [Membership(f"{source_id}/{name}", users) for name, users in truth.items()]


def sync(catalog: Catalog, source_id: str, truth: Truth) -> int:
    """A whole sync; how much was left out."""
    claim = claimed(catalog, source_id)
    left_out = catalog.memberships.enter(claim, said(source_id, truth))
    while catalog.memberships.prune(claim, 1):
        pass
    catalog.membership_syncs.finish(claim, has_groups=True, left_out=left_out)
    return left_out


def members(*users: str) -> frozenset[str]:
    return frozenset(f"{user}@example.com" for user in users)


def names(catalog: Catalog, source_id: str, user: str) -> set[str]:
    return {group.removeprefix(f"{source_id}/") for group in catalog.memberships.groups_of(f"{user}@example.com")}


def test_a_reader_is_in_the_groups_that_were_said_last(catalog: Catalog) -> None:
    wiki = a_source(catalog)
    sync(catalog, wiki, {"hr": members("ann", "bob"), "eng": members("ann")})
    assert names(catalog, wiki, "ann") == {"hr", "eng"}
    assert names(catalog, wiki, "bob") == {"hr"}
    sync(catalog, wiki, {"hr": members("bob"), "all": members("ann", "bob")})
    assert names(catalog, wiki, "ann") == {"all"}
    assert names(catalog, wiki, "bob") == {"hr", "all"}
    assert [(one.name, one.members) for one in catalog.memberships.list(wiki)] == [
        (f"{wiki}/all", 2),
        (f"{wiki}/hr", 1),
    ]
    assert [one.name for one in catalog.memberships.list(wiki, user="Ann@example.com")] == [f"{wiki}/all"]
    assert catalog.memberships.count(wiki) == 2
    assert catalog.memberships.count(wiki, "nobody") == 0
    assert [one.name for one in catalog.memberships.list(wiki, limit=1, offset=1)] == [f"{wiki}/hr"]


@pytest.mark.parametrize(
    "user", ["ann", "", "@", "@example.com", "ann@", "ann@b@example.com", "a\0nn@example.com", None]
)
def test_who_has_no_address_is_in_no_group(catalog: Catalog, user: str | None) -> None:
    wiki = a_source(catalog)
    assert (
        sync(catalog, wiki, {"hr": frozenset({"ann", "@", "ann@", "bob@example.com"} | ({user} if user else set()))})
        >= 3
    )
    assert catalog.memberships.groups_of(user) == frozenset()
    assert catalog.memberships.list(wiki, user=user or "") == []
    assert names(catalog, wiki, "bob") == {"hr"}


def test_two_sources_have_nothing_to_do_with_each_other(catalog: Catalog) -> None:
    wiki, drive = a_source(catalog), a_source(catalog, "Drive")
    sync(catalog, wiki, {"hr": members("ann")})
    sync(catalog, drive, {"hr": members("bob")})
    assert catalog.memberships.groups_of("ann@example.com") == {f"{wiki}/hr"}
    sync(catalog, wiki, {})
    assert names(catalog, drive, "bob") == {"hr"}


@pytest.mark.parametrize("group", ["{other}/hr", "hr", "/hr", "{other}", "public", " {own}/hr", "{OWN}/hr"])
def test_a_connector_can_put_nobody_into_a_group_that_is_not_its_source_s(catalog: Catalog, group: str) -> None:
    wiki, drive = a_source(catalog), a_source(catalog, "Drive")
    sync(catalog, wiki, {"hr": members("ann")})
    named = group.format(other=wiki, own=drive, OWN=drive.upper())
    claim = claimed(catalog, drive)
    with pytest.raises(InvalidRequest, match="isn't a group of this source"):
        catalog.memberships.enter(
            claim, [Membership(f"{drive}/own", members("eve")), Membership(named, members("eve"))]
        )
    assert catalog.memberships.groups_of("eve@example.com") == frozenset()


def test_what_can_not_be_kept_is_left_out(catalog: Catalog) -> None:
    wiki = a_source(catalog)
    odd = {
        "a\0b": members("ann"),
        "a\ud800b": members("ann"),
        "x" * 500: members("ann"),
        "it's 100% #1 \n 日本": members("ann"),
    }
    assert sync(catalog, wiki, odd) == 3
    assert names(catalog, wiki, "ann") == {"it's 100% #1 \n 日本"}


def test_addresses_are_kept_in_small_letters_and_no_letter_becomes_another(catalog: Catalog) -> None:
    wiki = a_source(catalog)
    kelvin = "\N{KELVIN SIGN}ate@example.com"
    sync(catalog, wiki, {"hr": frozenset({"Ann@Example.COM"}), "eve": frozenset({kelvin})})
    assert names(catalog, wiki, "ann") == {"hr"}
    assert names(catalog, wiki, "ANN") == {"hr"}
    assert names(catalog, wiki, "kate") == set()
    assert catalog.memberships.groups_of(kelvin) == {f"{wiki}/eve"}


def test_a_sync_that_fails_leaves_what_it_did_not_come_to(catalog: Catalog, clock: SteppedClock) -> None:
    wiki = a_source(catalog)
    sync(catalog, wiki, {"hr": members("ann"), "eng": members("ann")})
    claim = claimed(catalog, wiki)
    catalog.memberships.enter(claim, said(wiki, {"hr": members("bob")}))
    catalog.membership_syncs.fail(claim, "It doesn't answer.", 20)
    assert names(catalog, wiki, "ann") == {"eng"}
    state = catalog.membership_syncs.get(wiki)
    assert state is not None
    assert (state.error, state.failures) == ("It doesn't answer.", 1)
    assert catalog.membership_syncs.failing() == [("Wiki", "It doesn't answer.")]
    assert catalog.membership_syncs.claim(wiki, "me", LEASE_S, EVERY_S) is None
    clock.advance(20)
    assert catalog.membership_syncs.take_due(LEASE_S) == [wiki]
    sync(catalog, wiki, {"hr": members("bob")})
    assert names(catalog, wiki, "ann") == set()
    assert catalog.membership_syncs.failing() == []


def test_two_syncs_never_overlap_and_a_late_one_writes_nothing(catalog: Catalog, clock: SteppedClock) -> None:
    wiki, syncs = a_source(catalog), catalog.membership_syncs
    late = claimed(catalog, wiki, "late")
    assert syncs.claim(wiki, "other", LEASE_S, EVERY_S) is None
    syncs.want(wiki)
    assert syncs.claim(wiki, "other", LEASE_S, EVERY_S) is None
    clock.advance(LEASE_S - 1)
    syncs.hold(late, LEASE_S)
    clock.advance(LEASE_S - 1)
    assert syncs.take_due(LEASE_S) == []
    assert syncs.claim(wiki, "other", LEASE_S, EVERY_S) is None
    clock.advance(2)
    now = syncs.claim(wiki, "other", LEASE_S, EVERY_S)
    assert now is not None
    writes: tuple[Callable[[], object], ...] = (
        lambda: catalog.memberships.enter(late, said(wiki, {"hr": members("eve")})),
        lambda: catalog.memberships.prune(late, 10),
        lambda: syncs.finish(late, has_groups=True, left_out=0),
    )
    for write in writes:
        with pytest.raises(TakenOver):
            write()
    syncs.fail(late, "late", 0)
    catalog.memberships.enter(now, said(wiki, {"hr": members("ann")}))
    assert names(catalog, wiki, "eve") == set()
    assert syncs.finish(now, has_groups=True, left_out=0) is False
    assert syncs.failing() == []


def test_the_schedule(catalog: Catalog, clock: SteppedClock, open_more: Callable[[], Catalog]) -> None:
    wiki, syncs = a_source(catalog), catalog.membership_syncs
    off = a_source(catalog, "Off")
    catalog.sources.update(off, enabled=False)
    assert syncs.get(wiki) is None
    assert syncs.take_due(LEASE_S) == [wiki]
    assert open_more().membership_syncs.take_due(LEASE_S) == [], "its message is in the queue"
    clock.advance(LEASE_S + 1)
    assert syncs.take_due(LEASE_S) == [wiki], "its message was lost"
    assert syncs.free_lost(lambda owner: owner is None) == [wiki], "the broker forgot it"
    claim = syncs.claim(wiki, "me", LEASE_S, EVERY_S)
    assert claim is not None
    assert syncs.take_due(LEASE_S) == []
    syncs.want(wiki)
    assert syncs.finish(claim, has_groups=True, left_out=0) is True, "it was asked for meanwhile"
    claim = syncs.claim(wiki, "me", LEASE_S, EVERY_S)
    assert claim is not None
    assert syncs.free_lost(lambda owner: owner == "me") == [wiki], "its worker died"
    claim = syncs.claim(wiki, "me", LEASE_S, EVERY_S)
    assert claim is not None
    clock.advance(LEASE_S + 1)
    assert syncs.take_due(LEASE_S) == [wiki], "its worker died, and nobody knows"
    claim = syncs.claim(wiki, "you", LEASE_S, EVERY_S)
    assert claim is not None
    assert syncs.finish(claim, has_groups=False, left_out=0) is False
    clock.advance(EVERY_S - 1)
    assert syncs.take_due(LEASE_S) == []
    clock.advance(1)
    assert syncs.take_due(LEASE_S) == [wiki]


def test_a_deleted_source_takes_its_memberships_with_it(catalog: Catalog) -> None:
    wiki = a_source(catalog)
    sync(catalog, wiki, {str(number): members("ann") for number in range(5)})
    claim = claimed(catalog, wiki)
    catalog.sources.begin_delete(wiki)
    assert names(catalog, wiki, "ann") == set(), "at once"
    with pytest.raises(TakenOver):
        catalog.memberships.enter(claim, said(wiki, {"new": members("ann")}))
    assert [catalog.memberships.forget(wiki, 3) for _ in range(3)] == [3, 2, 0]
    catalog.sources.remove(wiki)
    assert catalog.membership_syncs.get(wiki) is None
    assert catalog.membership_syncs.claim(wiki, "me", LEASE_S, EVERY_S) is None
    with catalog.database.read() as connection:
        for table in (GROUPS, MEMBERS):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_a_group_of_many(catalog: Catalog) -> None:
    wiki = a_source(catalog)
    many = frozenset(f"u{number}@example.com" for number in range(2500))
    sync(catalog, wiki, {"all": many})
    sync(catalog, wiki, {"all": many - members("u7") | members("ann")})
    assert [group.members for group in catalog.memberships.list(wiki)] == [2500]
    assert (names(catalog, wiki, "u7"), names(catalog, wiki, "ann"), names(catalog, wiki, "u8")) == (
        set(),
        {"all"},
        {"all"},
    )


USERS = ("ann", "bob", "cee")
TRUTHS = st.dictionaries(st.sampled_from("abcd"), st.frozensets(st.sampled_from(USERS)), max_size=4)
STEPS = st.tuples(TRUTHS, st.none() | st.integers(0, 4))
"""What the source says, and after how many groups the sync fails, if it does."""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=6), TRUTHS)
def test_after_any_syncs_the_last_whole_one_is_the_truth(
    catalog: Catalog, steps: list[tuple[dict[str, frozenset[str]], int | None]], last: dict[str, frozenset[str]]
) -> None:
    wiki = a_source(catalog, f"Wiki {len(catalog.sources.list())}")
    known: dict[str, frozenset[str]] = {}
    for truth, fails_after in [*steps, (last, None)]:
        told = {name: members(*users) for name, users in truth.items()}
        if fails_after is None:
            sync(catalog, wiki, told)
            known = dict(told)
        else:
            claim = claimed(catalog, wiki)
            come_to = dict(list(told.items())[:fails_after])
            for name, users in come_to.items():
                catalog.memberships.enter(claim, said(wiki, {name: users}))
            catalog.membership_syncs.fail(claim, "It broke off.", 0)
            known |= come_to
        for user in USERS:
            expected = {name for name, users in known.items() if f"{user}@example.com" in users}
            assert {name for name in names(catalog, wiki, user) if "/" not in name} == expected
