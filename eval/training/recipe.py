"""What to train a reranker on and how, and what it has to beat: a TOML file, checked before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.pipeline import PipelineConfig, Share
from eval.datasets import DatasetError

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Count = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BeirSource(_Part):
    """The judged questions of a collection's split."""

    kind: Literal["beir"]
    path: Path
    split: str = "train"
    limit: Count | None = None


class TitlesSource(_Part):
    """A collection's titles as questions, for the bodies that they were taken off."""

    kind: Literal["titles"]
    path: Path
    limit: Count | None = None


class HeadingsSource(_Part):
    """Headings as questions, for the sections that they were taken off: of a folder's documents, or (``live``) of
    those of the knowledge base that everybody may read."""

    kind: Literal["headings"]
    path: Path | None = None
    live: bool = False
    limit: Count | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.live == (self.path is not None):
            raise ValueError("takes either path (a folder of documents) or live = true")
        return self


class JudgedSource(_Part):
    """Judged (or generated) questions about the knowledge base in use, as ``footnote eval retrieval --live`` reads."""

    kind: Literal["judged"]
    path: Path
    qrels: Path | None = None
    limit: Count | None = None


class ClicksSource(_Part):
    """Questions with the documents that were opened after them, about the knowledge base in use."""

    kind: Literal["clicks"]
    path: Path
    min_clicks: Count = 1
    """A document counts for a question once it was opened so often after it."""
    limit: Count | None = None


Source = Annotated[
    BeirSource | TitlesSource | HeadingsSource | JudgedSource | ClicksSource,
    Field(discriminator="kind"),
]


class Mining(_Part):
    """Where candidates come from, and which of them are left out.

    ``margin``: a candidate that nobody called relevant, and that the teacher puts further above the best relevant one
    than so many of its deviations, is taken for relevant after all and left out.
    """

    depth: Annotated[int, Field(ge=2, le=200)] = 20
    candidates: Annotated[int, Field(ge=2, le=64)] = 8
    """How many of the ``depth`` a question is trained with."""
    margin: Amount = 1.0
    pipeline: PipelineConfig | None = None
    """None: the default of the settings, without its reranker."""


class Teacher(_Part):
    """The score that is learnt: the pipeline's, as a z-score over a question's candidates, by weight, plus ``relevant``
    for those that are. ``temperature`` divides it."""

    fused: Amount = 1.0
    relevant: Amount = 2.0
    temperature: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.fused and not self.relevant:
            raise ValueError("every weight is 0: there is nothing to learn")
        return self


class Fitting(_Part):
    """The training itself. ``dev``: the share of questions that only choose the checkpoint and the weight."""

    epochs: Annotated[float, Field(gt=0)] = 2
    batch: Count = 4
    """Questions a step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    warmup: Share = 0.1
    dev: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    dev_questions: Count = 200
    """At most so many of them are used, of all sources alike: each check reads all their candidates."""
    checks: Count = 4
    """How often an epoch is measured on the dev questions, and saved."""
    patience: Count = 4
    """Checks without gain after which it ends."""
    seed: int = 0


class Gate(_Part):
    """The sets that it must not be worse on, and on one of which it must be better.

    Attributes:
        weights: shares of the reranker's score to choose from, on the dev questions.
        depth: how many passages it reads for a search.
        latency_ratio: as in ``footnote eval gate``; a cross-encoder costs time by nature, so more is allowed. 0: any.
    """

    sets: Annotated[dict[Name, Source], Field(min_length=4)]
    weights: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (0.1, 0.2, 0.3, 0.5, 1)
    depth: Annotated[int, Field(ge=2, le=200)] = 20
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    latency_ratio: Amount = 5.0
    max_drop: Amount | None = None


class Recipe(_Part):
    """Everything that shapes a reranker."""

    base: str = "packaged"
    """``packaged``, a folder of an encoder or a cross-encoder, or a name on a model hub."""
    max_tokens: Annotated[int, Field(ge=32, le=8192)] = 256
    """Of question and passage together; what is longer is cut."""
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    mining: Mining = Mining()
    teacher: Teacher = Teacher()
    fitting: Fitting = Fitting()
    gate: Gate


def read_recipe(file: Path) -> Recipe:
    """Read a recipe; relative paths in it start at its own folder.

    Raises:
        DatasetError: it isn't there, isn't TOML, or a value in it is wrong; says which.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{file} can't be read: {error.strerror or error}. docs/training.md shows one.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} is not TOML: {error}") from error
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise DatasetError(f"{file}: {_faults(error)}") from None
    return _placed(recipe, file.resolve().parent)


def _faults(error: ValidationError) -> str:
    found = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        message = "there is no such option" if fault["type"] == "extra_forbidden" else fault["msg"]
        found.append(f"{key}: {message.removeprefix('Value error, ')}")
    return "; ".join(found) + "."


def _placed(recipe: Recipe, folder: Path) -> Recipe:
    def source(given: Any) -> Any:
        paths = {key: getattr(given, key, None) for key in ("path", "qrels")}
        return given.model_copy(update={key: folder / path.expanduser() for key, path in paths.items() if path})

    base = recipe.base
    return recipe.model_copy(
        update={
            "base": str(folder / Path(base).expanduser()) if base.startswith((".", "~")) else base,
            "sources": {name: source(one) for name, one in recipe.sources.items()},
            "gate": recipe.gate.model_copy(
                update={"sets": {name: source(one) for name, one in recipe.gate.sets.items()}}
            ),
        }
    )
