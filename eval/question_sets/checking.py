"""Whether a made question is one: found again by retrieval, borne out by its passages, and not there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from core.chunk import Vectors
from core.principal import Principal
from eval.question_sets.draft import Draft
from generation.text.word_stems import terms
from generation.verification.port import SupportModel
from generation.verification.verifier import PARTLY_FROM, SUPPORTED_FROM
from retrieval.embedding.port import Embedder
from retrieval.retriever import Retriever

DEPTH = 10
"""Passages in which a question's documents must be found."""
_SAME_MEANING, _SAME_WORDS = 0.93, 0.8
_BY_RULE = frozenset({"heading", "definition", "table cell", "date"})


@dataclass(slots=True)
class Checker:
    """Keeps the questions that pass, and counts the others by the reason. Blocks.

    Args:
        retriever: the retrieval in use; ``reader`` is who searches it.
        support: the evidence model.
    """

    retriever: Retriever
    embedder: Embedder
    support: SupportModel
    reader: Principal
    dropped: Counter[str] = field(default_factory=Counter)
    kept: list[Draft] = field(default_factory=list)
    _vectors: list[Vectors] = field(default_factory=list)

    def take(self, drafts: Iterable[Draft], enough: Callable[[], bool] = lambda: False) -> list[Draft]:
        """Check each; those that pass so far, earlier ones included. Raises as searches do."""
        for draft in drafts:
            if enough():
                break
            fault = self._fault(draft)
            if fault:
                self.dropped[fault] += 1
            else:
                self.kept.append(draft)
        return self.kept

    def _fault(self, draft: Draft) -> str:
        if self._is_there(draft):
            return "near-duplicate"
        hits = self.retriever.search(_standalone(draft), self.reader, limit=DEPTH).hits
        found = {hit.chunk.document_id for hit in hits} | {
            other.document_id for hit in hits for other in hit.duplicates
        }
        if draft.asked.no_answer:
            if not found & set(draft.asked.versions):
                return "unanswerable, and not near"
            told = self.support.probabilities(draft.claim, [hit.chunk.text for hit in hits])
            return "unanswerable, and answered" if max(told, default=0) >= PARTLY_FROM else ""
        if not set(draft.asked.documents) <= found:
            return "not found again by retrieval"
        if draft.asked.kind in _BY_RULE:
            return ""  # its answer is the source's own words
        told = self.support.probabilities(draft.asked.reference, ["\n\n".join(draft.passages)])
        return "" if told[0] >= SUPPORTED_FROM else "answer not borne out by its passages"

    def _is_there(self, draft: Draft) -> bool:
        question = _standalone(draft)
        vector = self.embedder.embed_query(question)
        mine = terms(question)
        for other, known in zip(self.kept, self._vectors, strict=False):
            theirs = terms(_standalone(other))
            if len(mine & theirs) >= _SAME_WORDS * max(1, len(mine | theirs)) or float(vector @ known) >= _SAME_MEANING:
                return True
        self._vectors = [*self._vectors[: len(self.kept)], np.asarray(vector)]
        return False


def _standalone(draft: Draft) -> str:
    return "\n".join((*draft.asked.turns, draft.asked.question))
