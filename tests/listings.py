"""Reading a connector as the sync does: its pages in order, with a memory that keeps what the catalog would."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from ingestion.connectors.port import Change, Connector, Cursor, Delete, Note, Present, Unreadable, Upsert, Withheld


@dataclass
class Memory:
    """What is known of a source's documents, and where its next listing starts."""

    documents: dict[str, Note | None] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    cursor: Cursor = field(default_factory=dict)

    def unknown(self, external_ids: Collection[str]) -> set[str]:
        return {name for name in external_ids if name not in self.documents or name in self.unreadable}

    def notes(self, external_ids: Collection[str]) -> Mapping[str, Note]:
        known = {name: self.documents[name] for name in set(external_ids) - self.unknown(external_ids)}
        return {name: note for name, note in known.items() if note is not None}

    def below(self, prefix: str) -> Iterator[tuple[str, Note]]:
        return iter([(name, note or {}) for name, note in self.documents.items() if name.startswith(prefix)])

    def enter(self, change: Change) -> None:
        name = change.external_id
        if isinstance(change, Upsert):
            self.documents[name] = change.note
            self.unreadable.discard(name)
        elif isinstance(change, Unreadable):
            self.documents.setdefault(name, None)
            self.unreadable.add(name)
        elif isinstance(change, Delete | Withheld):
            self.forget({known for known in self.documents if known == name or _is_below(known, name)})

    def forget(self, names: set[str]) -> None:
        self.documents = {name: note for name, note in self.documents.items() if name not in names}
        self.unreadable -= names


def _is_below(name: str, folder: str) -> bool:
    return folder[-1:] in ("", "/") and name.startswith(folder)


@dataclass
class Listed:
    """What a listing said."""

    changes: list[Change]
    complete: bool
    known: Memory


def read(connector: Connector, known: Memory | None = None) -> Listed:
    """Read a listing to its end, from where the memory stands.

    A new memory remembers what was said, and has forgotten what went.
    """
    known = deepcopy(known) if known else Memory()
    said, complete = [], False
    for page in connector.changes(known.cursor, known):
        for change in page.changes:
            known.enter(change)
            said.append(change)
        known.cursor, complete = page.cursor, page.complete
    if complete:
        named = {change.external_id for change in said if isinstance(change, Upsert | Present | Unreadable)}
        known.forget(set(known.documents) - named)
    return Listed(said, complete, known)
