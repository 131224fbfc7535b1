"""Questions that ask for nothing in particular: "travel", "Tell me about leave", "Where do I start?"."""

from __future__ import annotations

import re

from generation.steps.parts import asks
from generation.text.word_stems import terms, words

_FILLER = re.compile(
    r"^\W*(?:please )?(?:(?:can|could) you )?(?:"
    r"(?:tell|show|give|explain)(?: (?:me|us))?(?: (?:something|anything|everything|all|more))?(?: (?:about|on|of))? "
    r"|(?:something|anything|everything|info(?:rmation)?|details|help|more|what|how) (?:about|on|with|regarding) )"
    r"(?:the |our |your )?",
    re.IGNORECASE,
)
_ONE = re.compile(r"^\W*(?:what|who)(?:['’]s| is| was)\b", re.IGNORECASE)
_WORDS, _LONGER = 3, 5
_MOST = 2
"""Words of content of a subject."""


def subject_of(question: str) -> str | None:
    """The subject that a question names without asking anything of it; None where it asks something."""
    filler = _FILLER.match(question)
    rest = question[filler.end() :] if filler else question
    rest = rest.strip(" ?!.,;:")
    if asks(rest) or not 1 <= len(terms(rest)) <= _MOST or len(words(rest)) > _WORDS:
        return None
    return rest


def says_little(question: str) -> bool:
    """Whether it has a single word of content, and isn't after what one thing is."""
    if subject_of(question) is not None:
        return True
    return len(terms(question)) == 1 and len(words(question)) <= _LONGER and not _ONE.match(question)
