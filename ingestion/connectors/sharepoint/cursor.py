"""How far the listing of a SharePoint source has come, as it is kept between syncs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from core.errors import SourceRefuses
from ingestion.connectors.port import Cursor

_MOST_BYTES = 4000
_MOST_HIDDEN = 12
"""Items of a library that are asked for again by name; more, and the library is listed from the start."""


@dataclass(slots=True)
class DriveState:
    """One library.

    Attributes:
        delta: the change feed's link since the last listing; None: the library is to be listed from the start.
        next: where a listing from the start goes on; None at its beginning.
        root: digest of who may read what inherits from the library itself.
        hidden: items whose permissions couldn't be read: asked for again, as nothing says when they can be.
    """

    delta: str | None = None
    next: str | None = None
    root: str | None = None
    hidden: set[str] = field(default_factory=set)

    def start_over(self) -> None:
        """List it from the start."""
        self.delta = self.next = None

    def to_json(self, drive_id: str) -> dict[str, Any]:
        """As JSON, without what is empty; links without what they all begin with."""
        own = f"/drives/{drive_id}/"
        links = [link and link.removeprefix(own) for link in (self.delta, self.next)]
        hidden = sorted(self.hidden)[: _MOST_HIDDEN + 1]
        named = {"t": links[0], "n": links[1], "r": self.root, "h": hidden}
        return {key: value for key, value in named.items() if value}

    @classmethod
    def read(cls, drive_id: str, stored: Mapping[str, Any]) -> Self:
        """From :meth:`to_json`."""
        links = [
            link if link is None or link.startswith("/") else f"/drives/{drive_id}/{link}"
            for link in map(stored.get, "tn")
        ]
        state = cls(links[0], links[1], stored.get("r"), set(stored.get("h", ())))
        if len(state.hidden) > _MOST_HIDDEN and state.delta:
            state.start_over()
        return state


@dataclass(slots=True)
class State:
    """The whole source.

    Attributes:
        config: digest of the settings that decide what is listed, and for whom: with others, all is listed anew.
        full: every library has been listed from the start since this listing, or the one that it goes on with, began.
    """

    config: str
    full: bool = True
    drives: dict[str, DriveState] = field(default_factory=dict)

    def cursor(self) -> Cursor:
        """To be kept.

        Raises:
            SourceRefuses: the source has more libraries than a cursor holds.
        """
        drives = {key: drive.to_json(key) for key, drive in self.drives.items()}
        told = {"for": self.config, "full": int(self.full), "d": drives}
        if len(json.dumps(told)) > _MOST_BYTES:
            raise SourceRefuses(
                f"The source has {len(drives)} libraries, more than one source can follow. Make several sources of it, "
                "each with some of the sites, or name libraries in 'libraries'."
            )
        return told

    @classmethod
    def read(cls, cursor: Cursor, config: str) -> Self:
        """From :meth:`cursor`; a new one where the settings have changed."""
        if cursor.get("for") != config:
            return cls(config)
        drives = {key: DriveState.read(key, stored) for key, stored in cursor["d"].items()}
        return cls(config, bool(cursor["full"]), drives)
