"""What the embedded index does beyond the contract: tidying, failing, damage, other processes."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import IndexUnavailable, NotFound, StorageUnavailable, UnreadableDocument
from core.filters import AnyOf
from core.principal import ANONYMOUS
from retrieval.index.lance import tables
from retrieval.index.lance.index import LanceIndex
from retrieval.index.port import DocumentUpdate
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, at, found, ids, passage, write

ROOT = Path(__file__).parents[4]


@pytest.fixture
def index(tmp_path: Path) -> LanceIndex:
    index = LanceIndex(tmp_path / "index")
    index.ensure(EMBEDDER, DIMENSIONS)
    return index


def text_index(index: LanceIndex) -> Any:
    return index._table()[1].index_stats("search_text_positions_idx")


def test_nothing_is_made_before_the_first_generation(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path / "deep" / "index")
    index.ping()
    assert index.generations() == []
    assert not (tmp_path / "deep").exists()
    with pytest.raises(IndexUnavailable, match=r"ensure\(\)"):
        index.lexical("words", PUBLIC, 5)


def test_new_rows_are_found_before_they_are_indexed(index: LanceIndex) -> None:
    index.upsert([passage("a", "walrus", angles=(30,)), passage("b", "penguin")])
    assert text_index(index).num_unindexed_rows == 2
    assert ids(index.lexical("walruses", PUBLIC, 5)) == ["a"]
    assert ids(index.vector(at(30), PUBLIC, 1)) == ["a"]


def test_the_text_index_keeps_up_by_itself(index: LanceIndex) -> None:
    for batch in range(8):
        index.upsert([passage(f"b{batch}n{n}", f"words number{n}") for n in range(50)])
    assert text_index(index).num_unindexed_rows <= 128 + 0.05 * 400
    assert len(index.lexical("words", PUBLIC, 1000)) == 400
    assert len(index.lexical("number7", PUBLIC, 1000)) == 8


def test_many_small_writes_leave_few_files(index: LanceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_FRAGMENTS", 10)
    for n in range(25):
        index.upsert([passage(f"c{n}")])
    assert index._table()[1].stats()["fragment_stats"]["num_fragments"] <= 11
    assert len(found(index, PUBLIC)) == 25


def test_refresh_is_less_patient_than_a_write(index: LanceIndex) -> None:
    index.upsert([passage(f"c{n}") for n in range(100)])
    assert text_index(index).num_unindexed_rows == 100
    index.refresh()
    assert text_index(index).num_unindexed_rows == 0


def test_new_permissions_are_folded_in_more_patiently_than_content(index: LanceIndex) -> None:
    index.upsert([passage(f"c{n}", acl=["group:before"]) for n in range(600)])
    assert text_index(index).num_unindexed_rows == 0
    index.update_documents([DocumentUpdate(f"doc-c{n}", ["group:after"], up_to=1) for n in range(400)])
    assert text_index(index).num_unindexed_rows == 400
    assert len(index.lexical("words", AnyOf("acl", frozenset({"group:after"})), 1000)) == 400
    index.upsert([passage("one more")])
    assert text_index(index).num_unindexed_rows == 0


def test_scores_are_the_same_before_and_after_tidying(index: LanceIndex) -> None:
    write(index, *(passage(f"a{n}", "holiday " * (1 + n % 3) + f"extra{n}", angles=(n,)) for n in range(200)))
    vectors = index.vector(at(17), PUBLIC, 200)
    index._table()[1].optimize()
    after = index.vector(at(17), PUBLIC, 200)
    assert [one.score for one in after] == pytest.approx([one.score for one in vectors], abs=2e-6)
    assert len(index.lexical("holiday", PUBLIC, 200)) == 200


def test_failing_to_tidy_does_not_fail_the_write(index: LanceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.Tables, "_is_due", broken)
    write(index, passage("a"))
    assert found(index, PUBLIC) == ["a"]


def test_one_leg_that_fails_leaves_the_other(index: LanceIndex) -> None:
    write(index, passage("a"))
    results = index.both("words", np.ones(DIMENSIONS + 1, np.float32), PUBLIC, 5)
    assert ids(results.lexical) == ["a"]
    assert results.vector is None
    assert "dimensions" in results.errors["vector"]


def test_both_legs_failing_is_an_error(index: LanceIndex) -> None:
    pinned = index.for_generation(index.begin(EMBEDDER, DIMENSIONS).name)
    index.drop(index.generations()[-1].name)
    with pytest.raises(NotFound):
        pinned.both("words", at(0), PUBLIC, 5)


def test_half_a_character_is_the_documents_fault(index: LanceIndex) -> None:
    with pytest.raises(UnreadableDocument, match="doc-a"):
        index.upsert([passage("a", "half \ud800 a character")])
    assert index.counts().chunks == 0


def test_a_late_update_leaves_newer_chunks(index: LanceIndex) -> None:
    write(index, passage("a", document="d", version=3, acl=("user:bob",)))
    (metadata,) = {c.metadata for c in index.fetch(["a"], AnyOf("acl", frozenset({"user:bob"})))}
    assert index.update_documents([DocumentUpdate("d", acl=["public"], metadata=metadata, uri="", up_to=2)]) == 0
    assert found(index, AnyOf("acl", ANONYMOUS.terms)) == []


def test_a_vector_without_direction_finds_nothing(index: LanceIndex) -> None:
    write(index, passage("a"))
    assert index.vector(np.zeros(DIMENSIONS, np.float32), PUBLIC, 5) == []


def test_missing_files_are_reported(index: LanceIndex, tmp_path: Path) -> None:
    write(index, passage("a"))
    for file in tmp_path.rglob("data/*.lance"):
        file.unlink()
    with pytest.raises(IndexUnavailable, match="read the index"):
        LanceIndex(tmp_path / "index").fetch(["a"], PUBLIC)


def test_a_closed_index_opens_again(index: LanceIndex) -> None:
    write(index, passage("a"))
    index.close()
    assert found(index, PUBLIC) == ["a"]


def test_a_generation_that_was_begun_and_cut_off_is_begun_anew(index: LanceIndex, tmp_path: Path) -> None:
    pointer_file = tmp_path / "index" / "generations.json"
    before = pointer_file.read_text()
    name = index.begin(EMBEDDER, DIMENSIONS).name
    write(index.for_generation(name), passage("left over"))
    pointer_file.write_text(before)
    again = LanceIndex(tmp_path / "index")
    assert again.begin(EMBEDDER, DIMENSIONS).name == name
    assert again.for_generation(name).counts().chunks == 0


def start(script: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Run a script that has ``index`` and the passages' helpers in a process of its own."""
    setup = f"""
        from pathlib import Path
        from tests.contract.passages import *
        from retrieval.index.lance.index import LanceIndex
        index = LanceIndex(Path({str(folder)!r}))
    """
    code = textwrap.dedent(setup) + textwrap.dedent(script)
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, text=True, **options)


