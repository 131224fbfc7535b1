"""``footnote train evidence`` and ``footnote eval evidence``: what they refuse, and what they print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import ConfigurationError, InvalidRequest
from eval.cli.evidence import evidence
from eval.cli.train import train
from eval.datasets import DatasetError


def _data(folder: Path) -> Path:
    """One claim of each set that `supports` is measured on, and two of SciFact's."""
    rows = {
        "evidence/fm2/test.jsonl": [
            {"id": str(at), "text": "The office opens at eight.", "label": label, "gold_evidence": [{"text": said}]}
            for at, (label, said) in enumerate([("SUPPORTS", "The office opens at eight."), ("REFUTES", "It is shut.")])
        ],
        "evidence/wice/dev.jsonl": [
            {"meta": {"id": label}, "claim": "The office opens at eight.", "evidence": [said], "label": label}
            for label, said in (("supported", "The office opens at eight."), ("not_supported", "Zebras graze."))
        ],
        "scifact/corpus.jsonl": [{"_id": "1", "title": "Folate", "text": "Folate lowers it."}],
    }
    for name, lines in rows.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(map(json.dumps, lines)))
    (folder / "evidence" / "scifact").mkdir()
    (folder / "evidence" / "scifact" / "claims_validation.csv").write_text(
        "id,claim,evidence_doc_id,evidence_label,evidence_sentences,cited_doc_ids\n"
        "1,Folate lowers it.,1,SUPPORT,[0],[1]\n2,Zebras graze.,,,[],[1]\n"
    )
    return folder


def test_data_that_is_not_there_is_told(tmp_path: Path) -> None:
    command = ["evidence", "--task", "answers", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(DatasetError, match="--data"):
        CliRunner().invoke(train, command, catch_exceptions=False)


def test_a_model_or_none_is_measured() -> None:
    for command in ([], ["--without", "--model", "somewhere"]):
        with pytest.raises(InvalidRequest, match="--model"):
            CliRunner().invoke(evidence, command, catch_exceptions=False)


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not there"):
        CliRunner().invoke(evidence, ["--model", str(tmp_path), "--task", "answers"], catch_exceptions=False)


def test_figures_say_of_how_many_cases_they_are(tmp_path: Path) -> None:
    command = ["--without", "--task", "supports", "--data", str(_data(tmp_path)), "--json"]
    result = CliRunner().invoke(evidence, command, catch_exceptions=False)
    told = json.loads(result.stdout[result.stdout.index("{\n") :])
    figures = {one["name"]: one for one in told["figures"]}
    assert {name: one["cases"] for name, one in figures.items()} == {
        "FM2 test, accuracy": 2,
        "FM2 test, AUROC": 2,
        "WiCE dev, AUROC": 2,
        "SciFact validation, AUROC": 2,
    }
    assert figures["WiCE dev, AUROC"]["value"]["value"] == 1.0
    assert sum(one["pairs"] for one in told["reliability"]["supports"]) == 2
