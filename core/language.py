"""The language of a text, as ISO 639-1 code."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

_SAMPLE = 4000
"""Characters that are looked at."""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def warm_up() -> None:
    """Load the model: a second that is paid once a process and not with its first text."""
    _identifier()


def detect_language(texts: Iterable[str], *, fewest_letters: int = 40, certain: float = 0.95) -> str | None:
    """The language that most of a text is in; None if there is too little of it, or no certainty.

    Args:
        fewest_letters: of a document; below them a guess is mostly luck.
        certain: the probability below which no language is named.
    """
    sample, length = [], 0
    for text in texts:
        sample.append(text[: _SAMPLE - length])
        length += len(sample[-1])
        if length >= _SAMPLE:
            break
    joined = " ".join(sample)
    if sum(character.isalpha() for character in joined) < fewest_letters:
        return None
    language, probability = _identifier().classify(joined)
    return str(language) if probability >= certain else None
