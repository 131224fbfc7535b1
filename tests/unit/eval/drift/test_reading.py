"""Weeks of a real catalog, from conversations that are kept, to figures in which nobody's words are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import generate_latest

from api.drift_metrics import DriftMetrics
from core.principal import AccessList
from core.settings import Settings
from eval.cli import drift as command
from eval.drift.reading import Drift, drift_of
from eval.progress import unseen
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from tests.unit.api.fakes import Stack, make_settings
from tests.unit.eval.word_embedder import WordEmbedder

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
OLD, LATE = "How many days of leave are there in year", "Which laptop may a contractor borrow for number"


class Days:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = MONDAY

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Days:
    return Days()


@pytest.fixture
def catalog(tmp_path: Path, clock: Days) -> Iterator[Catalog]:
    made = open_catalog(Settings.model_validate({"data_dir": tmp_path}), clock)
    yield made
    made.close()


def keep(catalog: Catalog, answer_id: str, question: str, *, state: Any = "done", **answer: Any) -> None:
    catalog.conversations.begin_turn("user:ann", answer_id, question, {})
    body = {"done": {"finish_reason": "stop", "timings_ms": {"retrieve": 100.0, "rerank": 50.0}}, **answer}
    catalog.conversations.end_turn(answer_id, state, body, {})


def read(catalog: Catalog, until: datetime = MONDAY, weeks: int = 4) -> Drift:
    embedder: Any = WordEmbedder()
    return drift_of(catalog, embedder, until=until.date(), weeks=weeks, documents=5, progress=unseen)


def test_shares_of_a_week(catalog: Catalog, clock: Days) -> None:
    clock.at = MONDAY - timedelta(days=1)
    keep(catalog, "a", "one", abstained={"reason": "Nothing."})
    keep(catalog, "b", "two", verdicts=[{"verdict": "supported"}, {"verdict": "unsupported"}])
    keep(catalog, "c", "three", state="failed")
    keep(catalog, "d", "four", done={"finish_reason": "stop", "cached": True, "timings_ms": {"retrieve": 9000.0}})
    catalog.conversations.begin_turn("user:ann", "e", "still being written", {})
    for reader, rating in (("user:bob", "down"), ("user:cy", "down"), ("user:di", "up")):
        catalog.feedback.say("b", reader, rating, [], "")  # type: ignore[arg-type]
    clock.at = MONDAY
    keep(catalog, "f", "of the week that isn't over")
    [week] = read(catalog).weeks
    assert (week.monday.isoformat(), week.answers) == ("2026-02-23", 4)
    assert {name: one.value for name, one in week.shares.items()} == dict.fromkeys(week.shares, 0.25)
    assert set(week.shares) == {"failed", "abstained", "unsupported", "thumbs_down", "cached"}
    assert week.shares["cached"].low == pytest.approx(0.0456, abs=1e-4)  # Wilson's interval of 1 of 4
    assert week.p95_ms == 100


def test_weeks_are_in_order_and_those_before_are_left_out(catalog: Catalog, clock: Days) -> None:
    for weeks in (9, 3, 1):
        clock.at = MONDAY - timedelta(weeks=weeks)
        keep(catalog, f"w{weeks}", "x")
    assert [week.monday.isoformat() for week in read(catalog).weeks] == ["2026-02-09", "2026-02-23"]
    assert read(catalog).topics is None


def test_old_documents_that_are_cited_much(catalog: Catalog, clock: Days, tmp_path: Path) -> None:
    stack = Stack(make_settings(tmp_path))  # on the same catalog
    for name, year in (("new", 2025), ("old", 2019), ("older", 2012), ("uncited", 2001)):
        stack.add_document(name, AccessList.everyone(), facts={"modified": f"{year}-01-01T00:00:00+00:00"})
    stack.catalog.close()
    clock.at = MONDAY - timedelta(days=1)
    for answer, documents in (("a", ("new", "old", "older")), ("b", ("new", "old", "old")), ("c", ("new", "gone"))):
        keep(catalog, answer, "x", citations=[{"document_id": one} for one in documents])
    found = [(one.document_id, one.answers, one.changed.year) for one in read(catalog).old]
    assert found == [("older", 1, 2012), ("old", 2, 2019), ("new", 3, 2025)]


def test_another_topic_shows_in_the_json_and_its_words_dont(
    catalog: Catalog, clock: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC)
    monday = today - timedelta(days=today.weekday())
    for at in range(120):
        clock.at = monday - timedelta(weeks=1 if at >= 60 else 3)
        keep(catalog, f"q{at}", f"{LATE if at >= 60 else OLD} {at}")
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(command, "build_embedder", lambda _: WordEmbedder())
    done = CliRunner().invoke(command.drift, ["--json", "--publish"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [week["answers"] for week in found["weeks"]] == [60, 60]
    assert found["topics"]["new"] > 0.9
    written = generate_latest(DriftMetrics(catalog)).decode()
    assert 'footnote_week_share{what="abstained"} 0.0' in written
    assert 'footnote_week_share_before{what="abstained"} 0.0' in written
    assert "footnote_week_answers 60.0" in written
    assert f"footnote_week_topics_psi {found['topics']['psi']}" in written
    shown = CliRunner().invoke(command.drift, []).stdout
    assert "PSI" in shown
    for told in (done.stdout, written, shown):
        assert "laptop" not in told
        assert "ann" not in told.replace("annot", "")
