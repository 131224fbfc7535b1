"""Whether a sentence-transformers folder holds a plain BERT encoder, and its measures. Doesn't load torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

_PLAIN = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
}
_NORMALISERS = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
"""Names of the same thing in tokenizer_config.json, which transformers obeys, and in tokenizer.json."""

_PARTS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class BertFiles:
    """A plain BERT encoder on disk.

    Attributes:
        weights, tokenizer: their files.
        dimensions: length of a vector; less than ``width`` where the model is cut.
        padding: the token that fills up short texts.
        pooling: which states make the vector: the mean of all, or the first's.
        normalise: whether the vector is brought to unit length before it is cut.
    """

    weights: Path
    tokenizer: Path
    vocabulary: int
    positions: int
    token_types: int
    width: int
    inner_width: int
    heads: int
    layers: int
    epsilon: float
    padding: int
    dimensions: int
    pooling: Literal["mean", "cls"]
    normalise: bool


def plain_bert(folder: Path, dimensions: int) -> BertFiles | None:
    """Read the measures of a plain BERT encoder; None where anything isn't as this knows it.

    Args:
        folder: one that :func:`retrieval.embedding.model_files.describe` has accepted.
        dimensions: length of the model's vectors.
    """
    modules = _json(folder / "modules.json")
    parts = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if parts not in _PARTS:
        return None
    place = folder / modules[0].get("path", "")
    config = _json(place / "config.json")
    pooling = _pooling(_json(folder / modules[1].get("path", "") / "config.json"))
    plain = all(config.get(name, wanted) == wanted for name, wanted in _PLAIN.items()) and "model_type" in config
    if not plain or pooling is None or not _plain_reading(place) or not _plain_weights(place / "model.safetensors"):
        return None
    try:
        return _measures(place, config, dimensions, pooling, normalise="Normalize" in parts)
    except KeyError:  # transformers has a default for it
        return None


def _measures(
    place: Path, config: dict[str, Any], dimensions: int, pooling: Literal["mean", "cls"], *, normalise: bool
) -> BertFiles:
    return BertFiles(
        weights=place / "model.safetensors",
        tokenizer=place / "tokenizer.json",
        vocabulary=config["vocab_size"],
        positions=config["max_position_embeddings"],
        token_types=config["type_vocab_size"],
        width=config["hidden_size"],
        inner_width=config["intermediate_size"],
        heads=config["num_attention_heads"],
        layers=config["num_hidden_layers"],
        epsilon=config["layer_norm_eps"],
        padding=config["pad_token_id"],
        dimensions=dimensions,
        pooling=pooling,
        normalise=normalise,
    )


def _pooling(config: dict[str, Any]) -> Literal["mean", "cls"] | None:
    mode = config.get("pooling_mode")
    if mode is None:
        on = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
        mode = _POOLINGS.get(on[0]) if len(on) == 1 else None
    known = mode in ("mean", "cls") and config.get("include_prompt", True)
    return cast("Literal['mean', 'cls']", mode) if known else None


def _plain_reading(place: Path) -> bool:
    """Whether texts become tokens by tokenizer.json alone, as here."""
    options = _json(place / "sentence_bert_config.json")
    if set(options) - {"max_seq_length", "do_lower_case"} or options.get("do_lower_case"):
        return False
    said, does = _json(place / "tokenizer_config.json"), _json(place / "tokenizer.json").get("normalizer") or {}
    return does.get("type") == "BertNormalizer" and all(
        said.get(theirs, does.get(own)) == does.get(own) for theirs, own in _NORMALISERS.items()
    )


def _plain_weights(file: Path) -> bool:
    """Whether all are float32, under today's names: from the file's head, which is JSON after its length in 8 bytes."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > file.stat().st_size:
            return False
        try:
            head = json.loads(opened.read(length))
        except ValueError:
            return False
    kinds = {tensor["dtype"] for name, tensor in head.items() if name != "__metadata__"}
    return kinds <= {"F32", "I64"} and any(name.endswith("embeddings.LayerNorm.weight") for name in head)


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
