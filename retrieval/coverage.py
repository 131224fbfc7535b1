"""How far the words of a question are found in the passages that have most of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import Stemmer

from retrieval.index.cjk import with_bigrams
from retrieval.index.phrases import STOP_WORDS

_WORD = re.compile(r"[^\W_]+")


def coverage(question: str, passages: Sequence[str]) -> float:
    """The largest share of the question's words that one of the passages has, from 0 to 1.

    Words are compared as the lexical leg compares them: case and accents folded, stemmed, stop words left out, Chinese,
    Japanese and Korean by pairs of characters. A question without any word is covered.
    """
    asked = _words(question)
    if not asked:
        return 1.0
    return max((len(asked & _words(passage)) / len(asked) for passage in passages), default=0.0)


def _words(text: str) -> frozenset[str]:
    folded = unicodedata.normalize("NFKD", with_bigrams(text.casefold()).replace("\u2019", "'"))
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    told = [word for word in _WORD.findall(plain) if word not in STOP_WORDS]
    return frozenset(Stemmer.Stemmer("english", 0).stemWords(told))  # one a call: its buffer is for one thread
