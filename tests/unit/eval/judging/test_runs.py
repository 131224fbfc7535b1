"""A run of answers, judged: cases from its rows, and the judges' scores among its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError
from core.judging_settings import JudgingSettings
from eval.answers.figures import figures
from eval.answers.gate import AnswersRule, decide_configs
from eval.answers.journal import Journal
from eval.answers.questions import EvalQuestion
from eval.answers.record import ConfigRow
from eval.answers.rows import ROWS, Passage, Row, kept_scores
from eval.datasets import DatasetError
from eval.judging.calibrating import Held, calibrate
from eval.judging.calibration import Pair, keep
from eval.judging.judge import Identity
from eval.judging.labels import Labels
from eval.judging.records import RagasRow, ScoreRow
from eval.judging.runs import cases_of_run, check_judges, keep_scores

JUDGE = Identity("strict", "m", "scoring-1", 0.0, 0)
ASKED = [
    EvalQuestion(id="q1", question="How long?", turns=("Leave?",), reference="24 weeks"),
    EvalQuestion(id="q2", question="?"),
]
SPENT: dict[str, Any] = {"input_tokens": 5, "output_tokens": 2, "cost": 0.5}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    passage = Passage(number=1, document_id="d", ordinal=0, uri="u", title="t", text="24 weeks of leave")
    rows = Journal(tmp_path / ROWS, Row)
    now = datetime(2026, 11, 26, tzinfo=UTC)
    rows.append(Row(question="q1", config="c", status="answered", answer="24.", passages=(passage,), asked_at=now))
    rows.append(Row(question="q2", config="c", status="abstained", asked_at=now))
    return tmp_path


def test_rows_become_cases_and_what_was_not_answered_has_no_answer(run: Path) -> None:
    answered, abstained = cases_of_run(run, ASKED)["c"]
    assert (answered.question, answered.answer, answered.passages) == (
        "Leave?\nHow long?",
        "24.",
        ("24 weeks of leave",),
    )
    assert answered.reference == "24 weeks"
    assert abstained.answer == ""


def test_other_questions_and_an_empty_folder_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="answers the question 'q2', which --questions lacks"):
        cases_of_run(run, ASKED[:1])
    with pytest.raises(DatasetError, match="holds no answers"):
        cases_of_run(tmp_path / "none", ASKED)


def test_scores_stand_with_the_runs_own_and_are_written_once(run: Path) -> None:
    score = ScoreRow(
        item="q1",
        configuration="c",
        judge=JUDGE,
        scores={"relevance": 4},
        reasons={"relevance": "It is."},
        length=3,
        attempts=1,
        ms=1,
        **SPENT,
    )
    failed = ScoreRow(
        item="q2", configuration="c", judge=JUDGE, failure="cut", detail="too long", length=3, attempts=1, ms=1, **SPENT
    )
    ragas = [
        RagasRow(item="q1", configuration="c", judge=JUDGE, metric="faithfulness", value=0.5, **SPENT),
        RagasRow(
            item="q1", configuration="c", judge=JUDGE, metric="context_recall", value=None, failure="undefined", **SPENT
        ),
    ]
    keep_scores(run, [score, failed, *ragas])
    keep_scores(run, [score, failed, *ragas])
    found = kept_scores(run)
    ours, theirs = found[("q1", "c")]
    assert (ours.values, ours.reasons, ours.tokens) == ({"strict: relevance": 4}, {"strict: relevance": "It is."}, 7)
    assert ours.by == str(JUDGE)
    assert (theirs.values, set(theirs.failures), theirs.cost) == (
        {"ragas: faithfulness": 0.5},
        {"ragas: context_recall"},
        1,
    )
    assert found[("q2", "c")][0].failures["strict: coherence"] == "cut: too long"
    assert len((run / "scores" / "judge-strict.jsonl").read_text().splitlines()) == 2


def judged(name: str, value: float, by: tuple[str, ...] = (str(JUDGE),)) -> ConfigRow:
    """A configuration with figures of a judge and of ragas, of 30 questions."""
    rows: dict[str, dict[str, float | None]] = {
        str(at): {"strict: relevance": value, "ragas: faithfulness": value} for at in range(30)
    }
    return ConfigRow(
        name=name, about={}, counts={"answered": 30}, degraded=0, cached=0, metrics=figures(list(rows.values())),
        failures={}, judges=dict.fromkeys(rows["0"], by), values=rows, statuses=dict.fromkeys(rows, "answered"),
        models=(), generations=(), percentiles={"total_ms": (1, 1)}, tokens=0, cost=None,
    )  # fmt: skip


def test_a_gate_uses_a_judge_only_that_people_agree_with(tmp_path: Path) -> None:
    before, after, settings = judged("a", 3), judged("b", 4), JudgingSettings()
    with pytest.raises(ConfigurationError, match=r"strict \(m, scoring-1.* was never calibrated by relevance"):
        check_judges(before, after, AnswersRule(), tmp_path, settings)
    held = Held(JUDGE, "relevance", [pair(at, 1 + at % 5) for at in range(60)], [], 0, [])
    keep(calibrate(held, LABELS, (1, 5), settings), tmp_path)
    check_judges(before, after, AnswersRule(), tmp_path, settings)
    with pytest.raises(ConfigurationError, match="people labelled 60 of its answers, and it takes 61"):
        check_judges(before, after, AnswersRule(), tmp_path, JudgingSettings(least_labels=61))
    other = judged("b", 4, (str(JUDGE), "strict (another)"))
    with pytest.raises(ConfigurationError, match=r"by one judge .*--without 'strict'"):
        check_judges(before, other, AnswersRule(), tmp_path, settings)


def test_who_is_left_out_is_told_and_decides_nothing() -> None:
    before, after = judged("a", 4), judged("b", 3)
    rule = AnswersRule(latency_ratio=None, allow_equal=True)
    assert decide_configs(before, after, rule).faults == ("strict: relevance is worse by 1.000 (Holm's p = 0.0001).",)
    without = decide_configs(before, after, replace(rule, without=("strict",)))
    assert without.passes
    assert [one.name for one in without.comparison.tested] == ["strict: relevance", "ragas: faithfulness"]
    assert {one.holm for one in without.comparison.tested} == {None}


def pair(at: int, score: int) -> Pair:
    return Pair(item=str(at), configuration="c", human=score, judge=score, length=10)


LABELS = Labels({(str(at), "c"): {"ann": 1 + at % 5} for at in range(60)}, 0)
