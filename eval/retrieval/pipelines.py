"""The file of named pipelines to compare."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.pipeline import PipelineConfig
from core.settings import Settings
from eval.datasets import DatasetError

_SHAPE = "a mapping `pipelines:` from names to `legs`, `fields`, `depth`, `fusion`, `reranker` and `models`"
_MODELS = ("embedder", "reranker")
_MESSAGES = {
    "extra_forbidden": "there is no such option",
    "model_type": "should be a mapping of options, as {option: value}",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A pipeline of the file, and the models that it runs on.

    Attributes:
        embedder, reranker: a model as in ``embedder.model`` and ``reranker.model``; None: the settings'.
        generation: the build of the live index that it searches; None: the one that is served. Not in the file.
    """

    config: PipelineConfig
    embedder: str | None = None
    reranker: str | None = None
    generation: str | None = None

    def over(self, settings: Settings) -> Settings:
        """The settings with this pipeline's models in them."""
        embedder, reranker = settings.embedder, settings.reranker
        if self.embedder is not None:
            embedder = embedder.model_copy(update={"model": self.embedder})
        if self.config.reranker is None:
            reranker = reranker.model_copy(update={"model": None})
        elif self.reranker is not None:
            reranker = reranker.model_copy(update={"model": self.reranker})
        return settings.model_copy(update={"embedder": embedder, "reranker": reranker})

    def as_json(self) -> dict[str, Any]:
        """The pipeline as it goes into the record of a run."""
        models = {kind: model for kind in _MODELS if (model := getattr(self, kind)) is not None}
        about = {"models": models, "generation": self.generation}
        given = {key: value for key, value in about.items() if value}
        return {**self.config.model_dump(mode="json", exclude={"name"}), **given}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # untyped
    """YAML whose keys must differ: the plain loader quietly keeps the last of two."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise DatasetError(
                    f"{self.name}, line {line}: {key.value!r} is there already, in line {seen[key.value]}. Two "
                    "pipelines need two names: rename one."
                )
            seen[key.value] = line
        built: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return built


def read_pipelines(file: Path) -> tuple[Entry, ...]:
    """Read the pipelines, in the order of the file.

    Raises:
        DatasetError: the file isn't there, isn't YAML of that shape, has two pipelines of one name, or a wrong value.
    """
    try:
        with file.open(encoding="utf-8") as stream:
            content = yaml.load(stream, _Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise DatasetError(f"{file} can't be read: {error.strerror or error}. It should hold {_SHAPE}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    named = content.get("pipelines") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named or set(content) != {"pipelines"}:
        raise DatasetError(f"{file} should hold {_SHAPE}, and nothing else.")
    return tuple(_entry(file, str(name), value) for name, value in named.items())


def _entry(file: Path, name: str, value: object) -> Entry:
    where = f"{file}, pipeline {name!r}"
    if value is not None and not isinstance(value, dict):
        raise DatasetError(f"{where}: should be a mapping, or nothing for every default.")
    given: dict[str, Any] = dict(value or {})
    models = given.pop("models", None) or {}
    if not isinstance(models, Mapping) or set(models) - set(_MODELS):
        raise DatasetError(f"{where}: `models` takes `embedder` and `reranker`, each a folder or a model's name.")
    if "name" in given:
        raise DatasetError(f"{where}: its name is the key; drop `name`.")
    try:
        config = PipelineConfig.model_validate({"name": name, **given})
    except ValidationError as error:
        raise DatasetError(f"{where}: {_faults(error)}") from None
    if models.get("reranker") and config.reranker is None:
        raise DatasetError(f"{where}: names a reranker's model, but has no `reranker: {{depth: 50}}` to use it.")
    return Entry(config, *(_text(where, kind, models) for kind in _MODELS))


def _text(where: str, kind: str, models: Mapping[str, object]) -> str | None:
    value = models.get(kind)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{where}: models.{kind} should be a folder or a model's name.")
    return value


def _faults(error: ValidationError) -> str:
    found = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        message = _MESSAGES.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        found.append(f"{key}: {message}" if key else message)
    return "; ".join(found) + "."
