"""The CrossEncoder adapter on models made here: a tiny random one, and a random head on the packaged embedder."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from core.errors import ConfigurationError, ModelUnavailable
from core.settings import EmbedderSettings, RerankerSettings, Settings
from retrieval.embedding.model_files import locate
from retrieval.embedding.precision import quantised
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


def reranker_of(folder: Path, **settings: object) -> CrossEncoderReranker:
    in_peace = {"deadline_ms": 600_000} | settings  # however busy the machine that runs the tests is
    return CrossEncoderReranker(RerankerSettings(model=str(folder), **in_peace), device="cpu")


def test_scores_are_logits_so_that_the_best_are_told_apart(tmp_path: Path) -> None:
    """The model's own sigmoid stays within [0, 1]."""
    scores = reranker_of(save_tiny(tmp_path)).score("how much leave", [letter * 3 for letter in "abcdefghij"])
    assert min(scores) < 0 or max(scores) > 1


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e-5), ("bfloat16", 0.02), ("int8", 0.05)])
def test_a_head_on_the_packaged_embedder_scores_alike_in_every_number_format(
    tmp_path: Path, dtype: str, apart: float
) -> None:
    torch.manual_seed(3)
    packaged, _ = locate("packaged")
    config = AutoConfig.from_pretrained(packaged, num_labels=1)
    head = AutoModelForSequenceClassification.from_config(config)
    head.bert = AutoModel.from_pretrained(packaged)
    head.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(packaged).save_pretrained(tmp_path)
    passages = ["Parental leave is 26 weeks.", "The lift is out of order. " * 30, "Leave is asked for in advance."]
    exact = reranker_of(tmp_path, dtype="float32").score("how long is parental leave", passages)
    scores = reranker_of(tmp_path, dtype=dtype, batch_size=1).score("how long is parental leave", passages)
    assert scores == pytest.approx(exact, abs=apart)


def test_half_precision_on_a_cpu_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"reranker\.dtype = 'float16'"):
        reranker_of(save_tiny(tmp_path), dtype="float16").score("q", ["p"])


def test_int8_elsewhere_than_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="runs on a CPU, not on cuda"):
        quantised(object(), "cuda")


def test_no_batch_begins_after_the_deadline(tmp_path: Path) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    folder = str(save_tiny(tmp_path))
    settings = RerankerSettings(model=folder, batch_size=1, deadline_ms=2500)
    reranker = CrossEncoderReranker(settings, device="cpu", monotonic=clock)
    passages = ["a" * 300] * 8  # a batch each
    with pytest.raises(ModelUnavailable, match="read 2 of 8 passages after 2500 ms"):
        reranker.score("leave", passages)
    assert len(reranker.score("leave", passages[:2])) == 2, "and it goes on with the next question"


def test_who_waits_for_another_too_long_is_told_so(tmp_path: Path) -> None:
    reranker = reranker_of(save_tiny(tmp_path), deadline_ms=20)
    reranker.warm_up()
    with reranker._lock, pytest.raises(ModelUnavailable, match="read 0 of 1 passages"):
        reranker.score("leave", ["a"])
