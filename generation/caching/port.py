"""What the answer cache asks the catalog."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from core.epoch import Epoch


class Visibility(Protocol):
    """What readers may find. Both block, and raise :class:`core.errors.FootnoteError` when it can't be told."""

    def epoch(self, terms: Collection[str]) -> Epoch:
        """The epoch of a reader with these access terms: it moves with every change of what they may find."""
        ...

    def readable(self, document_ids: Collection[str], terms: Collection[str]) -> bool:
        """Whether a reader with these access terms may read all of these documents now."""
        ...
