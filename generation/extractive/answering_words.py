"""Which words of a sentence answer a question: the amount, the date, the name that is asked for.

They are shown in bold. Where the kind of question doesn't tell what to look for, the whole sentence is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from generation.extractive.question_kinds import MONTH, NAME, NUMBER, ROLE, UNITS, Asking, Kind
from generation.text.word_stems import is_small, stem, words

_MOST_WORDS = 40
"""A longer sentence has no one thing in it that is worth marking."""
_AMOUNT = (
    rf"(?:up to |at least |at most )?(?:[$€£]\s?)?\b{NUMBER}(?:\s?%|[kKmM]\b)?"
    rf"(?:[\s-](?:(?:business|working|calendar)[\s-])?(?:{UNITS}|dollars|euros|percent|hours?)\b)?"
    r"(?:(?:/| per | a | an | each )(?:day|night|week|month|quarter|year|person|trip|pay period))?"
)
_SPAN = rf"(?:within |at least |up to )?\b{NUMBER}\)?[\s-]*(?:(?:business|working|calendar)[\s-])?(?:{UNITS})\b"
_OFTEN = (
    r"\b(?:every(?: other)?|each|once an?|twice an?) \w+\b"
    r"|\b(?:bi-?)?(?:daily|weekly|monthly|quarterly|annually|yearly)\b"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_OF = r"(?: of (?:the|each|every) month)?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_TIME = (
    rf"\b(?:(?:every(?: other)?|by|before|until|on|the)\s)?(?:first |last |second )?{_WEEKDAY}{_OF}\b"
    rf"|\b(?:{_DAY} )?(?:{MONTH})\.?(?: {_DAY}\b)?(?:,? \d{{4}})?\b|\b\d{{4}}-\d\d(?:-\d\d)?\b"
    r"|\b\d{1,2}(?:[:.]\d\d)? ?(?:[ap]\.?m\.?|UTC|[EP]S?T)(?!\w)|\b\d{1,2}:\d\d\b|\b(?:the )?\d{1,2}(?:st|nd|rd|th)\b"
    r"|\b(?:on|at|by|before|after|until) (?:the |your )?(?:first|last|end|start|beginning)(?: \w+){0,3}"
)
_VERDICT = (
    r"^\W*(?:a: ?)?(?:yes|yep|no)\b"
    r"|\b(?:(?:do|does|is|are|can|may|must|should|will)\s(?:not|never)|cannot|\w+n['’]t)(?: \w+)?"
    r"|\b(?:may|can|must|should|allowed|required|never|only)\b"
)
_PUNCTUATION = re.compile(r"(?<=\d)[.,]+$")
_WANTED: Mapping[Kind, tuple[re.Pattern[str], ...]] = {
    "amount": (re.compile(_AMOUNT, re.I),),
    "duration": (re.compile(_SPAN, re.I), re.compile(_OFTEN, re.I)),
    "time": (re.compile(_TIME, re.I), re.compile(rf"{_SPAN}|{_OFTEN}", re.I)),
    "person": (
        re.compile(rf"{NAME}|@\w[\w.-]*"),
        re.compile(rf"\b(?:(?:your|the|our) )?(?:[\w&-]+ )?(?:{ROLE})\b", re.I),
    ),
    "yes-no": (re.compile(_VERDICT, re.I),),
}


def answering_words(question: str, asking: Asking, sentence: str) -> tuple[int, int] | None:
    """Start and end, in characters of ``sentence``, of what of it answers the question; None: nothing to mark.

    Of several amounts, dates or names the one nearest to the question's words counts, and none that the question has.
    """
    asked = frozenset(stem(word) for word in words(question) if not is_small(word))
    said = frozenset[str]() if asking.kind == "yes-no" else asked
    for form in _WANTED.get(asking.kind, ()):
        found = [one.span() for one in form.finditer(sentence) if not _repeats(one.group(), said)]
        if found:
            start, end = max(found, key=lambda span: (_nearness(span, sentence, asked), -span[0]))
            return start, start + len(_PUNCTUATION.sub("", sentence[start:end]))
    return (0, len(sentence)) if len(sentence.split()) <= _MOST_WORDS else None


def _repeats(said: str, asked: frozenset[str]) -> bool:
    """Whether the question says it itself."""
    own = frozenset(stem(word) for word in words(said) if not is_small(word))
    return bool(own & asked) and own <= asked


def _nearness(span: tuple[int, int], sentence: str, asked: frozenset[str]) -> float:
    """How close the question's words stand to a span, in words between."""
    before, after = words(sentence[: span[0]])[::-1], words(sentence[span[1] :])
    return sum(
        1 / (1 + distance) for side in (before, after) for distance, word in enumerate(side) if stem(word) in asked
    )
