"""The CrossEncoder adapter on a tiny model with random weights, made here."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from core.errors import ConfigurationError, ModelUnavailable
from core.settings import EmbedderSettings, RerankerSettings, Settings
from retrieval.reranking.build import build_reranker
from retrieval.reranking.cross_encoder import CrossEncoderReranker
from retrieval.reranking.port import Reranker


def save_tiny(folder: Path, labels: int = 1) -> Path:
    """Write a BERT of one layer that knows the letters."""
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_scores_are_in_the_order_given_whatever_the_batch(tmp_path: Path) -> None:
    folder = str(save_tiny(tmp_path / "tiny"))
    settings = Settings(reranker=RerankerSettings(model=folder, batch_size=2), embedder=EmbedderSettings(device="cpu"))
    reranker = build_reranker(settings)
    assert isinstance(reranker, Reranker)
    assert reranker.name == "tiny"
    reranker.warm_up()
    passages = ["leave policy", "a", "travel costs of staff " * 40, "laptop"]
    scores = reranker.score("how much leave", passages)
    assert len(set(scores)) == 4
    assert all(isinstance(score, float) for score in scores)
    backwards = reranker.score("how much leave", passages[::-1])
    assert backwards == pytest.approx(scores[::-1], abs=1e-4)
    assert reranker.score("how much leave", []) == []


def test_none_is_built_where_none_is_set() -> None:
    assert build_reranker(Settings()) is None
    with pytest.raises(ConfigurationError, match="not set"):
        CrossEncoderReranker(RerankerSettings())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        CrossEncoderReranker(RerankerSettings(model=str(tmp_path / "nowhere")))


def test_a_folder_without_a_model_is_unavailable(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(RerankerSettings(model=str(tmp_path)), device="cpu")
    with pytest.raises(ModelUnavailable, match="can't be loaded"):
        reranker.score("q", ["p"])


def test_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(RerankerSettings(model=str(save_tiny(tmp_path, labels=3))), device="cpu")
    with pytest.raises(ConfigurationError, match="3 labels"):
        reranker.score("q", ["p"])
