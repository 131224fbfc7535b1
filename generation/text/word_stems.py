"""Words as they are compared: folded, stemmed, without the ones that say nothing."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import Stemmer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_STOP = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing don't down during each else few for from further get gets got had has have having he her
    here hers him his how i if in into is it its it's just let like may me might more most must my no nor not now of off
    on once one only or other our ours out over own per please same shall she should so some such tell than that the
    their theirs them then there these they this those through to too under until up upon us use used using very was way
    we were what what's when where which while who whom whose why will with within without would you your yours
    there's i'm i've we've i'll many much need needs want wants work works happen happens company company's kind make
    find long often someone something know explain describe give show anyone can't won't who's how's""".split()  # noqa: SIM905
)
_ENGLISH = Stemmer.Stemmer("english", 0)
_STEMMING = threading.Lock()
"""Snowball's stemmer works in a buffer of its own: one thread at a time."""


def words(text: str) -> list[str]:
    """The words of a text in order, case and accents folded."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)).replace("’", "'"))


def is_small(word: str) -> bool:
    """Whether it is a word that says nothing by itself."""
    return word in _STOP


def terms(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in _STOP)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without its inflection, by Snowball's English stemmer (Porter 2); words of other languages mostly pass.

    https://snowballstem.org/algorithms/english/stemmer.html
    """
    with _STEMMING:
        return str(_ENGLISH.stemWord(word))
