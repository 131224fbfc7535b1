"""Numbers and what they count: ``26 weeks``, ``twenty-six weeks``, ``$1.9k``, ``5 %``, ``the third``.

A unit of time is turned into seconds or months, so that seven days are a week.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from generation.text.word_stems import stem
from generation.verification import number_words

ORDINAL = "ordinal"
_COUNTED = "~"
"""Opens the unit of what isn't measured but counted: ``~employe``."""
_FACTORS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("second", "seconds", "sec", "secs"), ("s", 1)),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), ("s", 60)),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), ("s", 3600)),
    **dict.fromkeys(("day", "days", "d"), ("s", 86400)),
    **dict.fromkeys(("week", "weeks", "wk", "wks"), ("s", 604800)),
    **dict.fromkeys(("fortnight", "fortnights"), ("s", 1209600)),
    **dict.fromkeys(("month", "months"), ("month", 1)),
    **dict.fromkeys(("quarter", "quarters"), ("month", 3)),
    **dict.fromkeys(("year", "years", "yr", "yrs"), ("month", 12)),
    **dict.fromkeys(("%", "percent", "pct"), ("%", 1)),
    **dict.fromkeys(("$", "usd", "dollar", "dollars"), ("usd", 1)),
    **dict.fromkeys(("€", "eur", "euro", "euros"), ("eur", 1)),
    **dict.fromkeys(("£", "gbp", "pound", "pounds"), ("gbp", 1)),
    **dict.fromkeys(("¥", "jpy", "yen"), ("jpy", 1)),
    **dict.fromkeys(("chf", "franc", "francs"), ("chf", 1)),
    **dict.fromkeys(("kroner", "krone", "nok", "dkk", "sek", "kronor"), ("krone", 1)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), ("ms", 1)),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("m", 1)),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), ("m", 1000)),
    **dict.fromkeys(("mile", "miles"), ("mile", 1)),
    **dict.fromkeys(("kg", "kilogram", "kilograms"), ("kg", 1)),
    **dict.fromkeys(("kb", "kilobytes"), ("kb", 1)),
    **dict.fromkeys(("mb", "megabytes"), ("mb", 1)),
    **dict.fromkeys(("gb", "gigabytes"), ("gb", 1)),
    **dict.fromkeys(("tb", "terabytes"), ("tb", 1)),
}
"""A unit as it is written, what it is counted in, and how many of those it is."""
_SCALES = {"k": 10**3, "thousand": 10**3, "million": 10**6, "mn": 10**6, "bn": 10**9, "billion": 10**9}
_BETWEEN = frozenset(
    """
        a an and any as at be before after but by each every for from has have in is of on or over per than
        that the then to until when where which who will with within was were are if it its not can may must
        should
    """.split()  # noqa: SIM905
)
"""Words that end what is counted: in "26 of the weeks" nothing says that they are 26."""
_SYMBOLS = "$€£¥"
_DIGITS = r"\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_NUMBER = re.compile(
    rf"(?P<sign>[{_SYMBOLS}]|(?<![\w])(?:USD|EUR|GBP|CHF)(?=\s?\d))?\s?"
    rf"(?:(?<![\w.,])(?P<digits>{_DIGITS})(?P<suffix>st|nd|rd|th|[kK](?!\w)|bn(?!\w))?"
    rf"|(?<![\w-])(?P<words>{number_words.PATTERN})(?![\w]|-(?!\w*(?:week|day|month|year|hour|minute)))"
    rf"|(?<![\w-])(?P<ordinal>{'|'.join(number_words.ORDINALS)})(?![\w])"
    r"|(?<![\w-])(?P<one>an?|per|each|every)(?=\s(?:week|day|month|year|hour|minute|quarter|fortnight)\b)"
    r"|(?<![\w-])(?P<half>half)(?![\w]))",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[\s-]?(?P<word>per cent|[^\W\d_]+|%|[€£$])")
