"""The folder of an embedded index: its pointer, its lock, and what its errors mean."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from core.errors import Conflict, FootnoteError, IndexUnavailable, NotFound, StorageUnavailable
from retrieval.index.lance import store as module
from retrieval.index.lance.store import Pointer, Store


def test_a_pointer_survives_being_written(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Store(tmp_path)
    assert other.pointer() == Pointer()
    pointer, record = Pointer().with_new("embedder", 8)
    with store.writing():
        store.point(pointer)
    assert other.pointer() == pointer
    assert other.pointer().get(record.name).embedder == "embedder"
    assert not list(tmp_path.glob("*.new"))


def test_names_grow_and_are_never_used_again() -> None:
    pointer, first = Pointer().with_new("e", 8)
    pointer, second = pointer.with_new("e", 8)
    pointer, third = pointer.without(second.name).with_new("e", 8)
    assert first.name < second.name < third.name


def test_a_live_generation_is_not_dropped_and_an_unknown_one_not_found() -> None:
    pointer, record = Pointer().with_new("e", 8)
    with pytest.raises(Conflict, match=record.name):
        Pointer(record.name, pointer.number, pointer.records).without(record.name)
    with pytest.raises(NotFound, match=f"'nope'; there are: {record.name}"):
        pointer.get("nope")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"live": null}', '{"live": 1, "number": 1, "records": [{"x": 1}]}'])
def test_a_damaged_pointer_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "generations.json").write_text(text)
    with pytest.raises(IndexUnavailable, match=r"generations\.json is damaged"):
        Store(tmp_path).pointer()


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageUnavailable),
        (OSError(errno.EDQUOT, "Quota"), StorageUnavailable),
        (RuntimeError("lance error: LanceError(IO): ... No space left on device (os error 28)"), StorageUnavailable),
        (OSError("Generic LocalFileSystem error: File too large (os error 27)"), StorageUnavailable),
        (OSError(errno.EACCES, "Permission denied"), IndexUnavailable),
        (RuntimeError("os error 280"), IndexUnavailable),
        (ValueError(""), IndexUnavailable),
        (NotFound("kept"), NotFound),
    ],
)
def test_errors_become_ours(tmp_path: Path, raised: Exception, expected: type[FootnoteError]) -> None:
    with pytest.raises(expected), Store(tmp_path).reporting("read"):
        raise raised


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexUnavailable, match="file"), Store(tmp_path / "file" / "index").writing():
        raise AssertionError("unreachable")


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def work(store: Store) -> None:
        nonlocal inside, most
        for _ in range(20):
            with store.writing():
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    shared = Store(tmp_path)
    threads = [threading.Thread(target=work, args=(store,)) for store in (shared, shared, Store(tmp_path))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (most, inside) == (1, 0)


def test_a_writer_that_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.05)
    with (
        Store(tmp_path).writing(),
        pytest.raises(IndexUnavailable, match="busy with another writer"),
        Store(tmp_path).writing(),
    ):
        raise AssertionError("unreachable")
