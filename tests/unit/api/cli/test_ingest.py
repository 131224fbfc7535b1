from __future__ import annotations

from pathlib import Path

import pytest

from api.cli.commands.ingest import _config, _show
from core.errors import InvalidRequest
from tests.unprivileged import unprivileged


def test_a_folder_becomes_a_source_of_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.md").write_text("text")
    (tmp_path / "link").symlink_to("real")
    name, config = _config(str(tmp_path / "link"), (), None, ())
    assert name == str(tmp_path / "real")
    assert config == {"path": str(tmp_path / "real")}


def test_a_file_becomes_a_source_of_its_folder_with_that_file_only(tmp_path: Path) -> None:
    file = tmp_path / "notes [draft].md"
    file.write_text("text")
    name, config = _config(str(file), ("group:hr",), "HR", ("a", "b"))
    assert name == str(file)
    assert config == {
        "path": str(tmp_path),
        "include": ["notes [[]draft].md"],
        "default_acl": ["group:hr"],
        "department": "HR",
        "tags": ["a", "b"],
    }


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="nowhere isn't there"):
        _config(str(tmp_path / "nowhere"), (), None, ())


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_path_is_not_the_present_folder(blank: str) -> None:
    with pytest.raises(InvalidRequest, match="A path is empty"):
        _config(blank, (), None, ())


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with pytest.raises(InvalidRequest, match="holds no files"):
        _config(str(tmp_path), (), None, ())


def test_a_path_that_is_closed_to_the_user_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed" / "inner").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    try:
        with unprivileged(), pytest.raises(InvalidRequest, match="inner can't be looked at"):
            _config(str(tmp_path / "closed" / "inner"), (), None, ())
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="The path isn't valid UTF-8"):
        _config("/tmp/\udce9", (), None, ())


@pytest.mark.parametrize(
    ("public", "says"),
    [
        (0, "None of its documents is public"),
        (1, "1 of its documents is public: whoever may use this Footnote can read it."),
        (7, "7 of its documents are public"),
    ],
)
def test_it_is_said_who_can_read_what_was_taken_in(public: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    counts = ("retried", "unchanged", "failed", "deleted", "superseded", "warned")
    run = {"seen": 7, "indexed": 7, **dict.fromkeys(counts, 0)}
    _show({"source": {"name": "files"}, "run": run, "failures": [], "warnings": [], "public": public}, waited=True)
    assert says in capsys.readouterr().out
