"""One result for a text that stands in several documents, with its other places.

Grouped is only what a search has found and fetched for its reader, both under their filter: what they may not see takes
no part in it, so that nothing of it can be told from a result, not even by one that is missing.
"""

from __future__ import annotations

from core.chunk import Chunk
from retrieval.ranked import Ranked

_TELLING = 200
"""Characters above which a text stands for itself. A shorter one ("120 EUR a night.") says what it says by its title,
and counts as the same only under the same one."""

_Key = tuple[str, tuple[str, ...], str]


class Distinct:
    """Candidates by what they say, best first.

    Attributes:
        items: the best of each text; its copies in other documents are its ``twins``. A text that stands in one
            document twice gives two items: they are two places to open.
    """

    def __init__(self) -> None:
        self.items: list[Ranked] = []
        self._by_text: dict[_Key, list[Ranked]] = {}

    def add(self, item: Ranked) -> None:
        """Take the next candidate, whose chunk is known."""
        same = self._by_text.setdefault(_key(item.passage), [])
        document_id = item.passage.document_id
        for other in same:
            if document_id not in (other.passage.document_id, *(twin.document_id for twin in other.twins)):
                other.twins.append(item.passage)
                return
        same.append(item)
        self.items.append(item)


def _key(chunk: Chunk) -> _Key:
    text = " ".join(chunk.text.split())
    return text, chunk.heading_path, chunk.metadata.title if len(text) < _TELLING else ""
