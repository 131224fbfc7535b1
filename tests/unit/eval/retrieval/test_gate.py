"""The gate's rule, one clause at a time."""

from collections.abc import Callable

import pytest

from eval.datasets import DatasetError
from eval.retrieval.gate import Rule, decide
from eval.retrieval.record import Run

MakeRun = Callable[..., Run]
BASE = [0.4, 0.5, 0.6, 0.3, 0.7, 0.5, 0.4, 0.6, 0.5, 0.5]
BETTER = [value + 0.1 for value in BASE]
WORSE = [value - 0.1 for value in BASE]


def test_better_passes_equal_needs_to_be_allowed_and_worse_fails(make_run: MakeRun) -> None:
    before = make_run({"hybrid": BASE})
    assert decide([before], [make_run({"hybrid": BETTER})], Rule()).passes
    equal = decide([before], [make_run({"hybrid": BASE})], Rule())
    assert not equal.passes
    assert "--allow-equal" in equal.faults[0]
    assert decide([before], [make_run({"hybrid": BASE})], Rule(allow_equal=True)).passes
    worse = decide([before], [make_run({"hybrid": WORSE})], Rule(allow_equal=True))
    assert worse.faults[0].startswith("set (test): nDCG@10 is worse by 0.100 (p = 0.00")


def test_one_set_that_got_worse_outweighs_another_that_got_better(make_run: MakeRun) -> None:
    before = [make_run({"h": BASE}, name=name) for name in ("one", "two")]
    after = [make_run({"h": BETTER}, name="one"), make_run({"h": WORSE}, name="two")]
    assert [fault.split()[0] for fault in decide(before, after, Rule()).faults] == ["two"]


def test_a_loss_within_chance_passes_unless_a_largest_drop_is_set(make_run: MakeRun) -> None:
    after = make_run({"h": [*BASE[:-1], BASE[-1] - 0.3]})
    before = make_run({"h": BASE})
    assert decide([before], [after], Rule(allow_equal=True)).passes
    fault = decide([before], [after], Rule(allow_equal=True, max_drop=0.02)).faults[0]
    assert "worse by 0.030, more than 0.02" in fault


def test_slower_than_the_ratio_fails(make_run: MakeRun) -> None:
    before, after = make_run({"h": BASE}), make_run({"h": BETTER}, ms=13)
    assert (
        "13.0 ms, 1.30 times the baseline's 10.0 ms; 1.25 is the limit" in decide([before], [after], Rule()).faults[0]
    )
    assert decide([before], [after], Rule(latency_ratio=None)).passes


def test_pipelines_can_be_named_and_default_to_the_baseline(make_run: MakeRun) -> None:
    run = make_run({"old": BASE, "new": BETTER})
    assert decide([run], [run], Rule(), candidate_pipeline="new").passes
    assert not decide([run], [run], Rule()).passes
    with pytest.raises(DatasetError, match="no pipeline 'newer' on set; it holds: old, new"):
        decide([run], [run], Rule(), candidate_pipeline="newer")


def test_only_the_same_sets_compare(make_run: MakeRun) -> None:
    before = make_run({"h": BASE})
    with pytest.raises(DatasetError, match="has other documents, questions or judgments"):
        decide([before], [make_run({"h": BASE}, fingerprint="f2")], Rule())
    with pytest.raises(DatasetError, match="Only the candidate has a run on other"):
        decide([before], [make_run({"h": BASE}, name="other")], Rule())
    with pytest.raises(DatasetError, match="Two of the runs hold set"):
        decide([before, before], [before], Rule())
