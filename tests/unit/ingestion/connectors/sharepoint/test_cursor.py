"""How far a SharePoint source has been listed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SourceRefuses
from ingestion.connectors.sharepoint.cursor import DriveState, State

DRIVE = "b!" + "a" * 64
links = st.one_of(
    st.none(),
    st.sampled_from([f"/drives/{DRIVE}/root/delta?token=abc", "/elsewhere/delta(token='x')", "/drives/other/x"]),
)


@given(links, links, st.one_of(st.none(), st.just("0f")), st.sets(st.sampled_from(["01A", "01B"])))
def test_a_state_survives_being_kept(
    delta: str | None, following: str | None, root: str | None, hidden: set[str]
) -> None:
    state = State("digest", full=False, drives={DRIVE: DriveState(delta, following, root, hidden)})
    assert State.read(json.loads(json.dumps(state.cursor())), "digest") == state


def test_other_settings_start_anew() -> None:
    state = State("digest", full=False, drives={DRIVE: DriveState("/drives/x/root/delta?token=abc")})
    again = State.read(state.cursor(), "another")
    assert (again.full, again.drives) == (True, {})
    assert State.read({}, "digest").full


def test_too_many_hidden_items_list_the_library_from_the_start() -> None:
    hidden = {f"01{number:032}" for number in range(500)}
    state = State("digest", drives={DRIVE: DriveState(f"/drives/{DRIVE}/root/delta?token=abc", hidden=hidden)})
    cursor = state.cursor()
    assert len(json.dumps(cursor)) < 2000
    assert State.read(cursor, "digest").drives[DRIVE].delta is None


def test_more_libraries_than_a_cursor_holds_are_refused_with_the_way_out() -> None:
    drives = {
        f"b!{number:064}": DriveState(f"/drives/b!{number:064}/root/delta?token={'x' * 130}") for number in range(40)
    }
    with pytest.raises(SourceRefuses, match="40 libraries"):
        State("digest", drives=drives).cursor()
    assert State("digest", drives=dict(list(drives.items())[:15])).cursor()
