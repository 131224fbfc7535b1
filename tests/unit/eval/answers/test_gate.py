"""The gate of answers: significant losses, floors, and how often it errs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from eval.answers.comparing import compare_configs, holm
from eval.answers.figures import figures
from eval.answers.gate import AnswersRule, decide_answers, decide_configs, read_floors
from eval.answers.record import AnswersRun, ConfigRow
from eval.bench.answers.gate import Difference, simulate
from eval.datasets import DatasetError
from eval.junit import write_junit
from eval.progress import unseen

ALWAYS = AnswersRule(latency_ratio=None)


def config(name: str, p50: float = 100.0, **values: Sequence[float]) -> ConfigRow:
    """A configuration with these figures, question by question."""
    count = len(next(iter(values.values())))
    rows: dict[str, dict[str, float | None]] = {
        str(at): {metric: given[at] for metric, given in values.items()} for at in range(count)
    }
    return ConfigRow(
        name=name, about={}, counts={"answered": count}, degraded=0, cached=0, metrics=figures(list(rows.values())),
        failures={}, values=rows, statuses=dict.fromkeys(rows, "answered"), models=(), generations=(),
        percentiles={"total_ms": (p50, p50)}, tokens=0, cost=None,
    )  # fmt: skip


def run(config: ConfigRow, fingerprint: str = "f", partial: str = "") -> AnswersRun:
    return AnswersRun(
        id="r", created=datetime.now(UTC), commit="c", machine={}, set="s", fingerprint=fingerprint, questions=1,
        partial=partial, baseline=config.name, configs=(config,),
    )  # fmt: skip


HALF = [1.0] * 50 + [0.0] * 50
MOST = [1.0] * 70 + [0.0] * 30
CLEAN, DOUBTED = [0.0] * 100, [0.0] * 60 + [0.6] * 40


def test_a_clear_gain_passes_and_a_clear_loss_fails() -> None:
    better = decide_configs(config("a", words=HALF), config("b", words=MOST), ALWAYS)
    assert better.passes
    worse = decide_configs(config("a", words=MOST), config("b", words=HALF), ALWAYS)
    assert not worse.passes
    assert "words is worse by 0.200" in worse.faults[0]


def test_less_is_better_of_what_is_unsupported() -> None:
    few = [0.0] * 80 + [0.2] * 20
    assert decide_configs(config("a", unsupported=few), config("b", unsupported=CLEAN), ALWAYS).passes
    assert not decide_configs(config("a", unsupported=CLEAN), config("b", unsupported=few), ALWAYS).passes


def test_no_gain_buys_off_a_floor() -> None:
    # As doubted as the baseline, so no loss; but nobody may be served that, however right the words are.
    before, after = config("a", words=HALF, unsupported=DOUBTED), config("b", words=MOST, unsupported=DOUBTED)
    decision = decide_configs(before, after, ALWAYS)
    assert [check.name for check in decision.checks if check.faults] == ["floor of unsupported"]
    assert "no gain elsewhere makes up for it" in decision.faults[0]
    loose = AnswersRule(latency_ratio=None, floors=read_floors(["unsupported=0.3"]))
    assert decide_configs(before, after, loose).passes


def test_no_difference_passes_only_where_none_was_meant() -> None:
    same = config("a", words=HALF)
    assert "use --allow-equal" in decide_configs(same, same, ALWAYS).faults[0]
    assert decide_configs(same, same, AnswersRule(latency_ratio=None, allow_equal=True)).passes


def test_a_much_slower_candidate_and_a_great_drop_fail() -> None:
    slow = decide_configs(config("a", words=HALF), config("b", 200, words=MOST), AnswersRule())
    assert "2.00 times the baseline's 100 ms" in slow.faults[0]
    three = [1.0] * 47 + [0.0] * 53
    rule = AnswersRule(latency_ratio=None, allow_equal=True, max_drop=0.02)
    assert "more than 0.02" in decide_configs(config("a", words=HALF), config("b", words=three), rule).faults[0]


def test_questions_that_a_metric_doesnt_apply_to_are_left_out_of_its_pairs() -> None:
    before, after = config("a", words=HALF), config("b", words=MOST)
    before.values["0"]["words"] = None
    assert compare_configs(before, after).tested[0].n == 99


def test_length_is_told_and_not_tested() -> None:
    (told,) = compare_configs(config("a", length=HALF), config("b", length=MOST)).tested
    assert (told.p, told.holm) == (None, None)


def test_runs_that_dont_compare_are_refused_with_the_way_out() -> None:
    good = run(config("a", words=HALF))
    with pytest.raises(DatasetError, match="measure the baseline again"):
        decide_answers(run(config("a", words=HALF), "other"), good, ALWAYS)
    with pytest.raises(DatasetError, match=r"The candidate's run isn't whole: 3 answers are missing. Finish it"):
        decide_answers(good, run(config("a", words=HALF), partial="3 answers are missing."), ALWAYS)
    with pytest.raises(DatasetError, match="no configuration 'b'; it holds: a"):
        decide_answers(good, good, ALWAYS, candidate_config="b")
    with pytest.raises(DatasetError, match="it takes NAME=VALUE"):
        read_floors(["unsupported"])
    assert "unsupported" not in read_floors(["unsupported=none"])


def test_holms_correction_is_the_published_one() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.005), "holm") of R.
    found = holm({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.005})
    assert [round(found[name], 6) for name in "abcd"] == [0.03, 0.04, 0.04, 0.02]


def test_the_gate_errs_seldom_and_finds_five_points() -> None:
    """A quick look; ``footnote bench gate`` has 2,000 of each."""
    alarms = simulate(Difference(60, 0.0, 0.2), 100, 5, unseen)
    assert sum(one.worse or one.better for one in alarms) <= 12  # 5 are expected; 13 and more: 1 in 800
    found = simulate(Difference(300, 0.05, 0.05), 30, 6, unseen)
    assert sum(one.better and not one.worse for one in found) >= 24
    assert np.mean([one.worse for one in found]) < 0.1


def test_junit_says_what_failed(tmp_path: Path) -> None:
    write_junit(tmp_path / "j.xml", "gate", [("words", "said", ()), ("floor", "said", ("it is < 1",))])
    suite = ET.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failure = suite.find("testcase[@name='floor']/failure")
    assert failure is not None
    assert failure.get("message") == "it is < 1"


def test_a_metric_that_too_few_questions_moved_in_costs_the_others_nothing() -> None:
    """As it is simulated: without Tarone's exclusion these metrics would take the gain's correction above .05."""
    still = {f"still{at}": [*HALF[:-1], 1.0] for at in range(20)}
    before = config("a", words=HALF[:92] + [0.0] * 8, **dict.fromkeys(still, HALF))
    after = config("b", words=HALF[:92] + [1.0] * 8, **still)
    decision = decide_configs(before, after, ALWAYS)
    assert decision.passes
    assert {one.holm for one in decision.comparison.tested if one.name in still} == {1.0}
