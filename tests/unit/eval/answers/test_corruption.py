from __future__ import annotations

from pathlib import Path

import pytest

from eval.answers import corruption
from eval.answers.corruption import KINDS, cases, read_handbooks
from eval.answers.evidence import auroc, fit_logistic
from eval.datasets import DatasetError

TEXT = """---
title: x
---
# Leave

Every parent gets 26 weeks of paid leave from the office in Oslo. Managers must approve leave within 10 days of it.

The portal is closed on Friday and in March for all of us. Interns should not carry leave over into another year.

All requests are sent to Finance before the end of May or June. Contractors can ask Anna for help with their leave.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in range(9):
        (tmp_path / f"{name}.md").write_text(TEXT)
    monkeypatch.setattr(corruption, "_paraphrases", lambda _: [])
    return tmp_path


def test_each_corrupted_sentence_differs_from_its_source_which_its_passage_says(folder: Path) -> None:
    found = cases(folder, corrupted=30, untouched=5, seed=3)
    assert {one.kind for one in found} == {*KINDS, "untouched"}
    for one in found:
        assert one.source in one.chunks[0].text
        assert (one.text == one.source) == (one.kind == "untouched")


def test_a_seed_gives_the_same_sentences(folder: Path) -> None:
    assert cases(folder, corrupted=20, seed=5) == cases(folder, corrupted=20, seed=5)
    assert cases(folder, corrupted=20, seed=5) != cases(folder, corrupted=20, seed=6)


def test_no_handbooks_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="--handbooks"):
        read_handbooks(tmp_path)


def test_auroc_and_fit() -> None:
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    weights = fit_logistic([[0.0], [1.0], [0.0], [1.0], [1.0], [0.0]], [0, 1, 0, 1, 0, 1])
    assert weights[1] == pytest.approx(1.386, abs=0.02)  # odds of 2 to 1 against 1 to 2
