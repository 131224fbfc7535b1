"""A tiny encoder to start from, an embedder that needs no model, and five small sets made of the shipped one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.retrieval import running
from retrieval.embedding.model_files import locate
from tests.unit.eval.word_embedder import WordEmbedder

HALDEN = Path(__file__).resolve().parents[4] / "eval" / "data" / "halden"
PARTS = 5


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> WordEmbedder:
    """In place of the embedder that the settings name."""
    embedder = WordEmbedder(window_tokens=200)
    monkeypatch.setattr(running, "build_embedder", lambda settings: embedder)
    return embedder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of one small layer with the packaged tokenizer: a step takes milliseconds."""
    from transformers import BertConfig, BertModel, set_seed

    folder = tmp_path_factory.mktemp("models") / "tiny"
    packaged, _ = locate("packaged")
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    set_seed(0)
    BertModel(BertConfig(vocab_size=30522, max_position_embeddings=128, **shape)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(packaged / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections: the shipped documents, with a fifth of the shipped questions each."""
    root = tmp_path_factory.mktemp("parts")
    queries = [json.loads(line) for line in (HALDEN / "queries.jsonl").read_text().splitlines()]
    head, *judgments = (HALDEN / "qrels" / "test.tsv").read_text().splitlines()
    for part in range(PARTS):
        folder = root / f"part{part}"
        (folder / "qrels").mkdir(parents=True)
        shutil.copy(HALDEN / "corpus.jsonl", folder)
        kept = {query["_id"]: query for number, query in enumerate(queries) if number % PARTS == part}
        (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, kept.values())) + "\n")
        lines = [line for line in judgments if line.split("\t")[0] in kept]
        (folder / "qrels" / "test.tsv").write_text("\n".join([head, *lines]) + "\n")
    return root


WriteRecipe = Callable[..., Path]


@pytest.fixture
def recipe(parts: Path, tiny: Path, tmp_path: Path) -> WriteRecipe:
    """Writes a recipe: titles and a fifth of the questions to train on, the other four to pass the gate on."""

    def written(*, fitting: str = "", gate: str = "", teacher: str = "", sources: str | None = None) -> Path:
        given = sources or (
            f'[sources.titles]\nkind = "titles"\npath = "{HALDEN}"\nlimit = 40\n'
            f'[sources.asked]\nkind = "beir"\npath = "{parts}/part4"\nsplit = "test"\n'
        )
        sets = "".join(
            f'[gate.sets.part{part}]\nkind = "beir"\npath = "{parts}/part{part}"\nsplit = "test"\n'
            for part in range(PARTS - 1)
        )
        file = tmp_path / "recipe.toml"
        file.write_text(
            f'base = "{tiny}"\nmax_tokens = 64\n{given}\n[mining]\ndepth = 8\ncandidates = 4\n'
            f"[teacher]\n{teacher}\n"
            f"[fitting]\nepochs = 2\nchecks = 2\nlearning_rate = 1e-3\n{fitting}\n"
            f"[gate]\ndepth = 8\nlatency_ratio = 0\n{gate}\n{sets}"
        )
        return file

    return written
