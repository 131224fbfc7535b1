"""Sentences in slightly other words, and sentences that say something else than their source."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from eval.answers.corruption import corrupted_by

_LEADING = re.compile(
    r"^(?P<lead>(?:In|On|At|After|Before|When|While|If|As|During|For|Since|By|With)\b[^,]{3,60}), (?P<rest>\w.{15,})$"
)
_ASIDE = re.compile(r" \([^)]{2,60}\)|, (?:which|who|also|however|for example|such as)\b[^,.]{3,60}(?=[,.])")
_ENDING = re.compile(
    r"(?:, (?:and|but|so|because|although|while|with|as)\b| because | although | so that )[^,.]{8,90}(?=\.$)"
)
_WORDS = {
    "also": "too", "however": "but", "must": "has to", "can": "is able to", "may": "might", "because": "since",
    "about": "roughly", "many": "a lot of", "often": "frequently", "large": "big", "begin": "start",
    "began": "started", "help": "assist", "get": "receive", "use": "make use of", "used": "employed",
    "show": "demonstrate", "shows": "displays", "first": "initially", "located": "situated", "called": "known as",
    "became": "turned into", "several": "a number of", "information": "data", "collect": "gather",
    "provide": "supply", "provides": "supplies", "such as": "like", "including": "among them", "whole": "entire",
    "during": "in the course of", "need": "require", "needs": "requires", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "people": "persons",
    "area": "region", "important": "significant", "near": "close to", "film": "movie", "built": "constructed",
    "made": "produced", "died": "passed away", "won": "was victorious in", "chief": "main", "almost": "nearly",
    "usually": "normally", "various": "different", "but": "yet", "mainly": "mostly",
}  # fmt: skip
_OPPOSITES = {
    "first": "last", "before": "after", "after": "before", "more": "less", "most": "least", "largest": "smallest",
    "highest": "lowest", "increase": "decrease", "increased": "decreased", "always": "never", "all": "none of the",
    "only": "not only", "north": "south", "east": "west", "northern": "southern", "eastern": "western",
    "won": "lost", "early": "late", "old": "new", "older": "younger", "high": "low", "large": "small",
    "small": "large", "long": "short", "male": "female", "his": "her", "husband": "wife", "father": "mother",
    "son": "daughter", "began": "ended", "allowed": "forbidden", "with": "without", "many": "few", "above": "below",
    "best": "worst", "may": "must", "must": "may", "internal": "external", "public": "private",
    "published": "banned", "born": "died", "joined": "left", "success": "failure", "successful": "unsuccessful",
    "positive": "negative", "major": "minor", "upper": "lower", "several": "no", "some": "no", "every": "no",
    "former": "current", "older than": "younger than",
}  # fmt: skip


def reworded(text: str, drawn: random.Random) -> str:
    """A sentence that its source still supports: a part left out or moved, some words replaced."""
    if drawn.randrange(2) and (match := _LEADING.match(text)):
        end = match["rest"].rstrip(".")
        text = f"{end[:1].upper()}{end[1:]} {match['lead'][:1].lower()}{match['lead'][1:]}."
    if drawn.randrange(3):
        text = _ASIDE.sub("", text)
    if drawn.randrange(2):
        text = _ENDING.sub("", text)
    return _replaced(text, _WORDS, drawn, most=3) or text


def changed(text: str, others: Sequence[str], drawn: random.Random) -> str | None:
    """A sentence that its source doesn't support any more: one thing in it is another one. None: nothing can be."""
    ways: list[Callable[[], str | None]] = [
        lambda: _replaced(text, _OPPOSITES, drawn, most=1),
        lambda: corrupted_by(text, others, drawn),
    ]
    drawn.shuffle(ways)
    return next((found for way in ways if (found := way()) not in (None, text)), None)


def _replaced(text: str, words: dict[str, str], drawn: random.Random, *, most: int) -> str | None:
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")
    found = list(pattern.finditer(text))
    for match in sorted(drawn.sample(found, min(most, len(found))), key=lambda one: -one.start()):
        text = text[: match.start()] + words[match.group()] + text[match.end() :]
    return text if found else None
