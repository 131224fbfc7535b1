"""The lexical leg's query: full-text searches of several columns, their scores added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lancedb.query import BooleanQuery, MatchQuery, Occur, PhraseQuery

from core.chunk import Vector
from core.errors import ConfigurationError
from core.pipeline import FieldWeights
from retrieval.index.cjk import with_bigrams
from retrieval.index.lance.rows import HEADINGS, SEARCH_TEXT, TITLE
from retrieval.index.lance.store import Record
from retrieval.index.phrases import beginnings, phrases

PHRASES = "phrases"
"""What a table can do whose text index has positions."""
_ONE_EDIT = 5
"""Letters of a word up to which one edit is allowed, and not two."""


@dataclass(frozen=True, slots=True)
class Lexical:
    """A query, and what its scores are to be multiplied by."""

    query: Any
    scale: float

    def scores(self, found: Sequence[float]) -> list[float]:
        """The scores that the weights mean.

        To six digits: LanceDB adds the parts in any order, and the last digits would decide between equals.
        """
        return [float(f"{score * self.scale:.6g}") for score in found]


def lexical_query(words: str, fields: FieldWeights, able: Collection[str]) -> Lexical | None:
    """The query for these words; None if nothing of what counts is in the table.

    Args:
        able: the columns that the table has a text index of, and :data:`PHRASES`.
    """
    weights = {SEARCH_TEXT: fields.body, TITLE: fields.title, HEADINGS: fields.headings}
    counted = {column: weight for column, weight in weights.items() if weight and column in able}
    pairs = phrases(words) if fields.body and fields.phrases and PHRASES in able else []
    # A phrase has no boost: the rest is weighed against it.
    scale = fields.phrases if pairs else 1.0
    parts = [_match(words, column, weight / scale) for column, weight in counted.items()]
    if not parts:
        return None
    parts += [_phrase(pair) for pair in pairs]
    return Lexical(BooleanQuery([(Occur.SHOULD, part) for part in parts]) if len(parts) > 1 else parts[0], scale)


def _match(words: str, column: str, boost: float) -> Any:
    # Titles stand in their column as they are read, and so are found as a whole only.
    return MatchQuery(words if column == TITLE else with_bigrams(words), column, boost=boost)  # type: ignore[call-arg]  # the rest of them have defaults


def _phrase(words: str) -> Any:
    return PhraseQuery(with_bigrams(words), SEARCH_TEXT)  # type: ignore[call-arg]  # likewise


def near_query(word: str) -> Any:
    """The query for words that are spelt nearly so: of their stems, with an edit or two."""
    # As OpenSearch's AUTO.
    whole = MatchQuery(word, SEARCH_TEXT, fuzziness=2 if len(word) > _ONE_EDIT else 1)  # type: ignore[call-arg]  # likewise
    shorter = " ".join(beginnings(word))
    if not shorter:
        return whole
    stems = MatchQuery(shorter, SEARCH_TEXT, fuzziness=1)  # type: ignore[call-arg]  # the rest of them have defaults
    return BooleanQuery([(Occur.SHOULD, whole), (Occur.SHOULD, stems)])


def query_vector(embedding: Vector, record: Record) -> Vector:
    """The vector as the table takes it. Raises ConfigurationError where it has another length."""
    query = np.asarray(embedding, np.float32)
    if query.shape != (record.dimensions,):
        raise ConfigurationError(
            f"The query's vector has shape {query.shape}, and generation {record.name} holds vectors of "
            f"{record.dimensions} dimensions, made by {record.embedder}."
        )
    return query
