"""Dates, weekdays and times of day, however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from generation.verification import number_words

_MONTHS = """
    january february march april may june july august september october november december
""".split()  # noqa: SIM905
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTH = (
    r"(?P<month>Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|" + "|".join(m.capitalize() for m in _MONTHS) + r")\b\.?"
)
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>(?:19|20)\d\d)\b"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?![\d-])",
        rf"(?<![\w.]){_DAY}(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH}\s+{_DAY}(?![\d:%])(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH}(?:\s+of)?\s+{_YEAR}",
        r"\b(?P<quarter>Q[1-4])\b(?:\s+(?:of\s+)?(?:(?P<year>20\d\d)\b|FY\s?(?P<short>\d\d)\b))?",
        r"\b(?i:(?P<nth>first|second|third|fourth)\s+quarter)(?:\s+of\s+(?P<year>20\d\d)\b)?",
        r"\b(?:FY|(?i:fiscal year\s))\s?(?P<short>(?:20)?\d\d)\b",
    )
)
_NUMERIC = re.compile(r"(?<![\d./-])(\d{1,2})([/.])(\d{1,2})\2(\d{4}|\d{2})(?![\d/])")
_BARE = re.compile(rf"\b{_MONTH}(?!\s*\d)")
_WEEKDAY = re.compile(r"\b(Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun|Mondays?|Tuesdays?|Wednesdays?|Thursdays?|Fridays?"
                      r"|Saturdays?|Sundays?)\b")  # fmt: skip
_SPAN = re.compile(r"\s*(?:-|–|—|to|through)\s*")
_TIMES = re.compile(
    r"(?<![\w:.])(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>[ap])\.?m\b\.?"
    r"|(?P<clock>[01]?\d|2[0-3]):(?P<past>[0-5]\d)(?![\d:])"
    rf"|(?P<oclock>\d{{1,2}}|{number_words.PATTERN})\s+o['’]clock"
    r"|(?P<named>noon|midday|midnight)\b)",
    re.IGNORECASE,
)
_HALF_DAY, _DAY_MINUTES = 720, 1440
_QUARTERS = 100
"""Added to a quarter's number, so that it isn't a month's."""


@dataclass(frozen=True, slots=True)
class Day:
    """A date, or a part of one; ``month`` is 101-104 for a quarter, and 0 where only a (fiscal) year is named."""

    year: int | None
    month: int
    day: int | None
    text: str

    def said_by(self, other: Day) -> bool:
        """Whether ``other``, of a source, says the same day, as far as both of them go."""
        if (self.month, self.day) != (other.month, other.day) and not (self.month == other.month and self.day is None):
            return False
        return self.year is None or other.year is None or self.year == other.year


def read_dates(text: str) -> tuple[list[Day], str]:
    """The dates of a text, and the text with blanks where they stand. An ambiguous one, as 3/4/2025, is both days."""
    found: list[Day] = []
    for pattern in _DATES:
        text = pattern.sub(lambda match: _note(found, _day(match), match.group()), text)
    text = _NUMERIC.sub(lambda match: _note_all(found, _either(match), match.group()), text)
    text = _BARE.sub(lambda match: _note(found, _bare(match, text), match.group()), text)
    return found, text


def _note(found: list[Day], day: Day | None, written: str) -> str:
    return written if day is None else _note_all(found, [day], written)


def _note_all(found: list[Day], days: list[Day], written: str) -> str:
    found.extend(days)
    return " " * len(written) if days else written


