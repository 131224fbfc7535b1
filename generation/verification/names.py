"""Names, and what is written with digits or marks inside of words: addresses, versions, files, channels."""

from __future__ import annotations

import re

from generation.text.word_stems import stem, words

_IDENTIFIER = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<!\w)[#@][A-Za-z][\w-]+"
    r"|(?<![\w./-])(?:\w[\w-]*)?(?:[./][\w-]+){2,}"  # 5.3.0, a/b/c
    r"|(?<![\w.-])[\w-]+\.(?:com|org|net|gov|io|dev|md|html?|pdf|docx?|xlsx?|csv|ya?ml|json|toml|txt|py|js|ts|go|sh)\b"
    r"|(?<![\w.,$€£-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?!\d+(?:-\w+)?\b(?<=\d))[A-Za-z]+[\w-]*\d[\w-]*"  # H4, W-2
    r"|(?<![\w.,-])\d+[A-Za-z]+\d[\w-]*"  # 12h30
)
_NOT_IDENTIFIER = re.compile(r"^(?:Q[1-4]|FY\d+|\d{1,2}([./])\d{1,2}\1(?:19|20)?\d\d)$")
_NAME = re.compile(r"(?<![\w@#./-])[A-Z][\w]*(?:[’'][A-Z]\w+)?")
_OPENS = re.compile(r"(?:^|[.!?:;]\s|[\"“'(\[]|\n\s*(?:[-*•|]\s*)?)[\"“'(\[*_`]*$")
_AMERICAN = re.compile(r"\b(?:[A-Z]\.){2,}")
_ENGLISH = frozenset(
    """
        the a an of to is are was be and in for you your we our it that this with on by as at from or can may
        must not they their who which have has will if
    """.split()  # noqa: SIM905
)
_SAID_ANYHOW = frozenset(
    """
        i i'm i'll i've i'd ok okay english monday tuesday wednesday thursday friday saturday sunday mondays
        tuesdays wednesdays thursdays fridays saturdays sundays january february march april may june july
        august september october november december am pm jan feb mar apr jun jul aug sep sept oct nov dec q1
        q2 q3 q4 mon tue wed thu fri sat sun usd eur gbp chf
    """.split()  # noqa: SIM905
)
_ENOUGH_WORDS = 4
_SHORTEST_ACRONYM = 2
_INITIALS = "^"
"""Opens a key that is made of initials."""


def read_identifiers(text: str) -> tuple[frozenset[str], str]:
    """Addresses, versions, files, channels, codes as ``H4``, folded; and the text with blanks where they stand."""
    found: set[str] = set()

    def note(match: re.Match[str]) -> str:
        written = match.group().rstrip(".,;:!?/-")
        if _NOT_IDENTIFIER.match(written):
            return match.group()
        found.add(written.casefold())
        return " " * len(written) + match.group()[len(written) :]

    rest = _IDENTIFIER.sub(note, text)
    return frozenset(found), rest


def read_names(text: str) -> list[str]:
    """Capitalised words of an English sentence that don't open it, and those with further capitals anywhere.

    None in other languages: German writes every noun so.
    """
    text = _AMERICAN.sub(lambda match: match.group().replace(".", "") + " " * match.group().count("."), text)
    if not _is_english(text):
        return []
    return [
        match.group()
        for match in _NAME.finditer(text)
        if match.group().casefold() not in _SAID_ANYHOW
        and (_inner_capital(match.group()) or not _OPENS.search(text[max(0, match.start() - 8) : match.start()]))
    ]


def _inner_capital(word: str) -> bool:
    return any(character.isupper() for character in word[1:])


def _is_english(text: str) -> bool:
    said = words(text)
    return len(said) < _ENOUGH_WORDS or not _ENGLISH.isdisjoint(said)


def name_keys(text: str) -> frozenset[str]:
    """What a text's words may be called by: their stems, and initials of neighbours, as ``hr`` of human resources."""
    said = [word.removesuffix("'s") for word in words(_AMERICAN.sub(lambda m: m.group().replace(".", ""), text))]
    keys = {stem(word) for word in said}
    for length in (2, 3, 4):
        for at in range(len(said) - length + 1):
            keys.add(_INITIALS + "".join(word[0] for word in said[at : at + length]))
    keys.update("".join(said[at : at + 2]) for at in range(len(said) - 1))  # git hub, pull-request
    return frozenset(keys)


def named_in(name: str, keys: frozenset[str]) -> bool:
    """Whether a text with these keys says the name: every part of it, its plural or possessive, or its long form."""
    parts = [word.removesuffix("'s") for word in words(name)]
    if all(stem(part) in keys or part in keys for part in parts):
        return True
    initials = len(name) >= _SHORTEST_ACRONYM and name.rstrip("s").isupper()
    return initials and _INITIALS + name.rstrip("s").casefold() in keys
