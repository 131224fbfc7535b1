"""The cross-encoder that is trained: made of an encoder's weights, or a cross-encoder to train further."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from core.errors import ConfigurationError, ModelUnavailable
from core.extras import installing
from eval.datasets import DatasetError
from retrieval.embedding.model_files import locate

_NEEDED = ("accelerate", "datasets")


def check_installed() -> None:
    """Make sure that training can run. Raises ConfigurationError."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"`footnote train` needs {' and '.join(missing)}, which isn't installed: {installing('train')}"
        )


def check_base(base: str) -> str:
    """The folder (or hub name) of the weights to start from; a folder is looked into.

    Raises:
        ConfigurationError: the folder isn't there, or isn't a model.
    """
    try:
        folder, _ = locate(base)
    except ConfigurationError as error:
        raise ConfigurationError(error.message.replace("embedder.model", "base")) from None
    config = folder / "config.json"
    if not config.is_file():
        raise ConfigurationError(f"base names {folder}, which is not a model: it has no config.json.")
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"base names {folder}, which is not a model: its config.json can't be read."
        ) from error
    if not kind or not (list(folder.glob("*.safetensors")) or list(folder.glob("pytorch_model*.bin"))):
        raise ConfigurationError(f"base names {folder}, which is not a model: it lacks weights or a model_type.")
    return str(folder)


def load_student(folder: str, max_tokens: int, *, device: str, threads: int = 0) -> Any:
    """A sentence-transformers CrossEncoder with one output, whose score is the plain logit.

    Args:
        threads: of the CPU; 0: as torch has it.

    The logit and not its sigmoid: scores are mixed with others by their differences, which a sigmoid flattens.

    Raises:
        ConfigurationError: it gives several labels a pair, or can't be made a cross-encoder.
        ModelUnavailable: its weights can't be loaded.
    """
    import torch  # noqa: PLC0415 - seconds and hundreds of megabytes
    from sentence_transformers import CrossEncoder  # noqa: PLC0415
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    if threads:
        torch.set_num_threads(threads)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            model = CrossEncoder(
                folder, num_labels=1, max_length=max_tokens, activation_fn=torch.nn.Identity(), device=device
            )
    except (OSError, SafetensorError, ImportError) as error:
        raise ModelUnavailable(f"The model {folder} can't be loaded ({type(error).__name__}: {error}).") from error
    except (RuntimeError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{folder} can't be made a cross-encoder with one score: {error}") from error
    return model


def check_new(out: Path) -> None:
    """Make sure that a promoted model has a place to go to.

    Raises:
        DatasetError: something is there already, or the folder above can't be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out} is there already: name a new folder with --out, or move that one away.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = out.parent / f".{out.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DatasetError(f"{out} can't be made ({error.strerror}): name another with --out.") from error
