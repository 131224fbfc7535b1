"""What a folder source never takes in, and where none may be made: real folders, links and all."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest, NotFound, SecretFile
from core.settings import Settings
from ingestion.connectors.folder.connector import FolderConnector
from ingestion.connectors.folder.scan import Scanner
from ingestion.connectors.port import Unreadable, Withheld
from ingestion.connectors.protected_paths import OTHERS, OWN, OWN_FILE
from ingestion.connectors.registry import open_connector
from tests.listings import Memory, read
from tests.secrets import FOOTNOTE_KEY, certificate, private_key

PRODUCTION = {
    "environment": "production",
    "api": {"anonymous": False, "allowed_hosts": ["footnote.example.com"]},
    "sync": {"default_acl": []},
    "catalog": {"url": "postgresql+psycopg://db/x"},
    "broker": {"url": "redis://q"},
    "blobs": {"url": "s3://footnote"},
    "index": {"kind": "opensearch"},
}


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def make_data(folder: Path) -> Path:
    """A data directory as Footnote leaves it."""
    write(folder / "admin.key", FOOTNOTE_KEY)
    write(folder / "catalog.sqlite3", "SQLite format 3\0 and so on")
    write(folder / "logs" / "api.log", "a question")
    write(folder / "blobs" / "documents" / "x" / "original", "a document")
    return folder


def settings(data_dir: Path, **more: Any) -> Settings:
    return Settings.model_validate({"data_dir": data_dir, **more})


def connect(root: Path, made: Settings, **config: Any) -> FolderConnector:
    connector = open_connector("folder", {"path": str(root), **config}, made, "")
    assert isinstance(connector, FolderConnector)
    return connector


def listed(connector: FolderConnector) -> tuple[list[str], dict[str, str]]:
    """Names of documents, and why others were withheld."""
    changes = read(connector).changes
    assert not any(isinstance(change, Unreadable) for change in changes), changes
    withheld = {change.external_id: change.reason for change in changes if isinstance(change, Withheld)}
    return [change.external_id for change in changes if not isinstance(change, Withheld)], withheld


def test_the_data_directory_is_never_listed_however_it_is_reached(tmp_path: Path) -> None:
    root = tmp_path / "project"
    data = make_data(root / "data")
    write(root / "a.md")
    (root / "key.txt").symlink_to("data/admin.key")
    (root / "log.txt").symlink_to("data/logs/api.log")
    os.link(data / "admin.key", root / "hard.txt")
    os.link(data / "catalog.sqlite3", root / "hard.md")

    documents, withheld = listed(connect(root, settings(data), include=["**/*", "data/**", "*.key"], exclude=[]))

    assert documents == ["a.md"]
    assert withheld["data/"] == OWN
    assert withheld["hard.md"] == withheld["hard.txt"] == OWN_FILE
    assert set(withheld) == {"data/", "hard.md", "hard.txt", "key.txt", "log.txt"}


def test_that_of_another_footnote_is_recognised(tmp_path: Path) -> None:
    make_data(tmp_path / "docs" / "old")
    write(tmp_path / "docs" / "run" / "admin.key.md")
    write(tmp_path / "docs" / "db" / "catalog.sqlite3", "not SQLite")
    (tmp_path / "docs" / "db" / "index").mkdir()

    documents, withheld = listed(connect(tmp_path / "docs", settings(tmp_path / "data")))

    assert documents == ["db/catalog.sqlite3", "run/admin.key.md"]
    assert withheld == {"old/": OTHERS}


def test_blobs_and_settings_elsewhere_are_its_own_too(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    write(root / "blobs" / "x" / "original")
    file = write(root / "prod.conf", 'admin_key = "..."')
    write(root / "footnote.toml")
    write(root / "a.md")
    made = settings(tmp_path / "data", blobs={"url": f"file://{root / 'blobs'}"}).read_from(file)

    documents, withheld = listed(connect(root, made))

    assert documents == ["a.md"]
    assert set(withheld) == {"blobs/", "prod.conf", "footnote.toml"}


def test_a_source_that_lies_in_a_data_directory_has_no_documents(tmp_path: Path) -> None:
    own, other = make_data(tmp_path / "data"), make_data(tmp_path / "other")
    for root in (own, own / "logs", other, other / "logs"):
        assert read(connect(root, settings(own))).changes == [
            Withheld("", OWN if own in (root, root.parent) else OTHERS)
        ]


SECRETS = {
    "id_rsa": "x",
    "keys/id_ed25519": "x",
    "prod.env": "TOKEN=1",
    "server.pem": private_key(),
    "notes.txt": private_key("OPENSSH "),
    "copy-of-key.md": FOOTNOTE_KEY,
    "terraform.tfstate": "{}",
    "store.jks": "x",
}


def test_secret_files_are_withheld_whatever_the_globs_say(tmp_path: Path) -> None:
    for name, text in SECRETS.items():
        write(tmp_path / name, text)
    write(tmp_path / "ca.pem", certificate())
    write(tmp_path / "id_rsa.pub", "ssh-rsa AAAA")
    (tmp_path / "plain.txt").symlink_to("keys/id_ed25519")

    connector = connect(tmp_path, settings(tmp_path / ".footnote"), include=["**/*", *SECRETS], exclude=[])
    documents, withheld = listed(connector)

    assert documents == ["ca.pem", "id_rsa.pub"]
    assert set(withheld) == {*SECRETS, "plain.txt"}
    for name in withheld:
        with pytest.raises(SecretFile, match=f"{name} is never a document"):
            connector.fetch(name, BytesIO())
        if name not in ("server.pem", "notes.txt", "copy-of-key.md"):  # only their bytes say it
            with pytest.raises(SecretFile):
                connector.layers(name)


def test_what_is_excluded_is_not_spoken_of(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    write(tmp_path / "keys" / "id_rsa")
    write(tmp_path / ".env")
    write(tmp_path / ".git" / "config")
    assert listed(connect(tmp_path, settings(tmp_path / "d"), exclude=["keys/**"])) == (["a.md"], {})


def test_a_file_that_becomes_a_key_is_not_fetched(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "words")
    connector = connect(tmp_path, settings(tmp_path / "d"))
    assert listed(connector)[0] == ["a.txt"]
    path.write_text(private_key())
    with pytest.raises(SecretFile, match="a private key"):
        connector.fetch("a.txt", BytesIO())


def test_files_that_an_older_version_read_are_looked_at_again(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.txt", private_key())
    state = path.stat()
    note = {"reading": 1, "mtime_ns": state.st_mtime_ns, "size": state.st_size, "hash": "hash", "facts": None}
    changes = read(connect(tmp_path, settings(tmp_path / "d")), Memory({"notes.txt": note})).changes
    assert changes == [Withheld("notes.txt", "a private key")]


def test_no_source_may_be_made_of_footnotes_own_folders(tmp_path: Path) -> None:
    data = make_data(tmp_path / "project" / "data")
    other = make_data(tmp_path / "other")
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "ssh" / ".ssh").mkdir(parents=True)
    made = settings(data)
    refused = [
        data,
        data / "logs",
        data.parent,
        tmp_path,
        tmp_path / "link",
        other,
        other / "logs",
        tmp_path / "ssh" / ".ssh",
    ]
    for path in refused:
        with pytest.raises(InvalidRequest, match="can't be a source"):
            open_connector("folder", {"path": str(path)}, made, "", creating=True)
    (tmp_path / "beside").mkdir()
    open_connector("folder", {"path": str(tmp_path / "beside")}, made, "", creating=True)


@pytest.mark.parametrize(
    "path", ["/", "/proc", "/proc/self", "/sys", "/dev", "/dev/shm", "//", "/proc/../dev", "", " ", "\t", "a\0b"]
)
def test_no_source_may_be_made_of_the_systems_folders_or_of_nothing(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidRequest, match=r"can't be a source|names no folder"):
        open_connector("folder", {"path": path}, settings(tmp_path / "d"), "", creating=True)


def test_a_link_to_a_system_folder_is_no_way_round(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to("/proc/self")
    for creating in (True, False):
        with pytest.raises(InvalidRequest, match="/proc"):
            open_connector("folder", {"path": str(tmp_path / "docs")}, settings(tmp_path / "d"), "", creating=creating)


def test_a_hidden_data_directory_may_lie_in_the_folder_but_not_in_production(tmp_path: Path) -> None:
    make_data(tmp_path / ".footnote")
    write(tmp_path / "a.md")
    made = settings(tmp_path / ".footnote")
    open_connector("folder", {"path": str(tmp_path)}, made, "", creating=True)
    assert listed(connect(tmp_path, made)) == (["a.md"], {})
    sources = {"allowed_roots": [str(tmp_path)], "secret_key": "k" * 44}
    production = settings(tmp_path / ".footnote", **PRODUCTION, sources=sources)
    with pytest.raises(InvalidRequest, match="data directory"):
        open_connector("folder", {"path": str(tmp_path)}, production, "", creating=True)


def test_sources_stay_in_the_allowed_roots(tmp_path: Path) -> None:
    inside = write(tmp_path / "srv" / "hr" / "a.md").parent
    outside = write(tmp_path / "srv-other" / "b.md").parent
    (tmp_path / "srv" / "way-out").symlink_to(outside)
    (tmp_path / "way-in").symlink_to(inside)
    made = settings(tmp_path / "d", sources={"allowed_roots": [str(tmp_path / "srv")]})
    for path in (inside, inside.parent, tmp_path / "way-in"):
        open_connector("folder", {"path": str(path)}, made, "", creating=True)
    for path in (outside, tmp_path, tmp_path / "srv" / "way-out", tmp_path / "srv" / ".." / "srv-other"):
        for creating in (True, False):  # when it is made, and by each listing
            with pytest.raises(InvalidRequest, match=r"outside of sources\.allowed_roots"):
                open_connector("folder", {"path": str(path)}, made, "", creating=creating)


def test_a_secret_that_is_not_there_is_just_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Scanner(tmp_path, ["**"], []).locate("id_rsa")
