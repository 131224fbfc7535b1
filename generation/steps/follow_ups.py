"""Which questions lean on the turns before them, and what they leave out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from generation.models.port import Message
from generation.text.word_stems import terms, words

_OPENING = re.compile(
    r"^\W*(?:and|but|or|so|then|also|what about|how about|what if|same|ok(?:ay)?|und|oder|aber|et|mais|y|pero)\b",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|he|she|him|her|his|hers|one|ones|"
    r"(?<!\bis )(?<!\bare )there(?! (?:is|are|was|were|be|any)\b)|"
    r"the (?:same|other|latter|former|first|second)|instead|else|either|both)\b",
    re.IGNORECASE,
)
_ELLIPTIC = re.compile(
    r"^\W*(?:for|in|at|on|with|without|during|from|before|after|until|to)\b(?!.*\b(?:what|which|how|who)\b)",
    re.IGNORECASE,
)
_ONESELF = re.compile(r"^(?:it|its|they|them|their|theirs|one|ones)$", re.IGNORECASE)
"""Words that point to something in their own question as often, where that named something before them."""
_NAMED = 2
_DEFINED = re.compile(
    r"^\W*(?i:what\b.{0,3}\b(?:is|are|s)|who\b.{0,3}\b(?:is|are|s) (?:the|our|a|an))\b|^\W*[Ww]ho (?:is|are) [A-Z]"
)
_BRIEF = 3
"""Words of a question that says hardly anything; longer ones name their subject: "Do I have to work on Sunday?"."""
_FEW, _SHORT = 1, 3
"""Words of content: a question of so few says too little to be searched for by itself; one that is short too, where it
begins without a subject."""
_LONGEST_SUBJECT = 300
_PERHAPS = 5
"""Words of a question with a single word of content, which may stand by itself, or lean on what was asked before."""


def is_follow_up(question: str, history: Sequence[Message]) -> bool:
    """Whether a question leans on an earlier one: it begins as one, points back, or says hardly anything."""
    if not any(turn.role == "user" and turn.content.strip() for turn in history):
        return False
    if _OPENING.match(question) or any(_points_back(question, at) for at in _POINTING.finditer(question)):
        return True
    if _ELLIPTIC.match(question):
        return len(terms(question)) <= _SHORT
    said = len(terms(question))
    return not said or (said <= _FEW and len(words(question)) <= _BRIEF and not _DEFINED.match(question))


def may_follow(question: str, history: Sequence[Message]) -> bool:
    """Whether a question can be read either way: "How do I apply?" stands by itself, and leans on an earlier one."""
    if is_follow_up(question, history) or not any(turn.role == "user" and turn.content.strip() for turn in history):
        return False
    return len(terms(question)) <= _FEW and len(words(question)) <= _PERHAPS and not _DEFINED.match(question)


def _points_back(question: str, at: re.Match[str]) -> bool:
    """Whether a pointing word means something outside of its question."""
    return not (_ONESELF.match(at.group()) and len(terms(question[: at.start()])) >= _NAMED)


def carried_over(question: str, history: Sequence[Message]) -> str:
    """The question behind the last one that stood by itself, which says what it is about."""
    asked = [turn.content.strip() for turn in history if turn.role == "user" and turn.content.strip()]
    at = len(asked) - 1
    while at > 0 and is_follow_up(asked[at], history[:1]):
        at -= 1
    return " ".join([*(one[:_LONGEST_SUBJECT] for one in asked[at:]), question])
