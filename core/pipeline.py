"""How a search goes from a question to a ranking, as data: what settings and evaluations name and pass on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Leg = Literal["lexical", "vector"]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Config(BaseModel):
    """Immutable; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LegWeights(_Config):
    """How much each leg counts."""

    lexical: Weight = 1.0
    vector: Weight = 1.0


class FieldWeights(_Config):
    """What counts in the lexical leg: the BM25 scores of each, with these weights, are added.

    Which passages are found depends on ``body`` alone where that counts: it has the words of all the others.
    """

    title: Weight = 0.1
    """The document's title, once more."""
    headings: Weight = 0.1
    """The headings above the passage, once more."""
    body: Weight = 1.0
    """The passage, with title and headings before it."""
    phrases: Weight = 0.0
    """Neighbouring words of the question that stand in the body as they were asked; only where the body counts. Off:
    they double the leg's time, and what they add is gone after fusion (docs/retrieval.md)."""

    @model_validator(mode="after")
    def _finds_something(self) -> Self:
        if not (self.title or self.headings or self.body):
            raise ValueError("one of title, headings and body has to count")
        return self


class FusionConfig(_Config):
    """How the legs' rankings become one.

    ``rrf`` counts places and knows no scores; ``convex`` adds the legs' scores after bringing them to one scale.
    """

    method: Literal["rrf", "convex"] = "rrf"
    weights: LegWeights = LegWeights()
    k: Annotated[int, Field(ge=0)] = 60
    """The constant of reciprocal rank fusion; ``convex`` has no use for it."""
    normalisation: Literal["min-max", "z-score", "theoretical"] = "min-max"
    """The scale of ``convex``: a leg's lowest and highest candidate are 0 and 1; or mean 0 and deviation 1; or as
    min-max, from the lowest score that the leg could give (0 for BM25, -1 for a cosine)."""


class LateInteractionConfig(_Config):
    """How the best of the fused candidates are read once more, by the embedder's own token embeddings."""

    depth: Annotated[int, Field(gt=1, le=200)] = 30
    """How many of the best are read."""
    weight: Share = 0.2
    """How much that counts against the score before, both brought to [0, 1] over what is read; 1: it alone. More
    suits questions for one passage; where many fit, it costs (docs/retrieval.md)."""
    coverage: Share = 0.7
    """The lexical leg counts in full where one of its three best passages has this share of the question's words, and
    less where none has: by the square of what was found of that share. 0: always in full (docs/retrieval.md)."""


class NeighbourConfig(_Config):
    """How the best candidates vouch for each other: each one's score is mixed with those of the ones like it."""

    depth: Annotated[int, Field(gt=1, le=200)] = 30
    """How many of the best take part."""
    neighbours: Annotated[int, Field(gt=0)] = 5
    """How many of the others count for each."""
    weight: Share = 0.3
    """How much they count; 0: nothing changes."""


class RerankConfig(_Config):
    """The reranker's part in a pipeline."""

    depth: Annotated[int, Field(gt=0)] = 50
    """How many of the best candidates it reads."""
    weight: Share = 1.0
    """How much its score counts against the one before, both brought to [0, 1] over what it reads; 1: it alone."""
    patience: Annotated[int, Field(ge=10)] | None = None
    """It reads so many at a time, best first, and stops when none of them came among the best ten; None: reads all."""


class PipelineConfig(_Config):
    """One way to search, by name."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+_.-]{0,63}$")]
    legs: tuple[Leg, ...] = ("lexical", "vector")
    depth: Annotated[int, Field(gt=0, le=10_000)] = 100
    """Candidates of each leg."""
    fields: FieldWeights = FieldWeights()
    fusion: FusionConfig = FusionConfig()
    late_interaction: LateInteractionConfig | None = None
    """None: passages aren't read token by token."""
    neighbours: NeighbourConfig | None = None
    """None: no candidate vouches for another."""
    reranker: RerankConfig | None = None
    """None: the order before it stands."""

    @model_validator(mode="after")
    def _has_legs(self) -> Self:
        if not self.legs or len(set(self.legs)) != len(self.legs):
            raise ValueError("legs names lexical, vector or both, each once")
        return self

    @property
    def single(self) -> bool:
        """Whether it has one leg, and so fuses nothing."""
        return len(self.legs) == 1
