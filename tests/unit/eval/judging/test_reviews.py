"""What reviews come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import cohen_kappa_score

from eval.cli.reviews import reviews
from eval.datasets import DatasetError
from eval.judging.reviews import found_in

LINE: dict[str, Any] = {
    "item": "a1", "criterion": "groundedness", "label": 5, "reviewer": "user:ann", "sample": "2026-W02", "weight": 1.0,
    "cause": None, "comment": "",
}  # fmt: skip


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "labels.jsonl"
    file.write_text("".join(json.dumps({**LINE, **row}) + "\n" for row in rows))
    return file


def test_agreement_is_scikit_learns(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    ann = draw.integers(1, 6, 40)
    ben = np.clip(ann + draw.integers(-1, 2, 40), 1, 5)
    rows = [
        {"item": f"a{number}", "reviewer": name, "label": int(label)}
        for name, labels in (("ann", ann), ("ben", ben))
        for number, label in enumerate(labels)
    ]
    found = found_in(write(tmp_path, *rows, {"item": "alone"}, {"item": "unsure", "label": None}))
    [agreement] = found.agreement
    expected = cohen_kappa_score(ann, ben, weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert agreement.kappa is not None
    assert agreement.kappa.value == pytest.approx(expected, abs=1e-9)
    assert agreement.kappa.low < expected < agreement.kappa.high
    assert (agreement.answers, agreement.unsure, agreement.same) == (40, 1, float((ann == ben).mean()))
    assert (found.answers, found.reviewers) == (42, 3)


def test_means_stand_for_the_week(tmp_path: Path) -> None:
    rows = [
        {"item": "a1", "label": 5, "weight": 9.0}, {"item": "a2", "label": 1, "weight": 1.0},
        {"item": "b1", "label": 2, "sample": "2026-W03"},
        {"item": "b1", "label": 4, "sample": "2026-W03", "reviewer": "b"},
    ]  # fmt: skip
    first, second = found_in(write(tmp_path, *rows)).means
    assert (first.sample, first.mean.value, first.answers) == ("2026-W02", pytest.approx(4.6), 2)
    assert (second.sample, second.mean.value, second.answers) == ("2026-W03", 3.0, 1)


def test_what_is_to_be_mended_is_listed_by_cause(tmp_path: Path) -> None:
    rows = [
        {"item": "a1", "cause": "retrieval", "comment": "It missed\nthe annex.", "weight": 3.0},
        {"item": "a1", "cause": "retrieval", "comment": "It missed\nthe annex.", "weight": 3.0,
         "criterion": "relevance", "label": None},
        {"item": "a2", "weight": 1.0}, {"item": "a3", "cause": "outdated"},
    ]  # fmt: skip
    file = write(tmp_path, *rows)
    retrieval, outdated = found_in(file).to_mend
    assert (retrieval.cause, retrieval.share.value, retrieval.answers) == (
        "retrieval", pytest.approx(0.6), {"a1": ["It missed\nthe annex."]},
    )  # fmt: skip
    assert outdated.answers == {"a3": []}
    told = CliRunner().invoke(reviews, [str(file)])
    assert "To mend, retrieval, 2026-W02:\n  a1  It missed the annex." in told.output
    assert json.loads(CliRunner().invoke(reviews, [str(file), "--json"]).output)["answers"] == 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"label": 6}, "line 2: 6 is outside the scale"),
        ({"label": "good"}, "line 2: 'good' is outside the scale"),
        ({"weight": 0}, "line 2: weight"),
        ({"cause": "luck"}, "line 2: cause"),
        ({"criterion": "beauty"}, "line 2: criterion"),
        ({"sample": ""}, "line 2: sample"),
        ({"label": 4}, "line 2: user:ann has labelled 'a1' 5 before, and 4 here"),
    ],
)
def test_a_line_that_is_no_review_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(DatasetError) as caught:
        found_in(write(tmp_path, {}, row))
    assert said in str(caught.value)


def test_a_file_without_reviews_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no reviews"):
        found_in(write(tmp_path))
