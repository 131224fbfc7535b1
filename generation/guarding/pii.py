"""Personal data: where it is in a text (the port), and what is done about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.guard_settings import PiiAction

_KEPT, _LONG = 4, 12
"""Of masked numbers of cards and accounts so many characters stay, where there are at least so many in all."""
_NUMBERS = frozenset({"CREDIT_CARD", "IBAN_CODE"})


@dataclass(frozen=True, slots=True)
class Entity:
    """``text[start:end]`` is of this kind."""

    kind: str
    start: int
    end: int
    score: float


class PiiFinder(Protocol):
    """Finds personal data in a text, on this machine."""

    def find(self, text: str, kinds: Collection[str]) -> Sequence[Entity]:
        """Entities of these kinds in the order of the text; none overlaps another. Blocks; takes milliseconds."""
        ...


class Policy:
    """What is done about each kind of entity at one stage."""

    def __init__(self, finder: PiiFinder, actions: Mapping[str, PiiAction]) -> None:
        self._finder = finder
        self._actions = {kind: action for kind, action in actions.items() if action != "allow"}

    def found(self, text: str) -> Sequence[Entity]:
        """What something is done about."""
        return self._finder.find(text, self._actions.keys()) if self._actions and text.strip() else ()

    def blocks(self, found: Sequence[Entity]) -> bool:
        """Whether one of them is of a kind that isn't let through at all."""
        return any(self._actions[entity.kind] == "block" for entity in found)

    def pseudonymised(self, entity: Entity) -> bool:
        """Whether a placeholder stands for it."""
        return self._actions[entity.kind] == "pseudonymise"

    def applied(self, text: str, found: Sequence[Entity]) -> str:
        """The text without them."""
        out, at = [], 0
        for entity in found:
            out += [text[at : entity.start], self.instead(text, entity)]
            at = entity.end
        return "".join([*out, text[at:]])

    def instead(self, text: str, entity: Entity) -> str:
        """What stands for one of them: its kind, or stars."""
        if self._actions[entity.kind] != "mask":
            return f"[{entity.kind}]"
        hidden = text[entity.start : entity.end]
        if entity.kind in _NUMBERS and len(hidden) >= _LONG:
            return "*" * (len(hidden) - _KEPT) + hidden[-_KEPT:]
        return "*" * len(hidden)

    def cleared(self, text: str) -> str:
        """The text without what is found in it; nothing of it where a kind in it is blocked."""
        found = self.found(text)
        return "(withheld)" if self.blocks(found) else self.applied(text, found)
