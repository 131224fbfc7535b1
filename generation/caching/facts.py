"""Whether two questions that mean about the same ask for the same: their hard facts must be equal.

An embedder puts "in 2023" beside "in 2024", and "may I" beside "may I not". What decides an answer are numbers,
negations, names, dates, what kind of thing is asked for, and opposites; each of these is read by rule here.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from generation.text.word_stems import terms

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
)
_SMALL += "eighteen nineteen twenty"
_NUMBERS = {word: str(value) for value, word in enumerate(_SMALL.split())}
_NUMBERS |= {
    word: str(10 * value)
    for value, word in enumerate(["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 3)
}
_NUMBERS |= {"hundred": "100", "thousand": "1000", "first": "1", "second": "2", "third": "3", "fourth": "4"}
_NUMBERS |= {"half": "1/2", "twice": "2", "once": "1", "double": "2"}
_DATES = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "q1",
        "q2",
        "q3",
        "q4",
        "spring",
        "summer",
        "autumn",
        "winter",
        "today",
        "tomorrow",
        "yesterday",
    ]
)
_NOT = re.compile(r"\b(?:not|no|never|none|nobody|nothing|without|cannot|neither|nor|except|unless|\w+n['’]t)\b", re.I)
_WORD = re.compile(r"\w+(?:[.'’&/-]\w+)*")
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_KINDS = {
    "who": re.compile(r"\b(?:who|whom|whose|which (?:person|team|role))\b", re.I),
    "when": re.compile(r"\b(?:when|what (?:time|date|day)|how (?:soon|early|late)|deadline)\b", re.I),
    "where": re.compile(r"\b(?:where|which (?:place|page|channel|address))\b", re.I),
    "how many": re.compile(r"\bhow (?:much|many|long|often|far|big|high)\b|\b(?:number|amount) of\b", re.I),
    "why": re.compile(r"\b(?:why|what for|reasons?|how come|purpose)\b", re.I),
}
_OPPOSITES = [
    tuple(pair.split("/"))
    for pair in [
        "before/after",
        "start/end",
        "begin/end",
        "start/stop",
        "open/close",
        "min/max",
        "minimum/maximum",
        "least/most",
        "in/out",
        "up/down",
        "paid/unpaid",
        "add/remove",
        "join/leave",
        "enable/disable",
        "internal/external",
        "increase/decrease",
        "more/less",
        "above/below",
        "full/part",
        "buy/sell",
        "hire/fire",
        "accept/reject",
        "accept/decline",
        "approve/reject",
        "public/private",
        "old/new",
        "lowest/highest",
        "first/last",
        "maternity/paternity",
        "create/delete",
        "send/receive",
        "request/cancel",
        "inside/outside",
        "allow/forbid",
        "early/late",
    ]
]


def same_facts(one: str, other: str) -> bool:
    """Whether both have the same numbers, dates and names, negate alike, and ask for the same kind of thing."""
    return all(read(one) == read(other) for read in (_numbers, _dates, _negations, _kind, _names)) and not _opposed(
        one, other
    )


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _numbers(text: str) -> AbstractSet[str]:
    digits = {found.replace(",", "") for found in _DIGITS.findall(text)}
    return digits | {_NUMBERS[part] for word in _words(text) for part in re.split("[-/]", word) if part in _NUMBERS}


def _dates(text: str) -> AbstractSet[str]:
    # "May" is a month only where it is written as one within the sentence.
    words = _WORD.findall(text)
    may = {"may"} if any(word == "May" for word in words[1:]) else set()
    return {word.casefold() for word in words if word.casefold() in _DATES - {"may"}} | may


def _negations(text: str) -> int:
    return len(_NOT.findall(text)) % 2


def _kind(text: str) -> AbstractSet[str]:
    return {kind for kind, pattern in _KINDS.items() if pattern.search(text)}


def _names(text: str) -> AbstractSet[str]:
    """Words that are written as names: with a capital within the sentence, or with capitals or digits within the word.

    A name that opens the sentence is told from any other word only by its form.
    """
    found = set()
    for place, word in enumerate(_WORD.findall(text)):
        inner = any(letter.isupper() or letter.isdigit() for letter in word[1:])
        if inner or (place and word[0].isupper() and word not in {"I", "I'm", "I'd", "I've", "I’m", "I’d", "I’ve"}):
            found |= set(terms(word)) or {word.casefold()}
    return found


def _opposed(one: str, other: str) -> bool:
    mine, theirs = set(_words(one)), set(_words(other))
    mine, theirs = mine - theirs, theirs - mine
    return any((a in mine and b in theirs) or (b in mine and a in theirs) for a, b in _OPPOSITES)
