"""Whatever happens to a source: after a sync, the index holds what it has, for whom it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.sources.synced import Synced

ANN, BOB = "ann@example.com", "bob@example.com"
HR = "group:hr"


def test_everything_is_taken_in_once(synced: Synced) -> None:
    for number in range(12):
        synced.world.put(f"a/{number}", f"the words of {number}")
    assert synced.sync().indexed == 12
    synced.check()
    again = synced.sync()
    assert (again.indexed, again.failed, again.deleted) == (0, 0, 0)
    synced.check()


def test_an_edit_is_read_again_and_nothing_else(synced: Synced) -> None:
    synced.world.put("a", "first words")
    synced.world.put("b", "other words")
    synced.sync()
    synced.world.put("a", "second words")
    assert synced.sync().indexed == 1
    synced.check()


def test_what_is_deleted_goes_with_the_next_sync(synced: Synced) -> None:
    synced.world.put("a", "first words")
    synced.world.put("b", "other words")
    synced.sync()
    synced.world.delete("a")
    assert synced.sync().deleted == 1
    synced.check()


def test_what_comes_back_under_its_old_name_is_read_again(synced: Synced) -> None:
    synced.world.put("a", "first words")
    synced.sync()
    synced.world.delete("a")
    synced.sync()
    synced.world.put("a", "first words")
    synced.sync()
    synced.check()


@pytest.mark.needs("move")
def test_what_is_moved_is_found_where_it_is(synced: Synced) -> None:
    synced.world.put("a/b", "first words")
    synced.sync()
    synced.world.move("a/b", "c/d")
    synced.sync()
    synced.check()


@pytest.mark.needs("share")
def test_new_readers_count_without_reading_it_again(synced: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    synced.world.put("a", "first words")
    synced.sync()
    synced.world.share("a", frozenset({ANN}))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("It was fetched.")

    monkeypatch.setattr("ingestion.tasks.parsing.original_of", refuse)
    synced.sync()
    synced.check()


@pytest.mark.needs("withhold")
def test_what_the_source_does_not_say_who_may_read_is_hidden_until_it_does(synced: Synced) -> None:
    synced.world.put("a", "first words")
    synced.sync()
    synced.world.withhold("a", True)
    assert synced.sync().failed == 1
    synced.check()
    synced.world.withhold("a", False)
    synced.sync()
    synced.check()


keys = st.sampled_from(["a", "b", "x/a", "x/b", "y/z/c"])
words = st.lists(st.sampled_from(["harbour", "lantern", "meadow", "orchid"]), min_size=1, max_size=3).map(" ".join)
readers = st.frozensets(st.sampled_from([ANN, BOB, HR]), max_size=2)
steps = st.one_of(
    st.tuples(st.just("put"), keys, words),
    st.tuples(st.just("put"), keys, words),
    st.tuples(st.just("share"), keys, readers),
    st.tuples(st.just("move"), keys, keys),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("withhold"), keys, st.booleans()),
    st.just(("sync",)),
)


def take(synced: Synced, there: set[str], step: tuple[Any, ...]) -> None:
    """Do a step if it can be done in this source as it is now."""
    what, *rest = step
    world = synced.world
    if what == "sync":
        synced.sync()
    elif what == "put":
        world.put(*rest)
        there.add(rest[0])
    elif rest[0] not in there or (what in ("share", "move", "withhold") and what not in world.can):
        return
    elif what == "delete":
        world.delete(rest[0])
        there.remove(rest[0])
    elif what == "move":
        if rest[1] not in there:
            world.move(*rest)
            there.remove(rest[0])
            there.add(rest[1])
    else:
        getattr(world, what)(*rest)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=st.lists(steps, max_size=12))
def test_any_history_ends_with_the_index_as_the_source(
    new_synced: Callable[[], AbstractContextManager[Synced]], history: list[tuple[Any, ...]]
) -> None:
    with new_synced() as synced:
        there: set[str] = set()
        for step in history:
            take(synced, there, step)
        synced.sync()
        synced.check()
        again = synced.sync()
        assert (again.indexed, again.deleted) == (0, 0)
