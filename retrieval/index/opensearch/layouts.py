"""Which layout of vectors an alias stands for at present."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigurationError
from retrieval.index.opensearch.client import Client
from retrieval.index.opensearch.vectors import VectorLayout

UNKNOWN = VectorLayout(engine="", m=0, ef_construction=0)
"""Of a generation of an earlier release: whole vectors, compared by inner product, with the engine's own defaults."""


@dataclass(frozen=True, slots=True)
class Known:
    """A generation and its layout."""

    generation: str
    layout: VectorLayout


class Layouts:
    """Remembers what is behind an alias or an index's name; an alias can move to another generation."""

    def __init__(self, client: Client, target: str) -> None:
        self._client = client
        self._target = target
        self._known: Known | None = None

    def now(self) -> Known:
        """What is known; looked up if nothing is."""
        return self._known or self.look()

    def look(self) -> Known:
        """Look it up.

        Raises:
            ConfigurationError: there is no such index.
        """
        path = f"/{self._target}/_mapping"
        found = self._client.request("GET", path, params={"filter_path": "*.mappings._meta"})
        if len(found) != 1:
            raise ConfigurationError(
                f"{self._target} in OpenSearch stands for {len(found)} indices of ours instead "
                "of one. Give it to one generation: footnote index swap NAME."
            )
        (generation, about), *_ = found.items()
        layout = VectorLayout.of_meta(about.get("mappings", {}).get("_meta", {}))
        self._known = Known(generation, layout or UNKNOWN)
        return self._known