def _day(match: re.Match[str]) -> Day | None:
    parts = match.groupdict()
    short = parts.get("short")
    year = int(parts["year"]) if parts.get("year") else None
    if short:
        year = int(short) if len(short) == 4 else 2000 + int(short)  # noqa: PLR2004
    if parts.get("quarter"):
        return Day(year, _QUARTERS + int(parts["quarter"][1]), None, match.group())
    if parts.get("nth"):
        return Day(year, _QUARTERS + number_words.ORDINALS[parts["nth"].casefold()], None, match.group())
    if not parts.get("month"):
        return Day(year, 0, None, match.group())
    month = int(parts["month"]) if parts["month"].isdigit() else _month(parts["month"])
    day = int(parts["day"]) if parts.get("day") else None
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):  # noqa: PLR2004
        return None
    return Day(year, month, day, match.group().strip(" ."))


def _bare(match: re.Match[str], text: str) -> Day | None:
    """A month by itself; "May" and "March" are other words too where a sentence begins with them."""
    word = match["month"]
    before = text[: match.start()].rstrip()
    if word in ("May", "March", "Mar", "Sept") and (not before or before[-1] in ".!?:\n*-"):
        return None
    return Day(None, _month(word), None, match.group().rstrip("."))


def _month(word: str) -> int:
    return next(at for at, month in enumerate(_MONTHS, start=1) if month.startswith(word.casefold()[:3]))


def _either(match: re.Match[str]) -> list[Day]:
    one, two, year = int(match[1]), int(match[3]), int(match[4])
    year += 2000 if year < 100 else 0  # noqa: PLR2004
    pairs = dict.fromkeys([(one, two), (two, one)])
    return [Day(year, m, d, match.group()) for m, d in pairs if 1 <= m <= 12 and 1 <= d <= 31]  # noqa: PLR2004


def read_weekdays(text: str) -> frozenset[int]:
    """The weekdays that are named, Monday 0, and those between two that a dash joins."""
    found: set[int] = set()
    last: tuple[int, int] | None = None
    for match in _WEEKDAY.finditer(text):
        day = next(at for at, name in enumerate(_DAYS) if name.startswith(match.group().casefold()[:3]))
        if last and _SPAN.fullmatch(text[last[1] : match.start()]):
            found.update((last[0] + step) % 7 for step in range((day - last[0]) % 7))
        found.add(day)
        last = day, match.end()
    return frozenset(found)


def calendar_word(word: str) -> str:
    """The weekday or month that a word names; empty where it names none."""
    plain = word.removesuffix("s")
    return plain if plain in _DAYS or plain in _MONTHS else ""


def weekday_name(day: int) -> str:
    """``Monday`` for 0."""
    return _DAYS[day].capitalize()


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """``minutes`` after midnight; ``either``: nothing says which half of the day."""

    minutes: int
    either: bool
    text: str

    def said_by(self, other: TimeOfDay) -> bool:
        """Whether ``other`` may be the same time."""
        if self.either or other.either:
            return self.minutes % _HALF_DAY == other.minutes % _HALF_DAY
        return self.minutes == other.minutes


def read_times(text: str) -> tuple[list[TimeOfDay], str]:
    """The times of day of a text, and the text with blanks where they stand."""
    found: list[TimeOfDay] = []
    for match in _TIMES.finditer(text):
        found.extend(_time(match))
    return found, _TIMES.sub(lambda match: " " * len(match.group()), text)


def _time(match: re.Match[str]) -> Iterator[TimeOfDay]:
    if match["named"]:
        yield TimeOfDay(0 if match["named"].casefold() == "midnight" else _HALF_DAY, either=False, text=match.group())
    elif match["oclock"]:
        said = match["oclock"]
        value = int(said) if said.isdigit() else int(number_words.value_of(said) or 0)
        yield TimeOfDay(value * 60 % _DAY_MINUTES, either=value <= 12, text=match.group())  # noqa: PLR2004
    elif match["clock"]:
        yield TimeOfDay(60 * int(match["clock"]) + int(match["past"]), either=False, text=match.group())
    else:
        hour = int(match["hour"]) % 12 + (12 if match["half"].casefold() == "p" else 0)
        yield TimeOfDay(60 * hour + int(match["minute"] or 0), either=False, text=match.group().rstrip("."))
