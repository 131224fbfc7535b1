"""The embedder of each generation of the index, loaded when it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from core.errors import ConfigurationError
from retrieval.embedding.port import Embedder
from retrieval.index.port import Generation, SearchIndex


class Embedders:
    """Gives a generation the embedder that its vectors come from.

    Args:
        default: the one that the settings name.
        model: what ``embedder.model`` names it by; written down with the generations that it builds.
        build: makes the embedder of another model, by the same kind of name.
    """

    def __init__(self, default: Embedder, model: str, build: Callable[[str], Embedder]) -> None:
        self.default = default
        self.model = model
        self._build = build
        self._lock = threading.Lock()
        self._others: dict[str, Embedder] = {}

    def by_model(self, model: str) -> Embedder:
        """The embedder that this value of ``embedder.model`` means; built once.

        Raises:
            ConfigurationError: the model isn't there or isn't usable.
            ModelUnavailable: it must be downloaded first and can't be.
        """
        if model == self.model:
            return self.default
        with self._lock:
            if model not in self._others:
                self._others[model] = self._build(model)
            return self._others[model]

    def of(self, generation: Generation) -> Embedder:
        """The embedder of a generation.

        Raises:
            ConfigurationError: nobody knows how to load it, or what is loaded makes other vectors.
            ModelUnavailable: it must be downloaded first and can't be.
        """
        if (generation.embedder, generation.dimensions) == (self.default.name, self.default.dimensions):
            return self.default
        found = self.by_model(generation.model) if generation.model else self.default
        if (found.name, found.dimensions) != (generation.embedder, generation.dimensions):
            raise ConfigurationError(
                f"Index generation {generation.name} was built by {generation.embedder} ({generation.dimensions} "
                f"dimensions), and embedder.model {generation.model or self.model!r} is {found.name} "
                f"({found.dimensions}). Set embedder.model back, or, if the generation isn't live: footnote index drop."
            )
        return found

    def ensure(self, index: SearchIndex) -> Generation:
        """The live generation, made with the default embedder if there is none; its embedder can be had.

        Raises:
            ConfigurationError, ModelUnavailable: as :meth:`of`.
            IndexUnavailable: the index doesn't answer.
        """
        live = live_of(index) or index.ensure(self.default.name, self.default.dimensions, self.model)
        self.of(live)
        return live


def live_of(index: SearchIndex) -> Generation | None:
    """The generation that searches read; None before the first."""
    return live_among(index.generations())


def live_among(generations: Sequence[Generation]) -> Generation | None:
    """The one of these that searches read."""
    return next((generation for generation in reversed(generations) if generation.live), None)
