"""In what language a text seems to be, told by its letters and its small words; empty where that can't be told."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

from generation.text.word_stems import words
from retrieval.embedding.model_files import PACKAGED_NAME

NAMES = {
    **{"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese"},
    **{"nl": "Dutch", "sv": "Swedish", "pl": "Polish", "ru": "Russian", "el": "Greek", "he": "Hebrew", "ar": "Arabic"},
    **{"zh": "Chinese", "ja": "Japanese", "ko": "Korean", "hi": "Hindi", "th": "Thai"},
}
_READ = 1000
"""Characters of a text that are looked at."""
_SCRIPTS = {
    **{"CYRILLIC": "ru", "GREEK": "el", "HEBREW": "he", "ARABIC": "ar", "DEVANAGARI": "hi", "THAI": "th"},
    **{"HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh"},
}
_SMALL = {
    "en": "the of and is are to for with how what when who where can do does my our you your it this that which i we a "
    "an in on as at be by not have has or if no me from any get must should they their will",
    "de": "der die das und ist sind ich wir wie was wann wer wo nicht ein eine einen für mit von zu den dem des im auf "
    "kann darf muss habe haben bei wird werden viele welche meine mein es sich",
    "fr": "le la les et de est sont je nous comment que quand qui où pas un une des du pour avec dans sur peut dois ai "
    "quel quelle combien mon ma mes ce cette au aux elle ils",
    "es": "el la los las y es son yo cómo qué cuándo quién dónde un una de del para con en por puedo debo cuál cuántos "
    "cuántas mi mis al lo hay tengo",
    "it": "il lo la gli sono come che quando chi dove non un una del della per con in di posso devo quale quanti mio "
    "ai alla nel si ho sono",
    "pt": "os são como que quando quem onde não um uma da dos das de para em por posso devo qual quantos quantas meu "
    "minha ao na tenho há tem",
    "nl": "de het een en is zijn ik we hoe wat wanneer wie waar niet voor met van op kan mag moet mijn hoeveel welke "
    "heeft bij aan heb",
    "sv": "och är hur vad när vem var inte ett för med av på att kan får måste jag vi min många vilka det som",
    "pl": "jest są jak co kiedy kto gdzie nie dla na mogę ile mój moje czy się",
}
_OF = {language: frozenset(_folded) for language, said in _SMALL.items() if (_folded := words(said))}
_FEWEST, _MORE, _LONG = 2, 5, 20
"""Different small words that tell a language, and those of a text of more words than so many."""


def language_of(text: str) -> str:
    """The ISO 639-1 code of the text's language, one of :data:`NAMES`; empty where too little tells."""
    text = text[:_READ]
    letters = [character for character in text if character.isalpha()]
    foreign = Counter(found for one in letters if not one.isascii() and (found := _script(one)))
    if foreign and foreign.total() * 2 > len(letters):
        return "ja" if foreign["ja"] else foreign.most_common(1)[0][0]
    said = words(text)
    counts = sorted(((len(small.intersection(said)), language) for language, small in _OF.items()), reverse=True)
    (most, best), (next_most, _) = counts[:2]
    needed = _MORE if len(said) > _LONG else _FEWEST
    return best if most >= needed and most > next_most else ""


def read_by(embedder: str) -> tuple[str, ...]:
    """The languages that an embedder of this name reads; none where that isn't known."""
    return ("en",) if embedder.startswith(f"{PACKAGED_NAME}-") else ()


def language_notices(question: str, passages: Iterable[tuple[str, str]], reads: tuple[str, ...]) -> list[str]:
    """What a reader should know where the embedder doesn't read the question, or the passages found.

    Args:
        passages: texts, each with its language where its document says so.
        reads: the languages that the embedder reads; none: it isn't known, and nothing is said.
    """
    if not reads:
        return []
    only = " and ".join(NAMES.get(one, one) for one in reads)
    notices = []
    asked = language_of(question)
    if asked and asked not in reads:
        notices.append(
            f"The question seems to be in {NAMES[asked]}, and meaning is only read in {only} here: what documents "
            "say in other words may not be found."
        )
    found = Counter(language[:2].casefold() or language_of(text) for text, language in passages)
    for language, many in found.items():
        if language and language not in reads:
            are = "1 passage found seems" if many == 1 else f"{many} passages found seem"
            notices.append(
                f"{are} to be in {NAMES.get(language, language)}, and meaning is only read in {only} here: there may "
                "be more of these."
            )
    return notices


def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    return next((language for script, language in _SCRIPTS.items() if name.startswith(script)), "")
