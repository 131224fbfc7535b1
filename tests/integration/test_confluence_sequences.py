"""Whatever is done to a Confluence, in whatever order, the next listing tells what there is and who may read it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.connectors.port import Unreadable, Upsert
from tests.contract.sources.confluence_world import ConfluenceWorld
from tests.contract.sources.world import World
from tests.integration.confluence_sources import SOURCE, allowed, fetched, listed, memberships

KEYS = ["plans", "payroll/bonus", "payroll/pay", "payroll/secret/list"]
PEOPLE = [f"p{number}@example.com" for number in range(4)]
_readers = st.frozensets(st.sampled_from([*PEOPLE, "group:hr", "group:ops"]), max_size=3)
_operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(["red", "green & <blue>"])),
        st.tuples(st.just("share"), st.sampled_from(KEYS), _readers),
        st.tuples(st.just("share above"), st.sampled_from(KEYS), _readers),
        st.tuples(st.just("move"), st.sampled_from(KEYS), st.sampled_from(["new/place", "payroll/moved", "top"])),
        st.tuples(st.just("delete"), st.sampled_from(KEYS), st.none()),
        st.tuples(st.just("withhold"), st.sampled_from(KEYS), st.booleans()),
        st.tuples(st.just("members"), st.sampled_from(["hr", "ops"]), st.frozensets(st.sampled_from(PEOPLE))),
        st.tuples(st.just("sync"), st.none(), st.none()),
    ),
    max_size=12,
)


def test_it_is_a_world() -> None:
    world: World = ConfluenceWorld(cloud=True)
    assert world.can == {"share", "move", "withhold", "groups"}
    world.close()


@pytest.mark.parametrize(("cloud", "above"), [(True, False), (False, True)], ids=["cloud-folders", "data-center-pages"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_operations)
def test_a_listing_tells_what_there_is(cloud: bool, above: bool, operations: list[tuple[str, Any, Any]]) -> None:
    world = ConfluenceWorld(cloud=cloud, above=above)
    try:
        for name in ("hr", "ops"):
            world.members(name, frozenset(PEOPLE[:2]))
        there: set[str] = set()
        before: dict[str, Any] = {}
        for operation in [*operations, ("sync", None, None)]:
            if operation[0] == "sync":
                before = _check(world, before)
            else:
                _do(world, there, *operation)
    finally:
        world.close()


def _do(world: ConfluenceWorld, there: set[str], name: str, key: str, value: Any) -> None:
    if name == "members":
        world.members(key, value)
    elif name == "put":
        world.put(key, value)
        there.add(key)
    elif key not in there:
        return
    elif name == "share":
        world.share(key, value)
    elif name == "share above":
        for one_above in world.site.ancestors(world.site.content[world.page(key)])[:1]:
            one_above.groups = {one.partition(":")[2] for one in value if one.startswith("group:")}
            one_above.users = {world.site.user(one) for one in value if not one.startswith("group:")}
    elif name == "withhold":
        world.withhold(key, value)
    elif name == "delete":
        world.delete(key)
        there.discard(key)
    elif value not in there:
        world.move(key, value)
        there.discard(key)
        there.add(value)


def _check(world: ConfluenceWorld, before: dict[str, Any]) -> dict[str, Any]:
    told, groups = listed(world.confluence), memberships(world.confluence)
    truth = world.truth(SOURCE)
    assert set(told) == set(truth)
    for name, change in told.items():
        page = world.site.content[name.partition("/")[2]]
        if truth[name].terms is None:
            assert isinstance(change, Unreadable)
            assert change.acl is None
            continue
        assert isinstance(change, Upsert)
        assert frozenset(change.acl.terms()) == truth[name].terms
        assert allowed(world.site, change, groups) == world.site.readers(page)
        old = before.get(name)
        if isinstance(old, Upsert) and old.revision == change.revision:
            assert old == change
        if isinstance(old, Upsert) and old.content_revision == change.content_revision:
            continue
        text = fetched(world.confluence, name)[1].decode()
        assert truth[name].text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in text
    return told
