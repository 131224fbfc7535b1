"""The evidence model's weights as they ship, and weights that can't be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.errors import ConfigurationError
from generation.evidence_model.model import PACKAGED_FOLDER, EvidenceModel
from generation.evidence_model.weights import FORMAT, WeightsFile
from retrieval.embedding.model_files import PACKAGED, describe


@pytest.fixture(scope="module")
def answers() -> EvidenceModel:
    return EvidenceModel("answers")


def test_the_sentence_that_answers_is_likelier_than_one_that_does_not(answers: EvidenceModel) -> None:
    question = "How many weeks of parental leave do parents get?"
    right, beside, other = answers.probabilities(
        [
            (question, "Parental leave: Each parent gets 26 weeks of leave at full pay."),
            (question, "Parental leave: Please tell your manager early."),
            (question, "Kitchen: The dishwasher is emptied on Fridays."),
        ]
    )
    assert right > beside > other
    assert 0 < other < 0.5 < right < 1


def test_a_statement_that_the_passage_says_is_likelier_than_its_contrary() -> None:
    model = EvidenceModel("supports")
    passage = "Kay Oliver founded the museum in 1931 after a long journey through Peru."
    right, wrong, other = model.probabilities(
        [
            ("The museum was founded by Kay Oliver in 1931.", passage),
            ("The museum was not founded in 1931.", passage),
            ("Trains to the airport leave every ten minutes.", passage),
        ]
    )
    assert right > wrong > 0
    assert right > other


def test_what_stands_beside_a_pair_does_not_change_it(answers: EvidenceModel) -> None:
    pair = ("When is payroll run?", "Salaries are paid on the last working day.")
    alone = answers.logits([pair])[0]
    among = answers.logits([("Who?", "Nobody. " * 60), pair, ("What is it?", "It.")])[1]
    assert among == pytest.approx(alone, abs=1e-4)


def test_a_text_longer_than_it_reads_is_cut(answers: EvidenceModel) -> None:
    assert 0 < answers.probabilities([("word " * 3000, "word " * 3000)])[0] < 1


def test_nothing_to_read_is_nothing(answers: EvidenceModel) -> None:
    assert answers.probabilities([]) == []


def _weights(folder: Path, **changes: object) -> Path:
    about = {
        "format": FORMAT,
        "task": "answers",
        "base": describe(PACKAGED).name,
        "max_tokens": 64,
        "slope": 1,
        "shift": 0,
    }
    about |= changes
    save_file({"score.bias": np.zeros(1, np.float32)}, folder / "answers.safetensors", {"evidence": json.dumps(about)})
    return folder


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"evidence\.model: .*answers\.safetensors is not there.*footnote train"
    ):
        EvidenceModel("answers", tmp_path)


def test_a_file_that_is_no_weights(tmp_path: Path) -> None:
    (tmp_path / "answers.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(ConfigurationError, match=r"evidence\.model: .* is not usable: it can't be read"):
        EvidenceModel("answers", tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "something-else"}, "isn't of the format"),
        ({"task": "supports"}, "isn't of the format"),
        ({"base": "other-00000000"}, "was made from other-00000000"),
        ({"slope": None}, "what it says of itself"),
        ({"max_tokens": "many"}, "what it says of itself"),
    ],
)
def test_weights_of_another_kind(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        EvidenceModel("answers", _weights(tmp_path, **changes))


def test_weights_that_lack_tensors(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"of another shape .*tensors are missing"):
        EvidenceModel("answers", _weights(tmp_path)).warm_up()


def test_weights_of_another_shape(tmp_path: Path) -> None:
    packaged = WeightsFile.of(PACKAGED_FOLDER, "answers")
    tensors = load_file(packaged.file)
    tensors["hidden.bias"] = np.zeros(7, np.float32)
    about = {"format": FORMAT, "task": "answers", "base": packaged.base, "max_tokens": 64, "slope": 1, "shift": 0}
    save_file(tensors, tmp_path / "answers.safetensors", {"evidence": json.dumps(about)})
    with pytest.raises(ConfigurationError, match=r"of another shape .*hidden\.bias"):
        EvidenceModel("answers", tmp_path).warm_up()


def test_the_weights_that_ship_are_small() -> None:
    sizes = [file.stat().st_size for file in PACKAGED_FOLDER.glob("*.safetensors")]
    assert len(sizes) == 2
    assert sum(sizes) < 25e6
