"""Names that a model is told instead of people's, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from generation.guarding.pii import Policy

_PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]{1,40})_(\d{1,6})>")
_BEGUN = re.compile(r"<(?:[A-Z][A-Z0-9_]{0,48})?\Z")
_TOLD = "PLACEHOLDER"


class Pseudonyms:
    """Of one request to a model: the same words have the same placeholder throughout."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._placeholders: dict[tuple[str, str], str] = {}
        self._meant: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def hide(self, text: str) -> str:
        """The text with placeholders; what looks like one already has one too, so that it comes back as it was.

        Entities that the policy takes out or masks are gone for good. Blocks.
        """
        out, at = [], 0
        spans = [(entity.start, entity.end, entity) for entity in self._policy.found(text)]
        taken = [(start, end) for start, end, _ in spans]
        literal = [
            (match.start(), match.end(), None)
            for match in _PLACEHOLDER.finditer(text)
            if all(match.end() <= start or match.start() >= end for start, end in taken)
        ]
        for start, end, entity in sorted([*spans, *literal], key=lambda one: one[0]):
            said = text[start:end]
            if entity is None:
                instead = self._placeholder(_TOLD, said)
            elif self._policy.pseudonymised(entity):
                instead = self._placeholder(entity.kind, said)
            else:
                instead = self._policy.instead(text, entity)
            out += [text[at:start], instead]
            at = end
        return "".join([*out, text[at:]])

    def blocks(self, texts: Sequence[str]) -> bool:
        """Whether one of them holds what no model may be sent. Blocks."""
        return any(self._policy.blocks(self._policy.found(text)) for text in texts)

    def _placeholder(self, kind: str, said: str) -> str:
        key = (kind, said)
        if key not in self._placeholders:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._placeholders[key] = f"<{kind}_{self._counts[kind]}>"
            self._meant[self._placeholders[key]] = said
        return self._placeholders[key]

    def restored(self, text: str) -> str:
        """The text with what was meant; a placeholder that was never given becomes nothing."""
        return _PLACEHOLDER.sub(lambda match: self._meant.get(match.group(), ""), text)

    def restorer(self) -> Restorer:
        """Restores a stream."""
        return Restorer(self)


class Restorer:
    """Restores what comes in pieces; no more than the length of a placeholder is held back."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What can be told after this piece."""
        text = self._held + text
        begun = None if last else _BEGUN.search(text, max(0, len(text) - 64))
        at = begun.start() if begun else len(text)
        self._held = text[at:]
        return self._pseudonyms.restored(text[:at])
