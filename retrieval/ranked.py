"""A candidate on its way to becoming a hit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.chunk import Chunk
from retrieval.fusion import Fused
from retrieval.hit import Ranks, Scores, SearchHit


@dataclass(slots=True)
class Ranked:
    """What is known of a candidate so far; the passage and the reranker's verdict come later.

    Attributes:
        fused: the fused score; None for a pipeline of one leg, which fuses nothing.
    """

    id: str
    fused: float | None
    lexical: float | None
    vector: float | None
    ranks: Mapping[str, int]
    chunk: Chunk | None = None
    rerank: float | None = None
    rerank_rank: int | None = None

    @classmethod
    def of(cls, item: Fused, lexical: Mapping[str, float], vector: Mapping[str, float], *, single: bool) -> Ranked:
        """A fused candidate with the scores that the legs gave it."""
        fused = None if single else item.score
        return cls(item.id, fused, lexical.get(item.id), vector.get(item.id), item.ranks)

    @property
    def passage(self) -> Chunk:
        """The chunk. Raises LookupError before it was fetched."""
        if self.chunk is None:
            raise LookupError(f"chunk {self.id} was not fetched")
        return self.chunk

    def hit(self) -> SearchHit:
        """The hit; its score is that of the last ranking it was in."""
        order = (self.rerank, self.fused, self.lexical, self.vector)
        return SearchHit(
            chunk=self.passage,
            score=next(score for score in order if score is not None),
            ranks=Ranks(self.ranks.get("lexical"), self.ranks.get("vector"), self.rerank_rank),
            scores=Scores(self.lexical, self.vector, self.fused, self.rerank),
        )
