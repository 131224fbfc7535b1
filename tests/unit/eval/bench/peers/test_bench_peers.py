"""The command as it is typed, with a stand-in on both sides: real processes, and no library or index behind them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from core.errors import FootnoteError
from eval.cli import bench_peers

CORPUS = {"d0": "days of leave", "d1": "hotel in norway", "d2": "lost badge"}


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fake = Path(__file__).with_name("fake_peer.py")
    monkeypatch.setattr(bench_peers, "OURS", fake)
    monkeypatch.setattr(bench_peers, "THEIRS", fake)
    (tmp_path / "tiny" / "qrels").mkdir(parents=True)
    rows = "".join(json.dumps({"_id": key, "title": "", "text": text}) + "\n" for key, text in CORPUS.items())
    (tmp_path / "tiny" / "corpus.jsonl").write_text(rows)
    (tmp_path / "tiny" / "queries.jsonl").write_text(rows.replace('"d', '"q'))
    (tmp_path / "tiny" / "qrels" / "test.tsv").write_text("".join(f"q{n}\td{n}\t1\n" for n in range(3)))
    return tmp_path


def peers(*more: str) -> Result:
    fixed = ("bench", "peers", "--data", "tiny", "--peer-python", sys.executable, "--out", "out", "--block", "2")
    return CliRunner().invoke(cli, [*fixed, *more])


def test_it_stops_goes_on_and_reports(workplace: Path) -> None:
    stopped = peers("--minutes", "0")
    assert stopped.exit_code == 0, stopped.exception
    assert "the same command goes on" in stopped.stderr
    done = peers()
    assert done.exit_code == 0, done.exception
    assert "goes on" not in done.stderr
    assert "3 questions" in done.stdout
    assert "fake 1.0" in done.stdout
    assert (workplace / "out" / "report.md").read_text() == done.stdout.removesuffix("\n")
    record = json.loads((workplace / "out" / "peers.json").read_text())
    assert [block["documents"] for block in record["sets"]["tiny"]["blocks"]] == [2, 1]
    assert record["sets"]["tiny"]["questions"][0]["found"]["footnote"][0] == "d0"
    refused = peers("--fit").exception
    assert isinstance(refused, FootnoteError)
    assert "another --fit" in refused.message


def test_a_python_without_the_peer_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without = tmp_path / "without.py"
    without.write_text("import a_peer_that_is_not_there\n")
    monkeypatch.setattr(bench_peers, "THEIRS", without)
    refused = peers().exception
    assert isinstance(refused, FootnoteError)
    assert "No module named 'a_peer_that_is_not_there'" in refused.message
    assert "docs/peers.md" in refused.message


def test_the_whole_path_needs_a_service() -> None:
    refused = peers("--whole", "2").exception
    assert isinstance(refused, FootnoteError)
    assert "name it with --api and --key" in refused.message
