from __future__ import annotations

import contextlib
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.supervisor.layout import ChildState, Layout, StackState, exclusive, is_up
from core.errors import StorageUnavailable
from core.settings import Settings


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.of(Settings(data_dir=tmp_path / "data"))
    made.make()
    return made


def test_only_its_owner_can_read_the_data_directory(layout: Layout) -> None:
    assert stat.S_IMODE(layout.data_dir.stat().st_mode) == 0o700


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path) -> None:
    with limited(files=0), pytest.raises(StorageUnavailable, match="full: free some space"):
        Layout(tmp_path).make()


@contextlib.contextmanager
def limited(files: int) -> Iterator[None]:
    """Within, the kernel refuses to write files beyond a size, as a full quota would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    had = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (files, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, had)


def test_state_is_read_back_as_it_was_written(layout: Layout) -> None:
    state = StackState(
        7, "http://127.0.0.1:1", "now", "running", None, [ChildState("api", 8, 1.5, "running", 2, "how")]
    )
    state.write(layout.state_file)
    assert StackState.read(layout.state_file) == state


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"children": [{"nonsense": 1}]}'])
def test_a_damaged_state_counts_as_none(layout: Layout, content: str) -> None:
    layout.state_file.write_text(content)
    assert StackState.read(layout.state_file) is None


def test_one_holder_of_the_lock_at_a_time(layout: Layout) -> None:
    assert not is_up(layout)
    with exclusive(layout.lock_file) as mine:
        assert mine
        assert is_up(layout)
        with exclusive(layout.lock_file, patience_s=0) as again:
            assert not again
        assert is_up(layout)
    assert not is_up(layout)


def test_nothing_is_up_where_nothing_ever_was(tmp_path: Path) -> None:
    assert not is_up(Layout(tmp_path))
