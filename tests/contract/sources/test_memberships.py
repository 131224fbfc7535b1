"""Groups of a source: who its people say is in them finds what they may read, until they say otherwise."""

from __future__ import annotations

import pytest

from core.principal import AccessList, Principal
from ingestion.tasks.memberships import sync_memberships
from tests.contract.sources.synced import Synced
from tests.contract.sources.test_following import ANN, BOB, HR


def sync_groups(synced: Synced) -> None:
    syncs = synced.parts.catalog.membership_syncs
    syncs.want(synced.source.id)
    sync_memberships(synced.parts, synced.source.id)
    state = syncs.get(synced.source.id)
    assert state is not None
    assert (state.has_groups, state.error) == ("groups" in synced.world.can, None)


def reading(synced: Synced, user: str) -> list[str]:
    """What somebody who is in no group of their own may read."""
    synced_groups = synced.parts.catalog.memberships.groups_of(user)
    reader = Principal(user, synced=synced_groups)
    truth = synced.world.truth(synced.source.id)
    return sorted(one.text for one in truth.values() if one.terms and AccessList.from_terms(one.terms).allows(reader))


@pytest.mark.needs("groups", "share")
def test_who_leaves_a_group_reads_what_it_may_read_no_more(synced: Synced) -> None:
    synced.world.put("a", "first words")
    synced.world.members("hr", frozenset({ANN}))
    synced.world.share("a", frozenset({HR}))
    synced.sync()
    synced.check()
    assert reading(synced, ANN) == [], "nobody has asked who is in the group"
    sync_groups(synced)
    assert (reading(synced, ANN), reading(synced, BOB)) == (["first words"], [])
    synced.world.members("hr", frozenset({BOB}))
    sync_groups(synced)
    assert (reading(synced, ANN), reading(synced, BOB)) == ([], ["first words"])
    synced.world.members("hr", frozenset())
    sync_groups(synced)
    assert (reading(synced, ANN), reading(synced, BOB)) == ([], [])


@pytest.mark.lacks("groups")
def test_a_source_without_groups_has_none(synced: Synced) -> None:
    sync_groups(synced)
    assert synced.parts.catalog.memberships.count(synced.source.id) == 0
