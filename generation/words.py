"""Words as they are compared: folded, stemmed, without the ones that say nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_STOP = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing don't down during each else few for from further get gets got had has have having he her
    here hers him his how i if in into is it its it's just let like may me might more most must my no nor not now of off
    on once one only or other our ours out over own per please same shall she should so some such tell than that the
    their theirs them then there these they this those through to too under until up upon us use used using very was way
    we were what what's when where which while who whom whose why will with within without would you your yours
    there's i'm i've we've many much need needs want work works happen happens company company's kind make find
    long often someone something know explain describe give show anyone""".split()  # noqa: SIM905
)
_MIN_STEM = 3


def words(text: str) -> list[str]:
    """The words of a text in order, case and accents folded."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)).replace("’", "'"))


def terms(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in _STOP)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without its inflection, roughly: plural, -ing, -ed, -ly, -er, -ment, -ation. English; others pass."""
    word = word.removesuffix("'s")
    for suffix, instead in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM and not word.endswith(("ss", "us", "is")):
            word = word.removesuffix(suffix) + instead
            break
    for suffix in ("ations", "ation", "ments", "ment", "ingly", "edly", "ing", "ed", "ly", "er", "al", "able"):
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM:
            word = word.removesuffix(suffix)
            break
    if len(word) > _MIN_STEM and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > _MIN_STEM else word
