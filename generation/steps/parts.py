"""Several questions in one: where one ends and the next begins, told by words."""

from __future__ import annotations

import re

from generation.models.port import Message
from generation.steps.follow_ups import carried_over, is_follow_up
from generation.text.word_stems import terms

MOST = 4
"""Parts of a question; each is a search of its own."""
_ASKING = (
    r"(?:(?:by|to|from|for|in|at|on|with|until|since)\s+)?(?:how|what|when|where|who|whom|whose|which|why)(?:['’]s)?"
    r"|(?:can|could|may|must|should|shall|will|would|do|does|did|is|are|am|was|were|has|have)"
    r"(?=\s+(?:i|we|you|they|he|she|it|there|the|a|an|my|our|your|this|that|these|anyone|somebody|everyone)\b)"
    r"|is(?=\s+\w)|does(?=\s+\w)"
    r"|wie|was|wann|wo|wer|warum|welche\w*|wem|wen|darf\s+ich|kann\s+ich|muss\s+ich"
    r"|comment|quand|quels?|quelles?|pourquoi|combien|qui|est-ce\s+que"
    r"|cómo|cuándo|dónde|quién|cuál(?:es)?|cuánt[oa]s?|qué"
)
_BREAK = re.compile(
    rf"\? ?(?:(?:and|also|und|et|y)\b,? ?)?(?=\S)|[,;]? (?:and|und|et|y) (?:also )?(?=(?:{_ASKING})\b)"
    rf"|[,;] (?=(?:{_ASKING})\b)",
    re.IGNORECASE,
)
_ASKS = re.compile(rf"^\W*(?:{_ASKING})\b", re.IGNORECASE)


def asks(text: str) -> bool:
    """Whether it begins as a question does."""
    return _ASKS.match(text) is not None


def parts_of(question: str) -> tuple[str, ...]:
    """The questions in it, each as it stands by itself; only the question itself where it is one.

    "What is an IDP and who approves it?" has two; the second is searched for with the first, which it points to.
    """
    pieces = [piece.strip(" ,;") for piece in _BREAK.split(" ".join(question.split()))]
    pieces = [piece for piece in pieces if piece]
    if not 1 < len(pieces) <= MOST or not all(asks(piece) and terms(piece) for piece in pieces):
        return (question,)
    found: list[str] = []
    for piece in pieces:
        whole = piece if piece.endswith("?") else f"{piece}?"
        before = [Message("user", one) for one in found[-1:]]
        found.append(carried_over(whole, before) if is_follow_up(whole, before) else whole)
    return tuple(found)
