"""The hard facts of a sentence: numbers with their units, dates, times of day, names, and whether it denies something.

A fact is compared with those of a source by what it means, not by how it is written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from generation.verification.dates import (
    Day,
    TimeOfDay,
    read_dates,
    read_times,
    read_weekdays,
    weekday_name,
)
from generation.verification.names import name_keys, named_in, read_identifiers, read_names
from generation.verification.quantities import Quantity, read_quantities

_DENIES = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|cant|unable)\b|n['’]t\b"
    r"|\bnon-(?=\w)"
    r"|\b(?:nicht|kein\w*|nie|ohne|ne\s+\w+\s+pas|jamais|sans|nunca|sin)\b",
    re.IGNORECASE,
)
_MAY_DENY = re.compile(
    r"\b(?:un(?!der|i|til|less)\w{3,}|in(?:eligible|valid|complete|accurate|frequent|sufficient|ability)\w*|non\w+"
    r"|dis(?:allow|approv|agree|qualif|continu)\w*|\w+less|lack\w*|fail\w*|refus\w*|forbid\w*|forbad\w*|forbidden"
    r"|prohibit\w*|ban(?:s|ned)?|avoid\w*|only|unless|except\w*|instead|rather|rare|rarely|hardly|seldom|few|little"
    r"|stop\w*|prevent\w*|exclud\w*|reject\w*|den(?:y|ies|ied)|miss\w*|free|against|limited|optional\w*|waive\w*"
    r"|before|until|than|turn\w* off|any|enough|remove\w*|block\w*|impossible|exempt\w*|most|least|beyond|neglect\w*"
    r"|(?:stay|remain|keep)\w* (?:as|the same|unchanged)|decline\w*|restrict\w*|absen\w+|other than|too|void)\b",
    re.IGNORECASE,
)
_IDLE_DENIAL = re.compile(
    r"\b(?:no\.?\s?\d|not only|no later than|no more than|no less than|whether or not|if not)\b", re.I
)
_HALF_DAY_H = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What one sentence, or a few of them, say that can be compared.

    Attributes:
        names: as written; ``keys`` are what the words may be called by.
        denies: it says that something is not so. ``may_deny``: it may, in other words than "not".
    """

    quantities: tuple[Quantity, ...] = ()
    days: tuple[Day, ...] = ()
    times: tuple[TimeOfDay, ...] = ()
    weekdays: frozenset[int] = frozenset()
    identifiers: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    denies: bool = False
    may_deny: bool = False

    @property
    def hard(self) -> bool:
        """Whether there is anything that a source must say."""
        stated = any(not quantity.idle for quantity in self.quantities)
        return bool(stated or self.days or self.times or self.weekdays or self.identifiers or self.names)

    @classmethod
    def merged(cls, parts: Iterable[Facts]) -> Facts:
        """Those of several sentences together."""
        every = list(parts)
        return cls(
            quantities=tuple(one for part in every for one in part.quantities),
            days=tuple(one for part in every for one in part.days),
            times=tuple(one for part in every for one in part.times),
            weekdays=frozenset().union(*(part.weekdays for part in every)),
            identifiers=frozenset().union(*(part.identifiers for part in every)),
            names=tuple(one for part in every for one in part.names),
            keys=frozenset().union(*(part.keys for part in every)),
            denies=any(part.denies for part in every),
            may_deny=any(part.may_deny for part in every),
        )


@lru_cache(maxsize=8192)
def facts_of(text: str) -> Facts:
    """The facts of a text, which is a sentence, a heading or a title."""
    text = unicodedata.normalize("NFKC", text).replace("\u2011", "-")
    identifiers, rest = read_identifiers(text)
    days, rest = read_dates(rest)
    times, rest = read_times(rest)
    plain = _IDLE_DENIAL.sub(" ", text)
    return Facts(
        quantities=tuple(read_quantities(rest)),
        days=tuple(days),
        times=tuple(times),
        weekdays=read_weekdays(rest),
        identifiers=identifiers,
        names=tuple(dict.fromkeys(read_names(rest))),
        keys=name_keys(text),
        denies=_DENIES.search(plain) is not None,
        may_deny=_MAY_DENY.search(text) is not None or plain != text,
    )


def missing(claim: Facts, source: Facts) -> list[str]:
    """The claim's facts that the source doesn't say, as they are written in the claim; see :meth:`Quantity.said_by`."""
    found = [one.text for one in claim.quantities if not one.idle and not _counts(one, source)]
    found += [one.text for one in claim.days if not _dated(one, source)]
    found += [one.text for one in claim.times if not _timed(one, source)]
    found += [weekday_name(one) for one in sorted(claim.weekdays - source.weekdays)]
    found += sorted(one for one in claim.identifiers if not _identified(one, source))
    found += [one for one in claim.names if not named_in(one, source.keys)]
    return list(dict.fromkeys(found))


def _counts(one: Quantity, source: Facts) -> bool:
    if any(one.said_by(other) for other in source.quantities):
        return True
    if one.unit and one.measured:
        return False
    hours = {Decimal(time.minutes) / 60 for time in source.times}
    if one.value in hours or one.value + _HALF_DAY_H in hours:
        return True
    return any(one.value in (day.year, day.day) for day in source.days)


def _dated(one: Day, source: Facts) -> bool:
    years = {day.year for day in source.days} | {int(q.value) for q in source.quantities if q.value == int(q.value)}
    for other in source.days:
        if one.said_by(other) and (one.year is None or other.year is not None or one.year in years):
            return True
    return one.month == 0 and one.year in years


def _timed(one: TimeOfDay, source: Facts) -> bool:
    if any(one.said_by(other) for other in source.times):
        return True
    hour = Decimal(one.minutes) / 60
    bare = {quantity.value for quantity in source.quantities if not quantity.measured}
    return hour in bare or hour - _HALF_DAY_H in bare


def _identified(one: str, source: Facts) -> bool:
    if any(one in other for other in source.identifiers):
        return True
    return named_in(one, source.keys)


def contradicts(claim: Facts, sentence: Facts) -> bool:
    """Whether one of them denies what the other says: one has a "not", and the other nothing that may stand for it."""
    if claim.denies == sentence.denies:
        return False
    other = sentence if claim.denies else claim
    return not other.may_deny


def without_list_mark(text: str) -> str:
    """A line without what makes it an item, a quotation or a heading of Markdown: those say nothing."""
    return re.sub(r"^\s*(?:[-*•+>#]+\s+|\(?\d{1,3}[.)]\s+)+", "", text)


def texts_of(parts: Sequence[str]) -> Facts:
    """The facts of several texts together."""
    return Facts.merged(facts_of(part) for part in parts if part)
