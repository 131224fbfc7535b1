"""What of a question is looked for as a phrase, and the words that tell nothing."""

from __future__ import annotations

import re
from itertools import pairwise

# Snowball's English list, and what Lucene's has beside it. Contractions go before words are split at apostrophes: the
# letters that would be left of them (t, s, d) are words of their own in "T cell" and "vitamin D".
_STOP_WORDS = """
a an the and but if or because as until while of at by for with about against between into through during before after
above below to from up down in out on off over under again further then once here there when where why how
all any both each few more most other some such no nor not only own same so than too very
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves what which who whom this that these those
am is are was were be been being have has had having do does did doing
would should could ought can will
i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd
i'll you'll he'll she'll we'll they'll isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't
won't wouldn't shan't shouldn't can't cannot couldn't mustn't
let's that's who's what's here's there's when's where's why's how's
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
MOST = 8
"""Phrases of a question. Each costs a search of its own; a question of a sentence or two has no more."""
_STEM, _ENDING = 5, 6
"""Letters that a stem has at least, and that a stemmer takes from a word at most."""
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_BREAK = re.compile(r"[.?!;:]\s")


def phrases(question: str) -> list[str]:
    """The first pairs of neighbouring words that tell something, each with the stop words between them, as asked.

    "What is the cost of living in Oslo?" gives "cost of living" and "living in Oslo": a passage that has them as they
    stand means them so more often than one that has the words somewhere.
    """
    words = [word for word in _WORD.finditer(question) if _plain(word.group()) not in STOP_WORDS]
    pairs: dict[str, str] = {}
    for first, second in pairwise(words):
        if len(pairs) == MOST:
            break
        if not _BREAK.search(question, first.end(), second.start()):
            text = question[first.start() : second.end()]
            pairs.setdefault(_plain(text), text)
    return list(pairs.values())


def beginnings(word: str) -> list[str]:
    """What a misspelt word may have in common with the stem of the one that is meant: ``procur`` of "procuremnt"."""
    return [word[:end] for end in range(len(word) - 1, max(_STEM, len(word) - _ENDING) - 1, -1)]


def only_stop_words(question: str) -> bool:
    """Whether it has words, and none of them tells anything: the lexical leg can't find anything by it."""
    words = [_plain(word.group()) for word in _WORD.finditer(question)]
    return bool(words) and STOP_WORDS.issuperset(words)


def _plain(text: str) -> str:
    return text.casefold().replace("\u2019", "'")
