"""What a reader is told of languages that the embedder doesn't read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.language import detect_language
from retrieval.embedding.model_files import PACKAGED_NAME

NAMES = {
    **{"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese"},
    **{"nl": "Dutch", "sv": "Swedish", "pl": "Polish", "ru": "Russian", "el": "Greek", "he": "Hebrew", "ar": "Arabic"},
    **{"zh": "Chinese", "ja": "Japanese", "ko": "Korean", "hi": "Hindi", "th": "Thai"},
}
_CERTAIN = 0.5
"""Of a question's language. Names and single words have far less; a test holds it for the sets of questions here."""


def read_by(embedder: str) -> tuple[str, ...]:
    """The languages that an embedder of this name reads; none where that isn't known."""
    return ("en",) if embedder.startswith(f"{PACKAGED_NAME}-") else ()


def language_notices(question: str, passages: Iterable[str], reads: tuple[str, ...]) -> list[str]:
    """What a reader should know where the embedder doesn't read the question, or the passages found.

    Args:
        passages: the language of each one's document; empty where it isn't known.
        reads: the languages that the embedder reads; none: it isn't known, and nothing is said.
    """
    if not reads:
        return []
    only = " and ".join(NAMES.get(one, one) for one in reads)
    notices = []
    asked = detect_language([question], fewest_letters=1, certain=_CERTAIN)
    if asked in NAMES and asked not in reads:
        notices.append(
            f"The question seems to be in {NAMES[asked]}, and meaning is only read in {only} here: what documents "
            "say in other words may not be found."
        )
    for language, many in Counter(one[:2].casefold() for one in passages).items():
        if language and language not in reads:
            are = "1 passage found seems" if many == 1 else f"{many} passages found seem"
            notices.append(
                f"{are} to be in {NAMES.get(language, language)}, and meaning is only read in {only} here: there may "
                "be more of these."
            )
    return notices