_RANGE = re.compile(rf"\s?(?:-|–|—|to|or|and)\s?[{_SYMBOLS}]?(?=\d|(?:{number_words.PATTERN})\b)", re.IGNORECASE)
_LOOKED_AT = 3
_PLAIN = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)([kK])?(?![\w,.]\d|\w)")
_WORDS = re.compile(rf"(?<![\w-]){number_words.PATTERN}(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, empty where none is said.

    Attributes:
        text: as it is written.
        idle: nothing that a source must say: "one", "a week", "first".
    """

    value: Decimal
    unit: str
    text: str
    idle: bool = False

    @property
    def measured(self) -> bool:
        """Whether its unit is one that is measured in, and not a word for what is counted."""
        return bool(self.unit) and not self.unit.startswith(_COUNTED)

    def said_by(self, other: Quantity) -> bool:
        """Whether ``other``, of a source, says the same: a unit that it leaves out may be this one."""
        if self.value != other.value:
            return self._unscaled(other)
        if self.unit == other.unit or not other.unit:
            return True
        return not (self.measured or other.measured) or (not self.unit and other.unit != ORDINAL)

    def _unscaled(self, other: Quantity) -> bool:
        """Times are compared in seconds and months: a bare ``2`` may be said of ``2 weeks``."""
        return (
            not other.unit
            and self.unit in ("s", "month", "m")
            and self.text.startswith(f"{other.value.normalize():f} ")
        )


def number_word(word: str) -> str:
    """What a single word says that is a number, or a unit, for a comparison of words; empty where it is neither."""
    if word.isdigit():
        return word.lstrip("0") or "0"
    if (value := number_words.value_of(word)) is not None and re.fullmatch(number_words.PATTERN, word):
        return str(value)
    if word in number_words.ORDINALS and word != "second":
        return f"{number_words.ORDINALS[word]}."
    return ""


def in_digits(text: str) -> str:
    """The text with its numbers in plain digits: ``1.9k``, ``1,900`` and "nineteen hundred" become ``1900``."""
    text = _PLAIN.sub(
        lambda match: f"{(Decimal(match[1].replace(',', '')) * (1000 if match[2] else 1)).normalize():f}", text
    )
    return _WORDS.sub(
        lambda match: match.group() if (v := number_words.value_of(match.group())) is None else str(v), text
    )


def unit_word(word: str) -> str:
    """The unit that a word names, one for all its forms; empty where it names none."""
    return str(_FACTORS[word]) if len(word) > 1 and word in _FACTORS else ""


def read_quantities(text: str) -> list[Quantity]:
    """The quantities of a text in order."""
    return list(_read(text))


def _read(text: str) -> Iterator[Quantity]:
    at = 0
    while match := _NUMBER.search(text, at):
        at = max(match.end(), at + 1)
        value = _value(match)
        if value is None:
            continue
        begin = match.start() + len(match.group()) - len(match.group().lstrip())
        if match["ordinal"] or (match["suffix"] or "").casefold() in ("st", "nd", "rd", "th"):
            idle = bool(match["ordinal"]) and value <= 2  # noqa: PLR2004  "first" and "second" are said anyhow
            yield Quantity(value, ORDINAL, text[begin : match.end()], idle)
            continue
        value, unit, end = _measured(text, match, value)
        word = (match["words"] or "").casefold()
        idle = bool(match["one"] or match["half"]) or (word == "one" and not (unit and unit[0] != _COUNTED))
        yield Quantity(value, unit, text[begin:end].strip(), idle)
        at = max(at, end) if not match["one"] else at


def _value(match: re.Match[str]) -> Decimal | None:
    if match["digits"]:
        value = Decimal(re.sub(r"[,\u00a0\u202f]", "", match["digits"]))
        return value * _SCALES.get((match["suffix"] or "").casefold(), 1)
    if match["words"]:
        return number_words.value_of(match["words"])
    if match["ordinal"]:
        return Decimal(number_words.ORDINALS[match["ordinal"].casefold()])
    return Decimal(50) if match["half"] else Decimal(1)


def _measured(text: str, match: re.Match[str], value: Decimal) -> tuple[Decimal, str, int]:
    """Value and unit as they are compared, and where the unit ends."""
    if match["half"]:
        return value, "%", match.end()
    if match["sign"]:
        scaled, end = _scaled(text, match.end(), value)
        return scaled, _FACTORS[match["sign"].casefold()][0], end
    scaled, end = _scaled(text, match.end(), value)
    unit, end = _unit(text, end)
    if unit.startswith(_COUNTED) or not unit:
        return scaled, unit, end
    name, factor = _FACTORS[unit]
    return scaled * factor, name, end


def _scaled(text: str, at: int, value: Decimal) -> tuple[Decimal, int]:
    after = _AFTER.match(text, at)
    if after and after["word"].casefold() in _SCALES and after["word"] != "k":
        return value * _SCALES[after["word"].casefold()], after.end()
    return value, at


def _unit(text: str, at: int) -> tuple[str, int]:
    """The unit that follows, perhaps after a word or two: in "26 paid weeks", and of "8" in "8 to 10 days"."""
    if further := _RANGE.match(text, at):
        number = _NUMBER.match(text, further.end())
        return (_unit(text, number.end())[0], at) if number else ("", at)
    counted, end = "", at
    here = at
    for _ in range(_LOOKED_AT):
        after = _AFTER.match(text, here)
        if not after:
            break
        word = after["word"].casefold().replace("per cent", "percent")
        if word in _FACTORS:
            return word, after.end()
        if word in _BETWEEN:
            break
        here = after.end()
        if not counted:
            counted, end = _COUNTED + stem(word), here
    return counted, end
