"""What kind of answer a question asks for, and how well a sentence has that form.

Forms are hints that move a sentence up or down, never a ground to answer or not to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from generation.text.word_stems import stem, words

Kind = Literal["amount", "duration", "time", "person", "definition", "yes-no", "steps", "other"]

_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("duration", re.compile(r"\bhow (?:long|old|soon|often|far back)\b", re.I)),
    ("amount", re.compile(r"\bhow (?:many|much)\b|\bwhat\b.*\b(?:price|cost|amount|limit|maximum|rate)\b", re.I)),
    ("time", re.compile(r"\bwhen\b|\b(?:what|which) (?:time|day|date|month|year)\b|\bdeadline\b", re.I)),
    ("person", re.compile(r"^\W*(?:\w+ )?(?:who|whom|whose)\b", re.I)),
    ("definition", re.compile(r"^\W*what(?:'s|’s| is| are| does)\s+(?:an? |the )?[\w&-]+(?: [\w&-]+){0,3}\W*$", re.I)),
    ("steps", re.compile(r"^\W*how (?:do|can|should|would|must|to|may|shall)\b", re.I)),
    ("yes-no", re.compile(r"^\W*(?:can|could|may|is|are|am|do|does|did|will|should|must|has|have)\b", re.I)),
)
MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?"
)
UNITS = r"minutes?|mins?|hours?|hrs?|days?|weeks?|months?|quarters?|years?|yrs?"
NUMBER = r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
_DURATION = re.compile(rf"\b{NUMBER}\)?[\s-]*(?:(?:business|working|calendar)[\s-])?(?:{UNITS})\b", re.I)
_EVERY = re.compile(r"\b(?:every|each|per|once|twice)\b|\b(?:dai|week|month|quarter|year|annual|bi-?week)ly\b", re.I)
_DATE = re.compile(
    rf"\b(?:{MONTH})\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day|\b\d{{4}}-\d\d|\b\d{{1,2}}[:.]\d\d\b"
    r"|\b\d{1,2}(?:st|nd|rd|th)\b|\b(?:first|last|end|start|beginning) (?:of|day)\b|\blast day\b",
    re.I,
)
_DIGIT = re.compile(rf"\d|\b{NUMBER}\b", re.I)
_PERSON = re.compile(r"\b[A-Z][a-zé]+ (?:[A-Z]\. )?(?:O['’])?[A-Z][a-zé]+\b|@\w")
ROLE = (
    r"managers?|teams?|directors?|officers?|heads?|leads?|vp|ce[oa]|c[ft]o|owners?|partners?|recruiters?|advisors?"
    r"|engineers?|teammates?|employees?|everyone|board|counsel"
)
_ROLE = re.compile(rf"\b(?:{ROLE})\b", re.I)
_VERDICT = re.compile(
    r"^\W*(?:a: ?)?(?:yes|yep|no|not)\b|\b(?:not|never|only|must|may|can|cannot|allowed|required)\b|n['’]t\b", re.I
)
_ACTS = (
    r"add|apply|ask|book|call|check|choose|click|complete|contact|copy|create|download|e-?mail|enter|fill|follow|go|head"
    r"|install|log|make|message|navigate|notify|open|order|post|reach|register|report|request|run|schedule|search|select"
    r"|send|sign|submit|talk|tell|type|use|visit|write"
)
_STEP = re.compile(
    rf"^\W*(?:\d{{1,2}}[.)]\s*)?(?:(?:please|then|first|next|simply|just)\W+)?(?:{_ACTS})\b"
    r"|\byou(?:['’]ll| will| can| should| must| may)?(?: need to| have to)? (?:do|use|request|ask|send|submit|report)\b"
    r"|^\W*(?:in order )?to \w+[^.]*, \w|\bplease\b|^\W*\d{1,2}[.)] ",
    re.I,
)
_COPULA = (
    r"[\"'”’*_)]*(?: \([^)]{1,60}\))?,? (?:is|are|was|means?|refers?|stands|provides?|offers?|houses?|helps?|allows?)\b"
)
_WHO_IS = re.compile(r"^\W*who(?:'s|’s| is| are)\s+(?:(?:the|our)((?: [\w&-]+){1,5})|([\w&-]+(?: [\w&-]+)?))\W*$", re.I)
NAME = r"[A-Z][a-zé]+ (?:[A-Z]\. )?(?:O['’])?[A-Z][a-zé]+"
_ABOVE, _BELOW, _DEFINES = 1.1, 0.82, 1.3


@dataclass(frozen=True, slots=True)
class Asking:
    """A question's kind; ``subject`` is what a definition is asked of, as a pattern for how a definition begins."""

    kind: Kind
    defines: re.Pattern[str] | None = None

    @classmethod
    def of(cls, question: str) -> Asking:
        """Read it off the question's words. English; a question of another language is ``other``."""
        kind: Kind = next((kind for kind, pattern in _KINDS if pattern.search(question)), "other")
        if kind == "definition":
            return cls(kind, _defining(question))
        if kind == "person" and (who := _WHO_IS.search(question)):
            return cls(kind, _naming(who.group(1) or who.group(2)))
        return cls(kind)

    def fit(self, text: str) -> float:
        """A factor for a sentence's score: above 1 where it has what is asked for, below where it lacks it."""
        if self.kind == "definition":
            return _DEFINES if self.defines is not None and self.defines.search(text) else 1.0
        if self.defines is not None:  # who somebody is
            return _DEFINES if self.defines.search(text) else _BELOW
        if self.kind == "person":
            return _ABOVE if _PERSON.search(text) or _ROLE.search(text) else _BELOW
        if self.kind == "steps":
            return _ABOVE if _STEP.search(text) else 1.0
        if self.kind == "yes-no":
            return _ABOVE if _VERDICT.search(text) else 1.0
        wanted = _FORMS.get(self.kind)
        return 1.0 if wanted is None else _ABOVE if any(form.search(text) for form in wanted) else _BELOW

    @property
    def one_fact(self) -> bool:
        """Whether a single sentence can answer it, and the rest of its section can't add to it."""
        return self.narrow and self.kind != "definition"

    @property
    def narrow(self) -> bool:
        """Whether one fact answers it, so that little else belongs in the answer."""
        return self.kind in ("amount", "duration", "time", "person", "definition")


_FORMS: dict[Kind, tuple[re.Pattern[str], ...]] = {
    "amount": (_DIGIT,),
    "duration": (_DURATION, _EVERY),
    "time": (_DATE, _DURATION, _EVERY),
}


def _naming(role: str) -> re.Pattern[str]:
    """``Ann Lee is the head of sales``, ``(Ann Lee), head of sales``, ``Head of Sales: Ann Lee``; names by capitals."""
    of = r"\W+".join(rf"(?i:{re.escape(word)})" for word in words(role))
    link = r"\W{0,3}(?:(?:is|are|am|was|serves as|as)\W)?(?:the |our )?"
    return re.compile(rf"{NAME}{link}{of}\b|\b{of}\W{{1,3}}(?:is\W)?{NAME}")


def _defining(question: str) -> re.Pattern[str] | None:
    asked = [
        word
        for word in words(question)
        if word not in ("what", "what's", "is", "are", "does", "mean", "a", "an", "the")
    ]
    if not asked:
        return None
    subject = r"\W+".join(rf"{re.escape(stem(word))}\w*" for word in asked)
    return re.compile(rf"^\W*(?:an? |the |our )?{subject}{_COPULA}|^\W*{subject}\W{{0,3}}[:–—] ", re.I)
