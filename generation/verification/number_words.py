"""Numbers that are written as English words."""

from __future__ import annotations

import re
from decimal import Decimal

_SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
""".split()  # noqa: SIM905
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
UNITS = {word: value for value, word in enumerate(_SMALL)}
TENS = {word: 10 * value for value, word in enumerate(_TENS, start=2)}
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_OTHER = {"dozen": 12}
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_ANY = "|".join([*UNITS, *TENS, *SCALES, *_OTHER])
PATTERN = rf"(?:{_ANY})(?:(?:\s+and\s+|[\s-]+)(?:{_ANY}))*"
"""A number in words, as a regular expression without groups."""


def value_of(text: str) -> Decimal | None:
    """What the words say; None where they are no single number, as in "twenty seventeen"."""
    total, current, last = 0, 0, 10**12
    for word in re.findall(r"[a-z]+", text.casefold()):
        if word == "and":
            continue
        if word in SCALES:
            scale = SCALES[word]
            current = max(current, 1) * scale
            if scale > 100:  # noqa: PLR2004  "two hundred" goes on, "two thousand" is done
                total, current = total + current, 0
            last = scale
            continue
        value = UNITS.get(word, TENS.get(word, _OTHER.get(word, 0)))
        fits = last > 19 and (value < 10 if 20 <= last < 100 else True)  # noqa: PLR2004
        if not fits:
            return None
        current, last = current + value, value
    return Decimal(total + current)


def words_of(number: int) -> str:
    """A number below a million in words; the other way round than :func:`value_of`.

    Raises:
        ValueError: it is negative, or too large.
    """
    if not 0 <= number < 10**6:
        raise ValueError(f"{number} isn't between 0 and 999,999")
    if number < len(_SMALL):
        return _SMALL[number]
    if number < 100:  # noqa: PLR2004
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_SMALL[rest]}" if rest else "")
    scale, name = (1000, "thousand") if number >= 1000 else (100, "hundred")  # noqa: PLR2004
    high, rest = divmod(number, scale)
    joined = " and " if scale == 100 or rest < 100 else " "  # noqa: PLR2004
    return f"{words_of(high)} {name}" + (f"{joined}{words_of(rest)}" if rest else "")
