"""A data directory that can't be used is told in one sentence: whose it is, and what to do."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from core.data_dir import check_usable, in_data_dir, make_usable
from core.errors import StorageUnavailable
from tests.unprivileged import unprivileged


def test_it_is_made_for_this_user_alone_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "a" / "data"
    check_usable(data_dir)
    assert not data_dir.exists()
    make_usable(data_dir)
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    make_usable(data_dir)
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_one_that_is_closed_to_its_owner(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    try:
        with (
            unprivileged(),
            pytest.raises(StorageUnavailable, match=rf"\(mode {mode:o}\).*`chmod -R u\+rwX {tmp_path}`"),
        ):
            make_usable(tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_one_that_cannot_be_made(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    try:
        with unprivileged(), pytest.raises(StorageUnavailable, match=f"Make the data directory.*{tmp_path}/a/data"):
            make_usable(tmp_path / "a" / "data")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_one_that_is_somebody_else_s(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with unprivileged(), pytest.raises(StorageUnavailable, match=r"which belongs to \w+: run Footnote as that user"):
        make_usable(tmp_path)


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for data_dir in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(StorageUnavailable, match="a file is in its place"):
            make_usable(data_dir)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "is full: free some space"),
        (errno.EDQUOT, "is full: free some space"),
        (errno.EROFS, "is on a read-only file system: mount it for writing"),
        (errno.EIO, "can't be used (Input/output error): look into its disk"),
    ],
)
def test_what_the_disk_says_is_told_with_what_to_do(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(StorageUnavailable) as caught, in_data_dir(tmp_path):
        raise OSError(number, os.strerror(number))
    assert said in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert "FOOTNOTE_DATA_DIR" in caught.value.message
