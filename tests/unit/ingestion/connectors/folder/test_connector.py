from __future__ import annotations

import os
import string
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DocumentTooLarge, InvalidRequest, NotFound, SourceUnavailable
from core.principal import AccessList
from core.settings import Settings
from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Connector, Unreadable, Upsert
from ingestion.connectors.registry import open_connector
from tests.listings import Memory, read


class Later:
    """A clock long after every file was written."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


def connect(root: Path, max_file_bytes: int = 1_000_000, **config: Any) -> FolderConnector:
    return FolderConnector(FolderConfig(path=root, **config), max_file_bytes, Later())


def listed(connector: Connector, known: Memory | None = None) -> tuple[dict[str, Any], Memory]:
    listing = read(connector, known)
    assert listing.complete
    return {change.external_id: change for change in listing.changes}, listing.known


def names(connector: Connector) -> list[str]:
    return list(listed(connector)[0])


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def only(root: Path, **config: Any) -> Any:
    (change,) = listed(connect(root, **config))[0].values()
    return change


def test_it_lists_what_is_below_the_root_and_leaves_out_what_is_no_document(tmp_path: Path) -> None:
    for name in ("b.md", "a/deep/er/c d#1.txt", ".hidden.md", ".git/config", "b.md.meta.yaml", "node_modules/x/y.md"):
        write(tmp_path / name, "owner: me")
    write(tmp_path / "_folder.meta.yaml", "department: HR")

    found, _ = listed(connect(tmp_path))

    assert list(found) == ["a/deep/er/c d#1.txt", "b.md"]
    assert all(change.uri.endswith(f"{tmp_path}/{name}") for name, change in found.items())


def test_include_and_exclude_are_globs(tmp_path: Path) -> None:
    for name in ("a.md", "a.txt", "drafts/b.md", "x/drafts/c.md", "x/y/d.md"):
        write(tmp_path / name)

    assert names(connect(tmp_path, include=["**/*.md"], exclude=["**/drafts/**"])) == ["a.md", "x/y/d.md"]
    assert names(connect(tmp_path, include=["*.txt", "x/*/c.md"])) == ["a.txt", "x/drafts/c.md"]


def test_an_unchanged_file_is_not_read_again_and_keeps_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.md", "---\ntitle: T\nacl: [group:hr]\n---\ntext")
    first, cursor = listed(connect(tmp_path))
    monkeypatch.setattr("ingestion.connectors.folder.connector._hash", None)

    second, again = listed(connect(tmp_path), cursor)

    assert second == first
    assert again == cursor


def test_revisions_tell_bytes_from_metadata_from_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one")
    first, cursor = listed(connect(tmp_path))

    os.utime(path, ns=(1, 1))
    touched, cursor = listed(connect(tmp_path), cursor)
    write(tmp_path / "a.txt.meta.yaml", "acl: [group:hr]")
    narrowed, cursor = listed(connect(tmp_path), cursor)
    write(path, "two")
    changed, _ = listed(connect(tmp_path), cursor)

    assert touched["a.txt"].revision == first["a.txt"].revision
    assert narrowed["a.txt"].content_revision == first["a.txt"].content_revision
    assert narrowed["a.txt"].revision != first["a.txt"].revision
    assert changed["a.txt"].content_revision != first["a.txt"].content_revision


def test_a_change_within_the_clock_tick_of_the_last_pass_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one")
    state = path.stat()
    connector = FolderConnector(FolderConfig(path=tmp_path), 1000, Now())
    first, cursor = listed(connector)
    write(path, "two")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    second, _ = listed(connector, cursor)

    assert second["a.txt"].content_revision != first["a.txt"].content_revision


def test_what_is_gone_is_not_named(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    gone = write(tmp_path / "b.txt")
    _, cursor = listed(connect(tmp_path))
    gone.unlink()

    found, _ = listed(connect(tmp_path), cursor)

    assert list(found) == ["a.txt"]
    with pytest.raises(NotFound, match=r"b\.txt"):
        connect(tmp_path).fetch("b.txt", BytesIO())


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    assert listed(connect(tmp_path))[0] == {}


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    connector = connect(tmp_path / "gone")

    with pytest.raises(SourceUnavailable, match="gone"):
        read(connector)


def test_links_are_not_followed_out_of_the_root(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "secret.txt", "secret")
    root = tmp_path / "root"
    write(root / "a.txt", "inside")
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "out.txt").symlink_to(outside)
    (root / "broken.txt").symlink_to(root / "nothing.txt")
    (root / "folder").symlink_to(outside.parent)
    (root / "loop").symlink_to(root)

    found, _ = listed(connect(root))

    assert isinstance(found["in.txt"], Upsert)
    assert {name for name, change in found.items() if isinstance(change, Unreadable)} == {
        "out.txt",
        "broken.txt",
        "folder",
    }
    assert set(found) == {"a.txt", "in.txt", "out.txt", "broken.txt", "folder"}
    for name in ("out.txt", "folder/secret.txt", "../outside/secret.txt", "a.txt.meta.yaml", ".hidden", ""):
        with pytest.raises(NotFound):
            connect(root).fetch(name, BytesIO())


def test_a_name_that_is_not_utf8_is_reported_with_its_bytes_shown(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_bytes(b"x")

    found, _ = listed(connect(tmp_path))

    assert isinstance(found["caf\\xe9.txt"], Unreadable)
    assert "UTF-8" in found["caf\\xe9.txt"].reason


def test_a_pipe_is_reported_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")

    assert isinstance(only(tmp_path), Unreadable)


def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    write(tmp_path / "a.txt")
    monkeypatch.setattr("ingestion.connectors.folder.connector._hash", refuse)

    assert "Permission denied" in only(tmp_path).reason


def test_documents_of_a_folder_that_cannot_be_listed_are_not_taken_for_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / "sub" / "b.txt")
    _, cursor = listed(connect(tmp_path))
    really = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, again = listed(connect(tmp_path), cursor)

    assert isinstance(found["sub/b.txt"], Unreadable)
    assert again.documents == {**cursor.documents, "sub/": None}
    assert not read(connect(tmp_path)).complete


def test_a_file_over_the_limit_is_listed_unread_and_refused_when_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "big.txt", "x" * 1001)
    monkeypatch.setattr("ingestion.connectors.folder.connector._hash", None)
    connector = connect(tmp_path, max_file_bytes=1000)

    found, _ = listed(connector)

    assert found["big.txt"].size == 1001
    with pytest.raises(DocumentTooLarge, match=r"big\.txt"):
        connector.fetch("big.txt", BytesIO())


def test_fetch_gives_the_bytes(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.txt", "é")

    content = BytesIO()
    connect(tmp_path).fetch("x/a.txt", content)
    assert content.getvalue() == "é".encode()


def test_the_nearest_place_wins_fact_by_fact(tmp_path: Path) -> None:
    write(tmp_path / "_folder.meta.yaml", "department: All\nowner: root\ntags: [One]\nacl: [group:all]")
    write(tmp_path / "x" / "_folder.meta.yaml", "department: X\nacl: [group:x]")
    write(tmp_path / "x" / "plain.md", "text")
    write(tmp_path / "x" / "front.md", "---\ndepartment: Front\nacl: user:ann\n---\ntext")
    write(tmp_path / "x" / "own.md", "---\ndepartment: Front\ntitle: From front\nacl: user:ann\n---\ntext")
    write(tmp_path / "x" / "own.md.meta.yaml", "department: Own\ncreated: 2025-03-31\nacl: [group:own, user:bob]")

    found, _ = listed(connect(tmp_path, department="Config", tags=["config"]))

    plain, front, own = (found[f"x/{name}.md"] for name in ("plain", "front", "own"))
    assert (plain.metadata.department, plain.metadata.owner, plain.metadata.tags) == ("X", "root", ("one",))
    assert plain.acl.terms() == ("group:x",)
    assert (front.metadata.department, front.acl.terms()) == ("Front", ("user:ann",))
    assert (own.metadata.department, own.metadata.title) == ("Own", "From front")
    assert own.metadata.created == datetime(2025, 3, 31, tzinfo=UTC)
    assert own.acl.terms() == ("group:own", "user:bob")


def test_what_nothing_is_said_of_is_as_the_configuration_says(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")

    assert only(tmp_path).acl == AccessList.everyone()
    assert only(tmp_path, default_acl=["group:hr"], department="HR", tags=["B", "a"]).acl.terms() == ("group:hr",)
    assert only(tmp_path, department="HR", tags=["B", "a"]).metadata.tags == ("a", "b")


@pytest.mark.parametrize(
    ("sidecar", "says"),
    [
        ("acls: [group:hr]", "did you mean 'acl'"),
        ("departmnet: HR", "did you mean 'department'"),
        ("acl: [hr]", "'hr' is not an access term"),
        ("acl: 7", "'acl' must be a list"),
        ("acl:", "'acl' must be a list"),
        ("acl: [group:hr", "not YAML"),
        ("", "empty"),
        ("- a", "key: value"),
        ("created: soon", "not a date"),
        ("acl: !!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt.meta.yaml", "_folder.meta.yaml"])
def test_a_broken_sidecar_makes_the_document_unreadable_and_never_public(
    tmp_path: Path, sidecar: str, says: str, name: str
) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / name, sidecar)

    change = only(tmp_path)

    assert isinstance(change, Unreadable)
    assert says in change.reason
    assert name in change.reason


def test_a_sidecar_that_is_a_link_out_of_the_root_is_not_read(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.yaml", "acl: [public]")
    write(tmp_path / "root" / "a.txt")
    (tmp_path / "root" / "a.txt.meta.yaml").symlink_to(outside)

    assert isinstance(only(tmp_path / "root"), Unreadable)


@pytest.mark.parametrize("front", ["acl: [hr]", "acl: [group:hr", "ACLs: group:hr", "acl: {group: hr}"])
def test_permissions_in_front_matter_that_cannot_be_read_are_not_passed_over(tmp_path: Path, front: str) -> None:
    write(tmp_path / "a.md", f"---\n{front}\n---\ntext")

    assert isinstance(only(tmp_path), Unreadable)


@pytest.mark.parametrize(
    "text", ["---\nlayout: x\ncreated: soon\n---\n", "---\n\ntext\n\n---\n", "---\n{{ x }}: [\n---\n", ""]
)
def test_front_matter_of_other_tools_is_no_fault(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.md", text)

    assert isinstance(only(tmp_path), Upsert)


def test_a_note_of_an_older_version_is_not_used(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    first, known = listed(connect(tmp_path))
    known.documents["a.txt"] = {**(known.documents["a.txt"] or {}), "reading": 1, "hash": "of other facts"}

    assert listed(connect(tmp_path), known)[0] == first


def test_pages_are_small_and_only_the_last_is_complete(tmp_path: Path) -> None:
    for number in range(450):
        write(tmp_path / f"{number:03}.txt")
    pages = list(connect(tmp_path).changes({}, Memory()))

    assert [len(page.changes) for page in pages] == [200, 200, 50, 0]
    assert [page.complete for page in pages] == [False, False, False, True]


@pytest.mark.parametrize(
    ("kind", "config", "says"),
    [
        ("s4", {}, "no source of kind 's4'. Did you mean 's3'"),
        ("folder", {}, "lacks 'path'"),
        ("folder", {"path": "/nowhere/at/all"}, "/nowhere/at/all does not exist"),
        ("folder", {"path": "/etc/hostname"}, "is not a folder"),
        ("folder", {"path": "/", "inclde": []}, "Did you mean 'include'"),
        ("folder", {"path": "/", "default_acl": ["hr"]}, "'hr' is not an access term"),
    ],
)
def test_a_bad_configuration_is_explained(kind: str, config: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        open_connector(kind, config, Settings(), "")


def test_a_good_configuration_gives_a_connector(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")

    assert names(open_connector("folder", {"path": str(tmp_path)}, Settings(), "")) == ["a.txt"]


texts = st.text(string.ascii_lowercase + " é", min_size=1, max_size=4)
file_names = texts.map(lambda name: f"{name.strip() or 'x'}.txt")
edits = st.lists(st.dictionaries(file_names, st.binary(max_size=3), max_size=5), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=edits)
def test_whatever_happens_to_a_folder_a_pass_with_notes_sees_what_a_first_pass_sees(
    folders: Path, states: list[dict[str, bytes]]
) -> None:
    root = folders / str(len(list(folders.iterdir())))
    root.mkdir()
    known = Memory()
    for number, state in enumerate(states):
        for path in root.iterdir():
            if path.name not in state:
                path.unlink()
        for name, content in state.items():
            path = root / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
                os.utime(path, ns=(number * 10**9, number * 10**9))

        found, known = listed(connect(root), known)

        assert found == listed(connect(root))[0]
        assert set(found) == set(state)