def test_processes_write_while_this_one_reads(index: LanceIndex, tmp_path: Path) -> None:
    script = """
        index.ensure(EMBEDDER, DIMENSIONS)
        name = input()
        for n in range(15):
            index.upsert([passage(f"{name}{n}", document=name)])
        print("done", flush=True)
    """
    children = {name: start(script, tmp_path / "index") for name in ("x", "y")}
    for name, child in children.items():
        assert child.stdin
        child.stdin.write(f"{name}\n")
        child.stdin.flush()
    seen = [0]
    while any(child.poll() is None for child in children.values()):
        seen.append(len(index.vector(at(0), PUBLIC, 100)))
    for child in children.values():
        assert child.communicate(timeout=60)[0] == "done\n"
        assert child.returncode == 0
    assert seen == sorted(seen)
    assert found(index, PUBLIC) == sorted(f"{name}{n}" for name in "xy" for n in range(15))


def test_a_writer_that_is_killed_leaves_the_index_usable(index: LanceIndex, tmp_path: Path) -> None:
    script = """
        n = 0
        while True:
            index.upsert([passage(f"k{n}")])
            print(n, flush=True)
            n += 1
    """
    child = start(script, tmp_path / "index")
    assert child.stdout
    acknowledged = [int(child.stdout.readline()) for _ in range(5)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in child.communicate(timeout=60)[0].split()]
    write(index, passage("after"))
    assert {"after", *(f"k{n}" for n in acknowledged)} <= set(found(index, PUBLIC))


def test_a_full_disk_is_named_and_loses_nothing(index: LanceIndex, tmp_path: Path) -> None:
    write(index, passage("before"))

    def limit() -> None:
        """A file that can't grow is what a full disk looks like to a process, without one being filled."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    script = """
        from core.errors import StorageUnavailable
        import random, string
        big = "".join(random.choices(string.ascii_letters, k=2_000_000))
        try:
            index.upsert([passage("big", big)])
        except StorageUnavailable as error:
            print(error.message, flush=True)
    """
    out, _ = start(script, tmp_path / "index", preexec_fn=limit).communicate(timeout=60)
    assert f"{tmp_path / 'index'} is full" in out
    assert found(index, PUBLIC) == ["before"]
    write(index, passage("after"))
    assert found(index, PUBLIC) == ["after", "before"]
    assert StorageUnavailable.retryable
