"""Where sentences begin, in any language, with exact offsets.

By Wikimedia's sentencex, whose rules for some 240 languages fall back from one to a related one. Quotes in answers are
cut by rules of our own (:mod:`generation.text.sentences`), which are more precise on English handbooks; for the ends of
passages it matters more that all scripts are covered.
"""

from __future__ import annotations

from collections.abc import Iterator

import sentencex

_DEFAULT = "en"


def sentence_starts(text: str, start: int, end: int, language: str | None = None) -> Iterator[int]:
    """Offsets at which sentences and paragraphs begin inside ``text[start:end]``, its own start left out.

    White space belongs to the sentence before it. Time grows linearly.

    Args:
        language: ISO 639-1 code; None: the marks that end a sentence in any script, with English abbreviations.
    """
    piece = text[start:end]
    for boundary in sentencex.get_sentence_boundaries(language or _DEFAULT, piece):
        place = start + boundary["end_index"]
        if start < place < end:
            yield place
