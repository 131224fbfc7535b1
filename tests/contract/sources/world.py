"""What a source is to the suite that runs over every connector: a place where documents come, change and go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Truth:
    """What a document of the source says now, and the access terms of who may read it; None: that can't be told."""

    text: str
    terms: frozenset[str] | None


class World(Protocol):
    """A real source with a handful of documents, changed as people change it. Documents go by a key such as ``a/b``.

    A world whose source lacks something (permissions of one document, moving) says so in ``can``.

    Attributes:
        kind: the kind of its connector.
        can: of ``share`` (readers of one document), ``move``, ``withhold`` (permissions that can't be read),
            ``groups`` (memberships).
    """

    kind: str
    can: frozenset[str]

    def config(self) -> Mapping[str, Any]:
        """What its source is configured with."""
        ...

    def put(self, key: str, text: str) -> None:
        """Add a document with this text, or change it to this text; who may read it stays, or is the default."""
        ...

    def share(self, key: str, readers: frozenset[str]) -> None:
        """Let these and no others read it: e-mail addresses, and ``group:NAME`` for a group of the source."""
        ...

    def move(self, key: str, to: str) -> None:
        """Rename it, or put it in another place; nothing is there yet."""
        ...

    def delete(self, key: str) -> None:
        """Take it out, as people do (into a bin, if the source has one)."""
        ...

    def withhold(self, key: str, withheld: bool) -> None:
        """Have the source refuse to tell who may read it."""
        ...

    def members(self, group: str, users: frozenset[str]) -> None:
        """Make these e-mail addresses the members of a group of the source."""
        ...

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        """What there is now, by the external id that the connector gives it."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...
