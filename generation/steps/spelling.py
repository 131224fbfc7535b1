"""Words of a question that no passage has, mended by those of the passages that its reader may read.

Words of other passages are never looked at: what is mended tells nobody that a hidden document has a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.chunk import Chunk
from generation.question import Question
from generation.text.word_stems import is_small, terms

if TYPE_CHECKING:
    from generation.steps.retrieve import PassageSearch
    from retrieval.hit import SearchHit

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST, _CHANGED, _LONG = 5, 7, 9
"""Letters of a word that is mended, of one in which a letter may stand for another, and of one in which two may be
wrong: "tower" and "towel", "ticker" and "ticket" are other words."""
_MOST_LETTERS = 40
_MOST_WORDS = 3
"""Words of a question that are looked up: each costs a search."""
_PASSAGES = 80


def mendings(search: PassageSearch, question: Question, hits: Sequence[SearchHit]) -> dict[str, str]:
    """What misspelt words of the question are meant to be, by the words as they are written.

    Args:
        hits: what the question found. A word that one of these passages has isn't misspelt, and costs no search.

    Raises:
        IndexUnavailable: the index doesn't answer.
    """
    found: dict[str, str] = {}
    for written in _suspects(question.text, hits):
        near = search.spelt_nearly(written.casefold(), question.principal, question.filters, _PASSAGES)
        meant = _meant(written, near)
        if meant:
            found[written] = meant
    return found


def mended(text: str, meant: Mapping[str, str]) -> str:
    """The text with these words mended."""
    return _WORD.sub(lambda match: meant.get(match.group(), match.group()), text)


def _suspects(question: str, hits: Sequence[SearchHit]) -> list[str]:
    """Words that no hit has. Stemming passages takes most of the time: the best ones have nearly all, and end it."""
    left = {
        word: stems
        for word in _WORD.findall(question)
        if _SHORTEST <= len(word) <= _MOST_LETTERS and not is_small(word.casefold()) and (stems := terms(word))
    }
    for hit in hits:
        if not left:
            break
        held = terms(hit.chunk.search_text)
        left = {word: stems for word, stems in left.items() if not stems <= held}
    return list(left)[:_MOST_WORDS]


def _meant(word: str, chunks: Sequence[Chunk]) -> str | None:
    """The word of the passages that is nearest; of several the one that most of them have, as it is written there.

    It begins alike, for few get the first letter wrong; and a name is mended by a name: "Seattle" isn't "settle".
    """
    folded = word.casefold()
    most = 2 if len(word) >= _LONG else 1
    named = word[:1].isupper()
    letters = set(folded)
    forms: dict[str, Counter[str]] = {}
    for chunk in chunks:
        for form in set(_WORD.findall(chunk.search_text)):
            near = abs(len(form) - len(word)) <= most and form[0].casefold() == folded[0]
            if near and len(letters ^ set(form.casefold())) <= 2 * most and (form[:1].isupper() or not named):
                forms.setdefault(form.casefold(), Counter())[form] += 1
    edits = {one: distance(folded, one) for one in forms if len(word) >= _CHANGED or not _one_changed(folded, one)}
    best = min(edits, key=lambda one: (edits[one], -forms[one].total(), one), default="")
    if not best or edits[best] > most:
        return None
    return best if best in forms[best] and not named else forms[best].most_common(1)[0][0]


def _one_changed(one: str, other: str) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def distance(one: str, other: str) -> int:
    """How many letters to put in, leave out, change, or change places with the next one, each letter once at most.

    https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance, "optimal string alignment".
    """
    last: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        earlier, last, row = last, row, [at]
        for to, opposite in enumerate(other, start=1):
            least = min(last[to] + 1, row[to - 1] + 1, last[to - 1] + (letter != opposite))
            if earlier and to > 1 and letter == other[to - 2] and one[at - 2] == opposite:
                least = min(least, earlier[to - 2] + 1)
            row.append(least)
    return row[-1]
