"""An index as it would be with one of its generations live."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from retrieval.index.port import Generation, SearchIndex


class _Pinned:
    """See :func:`pinned`."""

    def __init__(self, index: SearchIndex, name: str) -> None:
        self._all = index
        self._one = index.for_generation(name)
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one, name)

    def generations(self) -> list[Generation]:
        """All of them, that one live."""
        return [replace(one, live=one.name == self._name) for one in self._all.generations()]

    def close(self) -> None:
        """Let go of both."""
        self._one.close()
        self._all.close()


def pinned(index: SearchIndex, name: str) -> SearchIndex:
    """The index as a retriever sees it that is to search the generation of this name, whichever one is live.

    Raises:
        IndexUnavailable: the index doesn't answer.
    """
    return cast("SearchIndex", _Pinned(index, name))
