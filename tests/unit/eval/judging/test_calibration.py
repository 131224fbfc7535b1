"""Calibration: on made labels, on recorded answers of real models, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sklearn.metrics import cohen_kappa_score

from api.cli.main import cli
from core.errors import ConfigurationError, FootnoteError
from core.judging_settings import JudgingSettings
from eval.judging.calibrating import Held, calibrate
from eval.judging.calibration import require
from eval.judging.judge import Identity
from eval.judging.labels import Labels, read_labels
from eval.judging.records import PairRow, Row, ScoreRow, append

WICE = Path(__file__).parents[5] / "shared" / "data" / "evidence" / "wice" / "judges"
IDENTITY = Identity("strict", "m", "scoring-1", 0.0, 0)
SUPPORT = {"not_supported": 1, "partially_supported": 2, "supported": 3}


def scored(item: str, value: int | None, *, judge: Identity = IDENTITY, length: int = 10) -> ScoreRow:
    scores = {} if value is None else {"groundedness": value}
    spent: dict[str, Any] = {"input_tokens": 1, "output_tokens": 1, "cost": 0, "attempts": 1, "ms": 1}
    failure = "malformed" if value is None else None
    return ScoreRow(item=item, configuration="c", judge=judge, scores=scores, failure=failure, length=length, **spent)


def compared(item: str, forth: str, back: str) -> PairRow:
    spent: dict[str, Any] = {"input_tokens": 1, "output_tokens": 1, "cost": 0, "attempts": 2, "ms": 1}
    orders: dict[str, Any] = {"a first": forth, "b first": back}
    winner: Any = forth if forth == back else "tie"
    return PairRow(item=item, a="a", b="b", judge=IDENTITY, winner=winner, orders=orders, lengths=(1, 1), **spent)


def labelled(values: dict[str, int]) -> Labels:
    return Labels({(item, ""): {"ida": value} for item, value in values.items()}, 0)


def test_a_judge_that_favours_length_and_the_first_place_is_found_out() -> None:
    people = {str(n): 1 + n % 5 for n in range(60)}
    rows: list[Row] = [scored(str(n), min(5, 1 + n % 5 + n // 30), length=10 * n) for n in range(60)]
    rows += [compared(str(n), "a", "b") for n in range(20)]
    found = calibrate(
        Held.of(rows, "strict", "groundedness", labelled(people), (1, 5)), labelled(people), (1, 5), JudgingSettings()
    )
    assert found.offset.low > 0
    assert found.length_bias.correlation.low > 0.3
    assert found.length_bias.by_third["short"].value < found.length_bias.by_third["long"].value
    assert found.position_bias is not None
    assert (found.position_bias.first.value, found.position_bias.consistent.value) == (1, 0)
    assert found.alpha_people is None
    assert found.accepted


def test_drift_is_told() -> None:
    people = labelled({str(n): 1 + n % 5 for n in range(100)})
    good: list[Row] = [scored(str(n), 1 + n % 5) for n in range(100)]
    bad: list[Row] = [scored(str(n), 1 + (n * 7 + n // 5) % 5) for n in range(100)]
    before = calibrate(Held.of(good, "strict", "groundedness", people, (1, 5)), people, (1, 5), JudgingSettings())
    now = calibrate(Held.of(bad, "strict", "groundedness", people, (1, 5)), people, (1, 5), JudgingSettings(), before)
    assert now.drift is not None
    assert now.drift.worse
    assert not now.accepted
    assert "weighted kappa" in now.refusal
    same = calibrate(Held.of(good, "strict", "groundedness", people, (1, 5)), people, (1, 5), JudgingSettings(), before)
    assert same.drift is not None
    assert not same.drift.worse


@pytest.mark.skipif(not WICE.exists(), reason="shared/data/evidence/wice/judges isn't there")
@pytest.mark.parametrize(("model", "about"), [("gpt-4-0613", 0.513), ("gpt-3.5-turbo-0613", 0.284)])
def test_recorded_answers_of_real_models(model: str, about: float) -> None:
    identity = Identity(model, model, "wice", 0.0, None)
    rows, people = list[Row](), dict[str, int]()
    for at, line in enumerate((WICE / f"{model}.jsonl").read_text().splitlines()):
        record = json.loads(line)
        said = re.search(r"<answer>\s*(\w+)\s*</answer>", record["response"])
        value = SUPPORT.get(said[1]) if said else None
        item = f"{record['id']}.{at}"
        people[item] = SUPPORT[record["human"]]
        rows.append(scored(item, value, judge=identity, length=len(record["claim"])))
    labels = labelled(people)
    held = Held.of(rows, model, "groundedness", labels, (1, 3))
    found = calibrate(held, labels, (1, 3), JudgingSettings())
    human, judge = [pair.human for pair in held.pairs], [pair.judge for pair in held.pairs]
    assert found.labels + found.failed == 300
    for ours, weights in (
        (found.kappa.value, None),
        (found.weighted_kappa.value, "quadratic"),
        (found.linear_kappa, "linear"),
    ):
        assert ours == pytest.approx(cohen_kappa_score(human, judge, weights=weights), abs=1e-9)
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert round(found.weighted_kappa.value, 3) == about
    assert not found.accepted


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    append(tmp_path / "j.jsonl", [scored(str(n), 1 + n % 5) for n in range(80)])
    rows = [{"item": str(n), "criterion": "groundedness", "label": 1 + n % 5} for n in range(60)]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def run(*more: str) -> Result:
    given = ("--judgments", "j.jsonl", "--labels", "l.jsonl", "--judge", "strict", "--criterion", "groundedness")
    return CliRunner().invoke(cli, ["eval", "calibrate", *given, *more])


def refusal(*more: str) -> str:
    error = run(*more).exception
    assert isinstance(error, FootnoteError), error
    return error.message


def test_from_labels_to_what_a_gate_may_use(workplace: Path) -> None:
    folder = workplace / ".footnote" / "eval" / "calibrations"
    settings = JudgingSettings()
    with pytest.raises(ConfigurationError, match="never calibrated by groundedness"):
        require(folder, IDENTITY, "groundedness", settings)
    said = run()
    assert said.exit_code == 0, said.exception
    assert "| weighted kappa, quadratic | 1.000 (1.000-1.000) |" in said.output
    assert "with 20 further judged answers (PPI++)" in said.output
    assert "A gate may use it." in said.output
    assert require(folder, IDENTITY, "groundedness", settings).labels == 60
    other = Identity("strict", "another", "scoring-1", 0.0, 0)
    with pytest.raises(ConfigurationError, match="a calibration of another model, prompt or seed says nothing of it"):
        require(folder, other, "groundedness", settings)
    with pytest.raises(ConfigurationError, match="people labelled 60 of its answers, and it takes 61"):
        require(folder, IDENTITY, "groundedness", JudgingSettings(least_labels=61))
    again = json.loads(run("--json").stdout)
    assert again["drift"]["kappa"]["value"] == 0
    assert "pairs" not in again


def test_a_judge_under_the_floor_ends_with_status_1(workplace: Path) -> None:
    append(workplace / "bad.jsonl", [scored(str(n), 1 + (n * 7 + n // 5) % 5) for n in range(60)])
    said = run("--judgments", "bad.jsonl")
    assert said.exit_code == 1
    assert "No gate may use it: its weighted kappa with people is" in said.output


@pytest.mark.parametrize(
    ("labels", "more", "says"),
    [
        ("{oops", (), "l.jsonl, line 1: not JSON"),
        ('{"item": "1", "label": 9}', (), "line 1: 9 is outside the scale: use a whole number from 1 to 5"),
        ('{"item": "1", "label": 2.5}', (), "line 1: 2.5 is outside the scale"),
        ('{"item": "1", "label": true}', (), "line 1: True is outside the scale"),
        ('{"label": 3}', (), "line 1: `item` or `label` is missing"),
        (
            '{"item": "1", "label": 3}\n{"item": "1", "label": 4}',
            (),
            "line 2: somebody has labelled '1' 3 before, and 4",
        ),
        ('{"item": "1", "criterion": "coherence", "label": 3}', (), "holds no label for groundedness"),
        ('{"item": "none", "label": 3}', (), "Only 0 answers have both a label and a score"),
        ('{"item": "1", "label": 3}', ("--judge", "kind"), "no scores of a judge called 'kind'; there are: strict"),
        ('{"item": "1", "label": 3}', ("--scale", "five"), "--scale is 'five'"),
        ('{"item": "1", "label": 3}', ("--judgments", "none.jsonl"), "none.jsonl is not there"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(
    workplace: Path, labels: str, more: tuple[str, ...], says: str
) -> None:
    (workplace / "l.jsonl").write_text(labels + "\n")
    assert says in refusal(*more)


def test_a_calibration_of_another_judge_is_refused(workplace: Path) -> None:
    assert run().exit_code == 0
    (kept,) = (workplace / ".footnote" / "eval" / "calibrations").iterdir()
    other = json.loads(kept.read_text())
    other["judge"]["model"] = "another"
    (workplace / "other.json").write_text(json.dumps(other))
    assert "is of another judge: strict (another, scoring-1" in refusal("--against", "other.json")
    (workplace / "odd.json").write_text("{}")
    assert "odd.json is no calibration" in refusal("--against", "odd.json")


def test_labels_come_from_a_sheet_too(workplace: Path) -> None:
    lines = [
        "item;label;reviewer",
        *(f"{n};{1 + n % 5}.0;ida" for n in range(50)),
        *(f"{n};{1 + n % 5};tom" for n in range(50)),
    ]
    (workplace / "l.csv").write_text("\n".join([*lines, "60;can't tell;ida"]) + "\n", encoding="utf-8-sig")
    found = json.loads(run("--labels", "l.csv", "--json").stdout)
    assert (found["labels"], found["unsure"], found["alpha_people"]) == (50, 1, 1.0)


def test_what_reviewers_said_calibrates_a_judge(tmp_path: Path) -> None:
    """Lines as `footnote reviews results` writes them, with the places of their answers in the sample."""
    labels = tmp_path / "labels.jsonl"
    place = {"criterion": "groundedness", "sample": "2026-W02", "weight": 2.0, "cause": None, "comment": ""}
    lines = [
        {"item": str(n), "label": 1 + n % 5 if n < 20 else None, "reviewer": name, **place}
        for name in ("user:ann", "user:ben")
        for n in range(25)
    ]
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows: list[Row] = [scored(str(n), 1 + n % 5) for n in range(25)]
    read = read_labels(labels, "groundedness", (1, 5))
    found = calibrate(Held.of(rows, "strict", "groundedness", read, (1, 5)), read, (1, 5), JudgingSettings())
    assert (found.labels, found.unsure, found.unlabelled) == (20, 10, 5)
    assert (found.weighted_kappa.value, found.alpha_people) == (1.0, 1.0)
