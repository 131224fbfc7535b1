"""The page's words: all of them in one place, in each language alike."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[3] / "api" / "page"
LANGUAGES = {
    path.suffixes[0][1:]: json.loads(path.read_text())
    | json.loads((PAGE / path.name.replace("texts", "desk")).read_text())
    for path in sorted(PAGE.glob("texts.*.json"))
}
"""By language; what the desk alone says stands in files of its own."""
ENGLISH: dict[str, Any] = LANGUAGES["en"]
SCRIPTS = [path for path in sorted(PAGE.glob("*.js")) if path.name not in {"widget.js", "docs.js"}]
TECHNICAL = re.compile(
    r"(?:[A-Z]\w*(?:-[A-Z]\w*)+|Accept|Authorization|Bearer |Enter|Escape|Tab|Esc|AbortError|English|Deutsch)$"
)
"""Names of headers, keys and errors, and the names of languages, which each language writes as its own."""
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
PROSE = re.compile(r"(?<![A-Za-z])[A-Z][a-z]|[a-z]{2,}[,.]? [a-z]{2,}[ ,.]")


def forms(text: str | dict[str, str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def names_in(text: str | dict[str, str]) -> set[str]:
    return {name for form in forms(text) for name in re.findall(r"\{(\w+)\}", form)} - {"n"}


def code_of(path: Path) -> str:
    """A script without its comments."""
    return re.sub(r"^\s*(?://|/?\*).*$|\s// .*$", "", path.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_says_the_same(language: str) -> None:
    texts = LANGUAGES[language]
    assert texts.keys() == ENGLISH.keys()
    for key, text in texts.items():
        assert names_in(text) == names_in(ENGLISH[key]), key
        assert all(form.strip() for form in forms(text)), key
        assert isinstance(text, str) or {"one", "other"} <= text.keys(), key


def test_every_text_that_is_named_is_there_and_every_one_is_named() -> None:
    code = "\n".join(code_of(path) for path in SCRIPTS)
    html = (PAGE / "index.html").read_text()
    literals = set(re.findall(r'"([a-z]+\.[a-z_]+)"', code))
    asked = set(re.findall(r'\bt(?:Or)?\("([^"]+)"', code))
    marked = set(re.findall(r'data-t(?:-[a-z]+)?="([^"]+)"', html))
    prefixes = tuple(re.findall(r"\bt(?:Or)?\(`([a-z_]+\.[a-z_]*)\$\{", code))
    assert asked | marked <= ENGLISH.keys()
    named = asked | marked | literals
    assert [key for key in ENGLISH if key not in named and not key.startswith(prefixes)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_has_words_of_its_own(path: Path) -> None:
    found = ["".join(pair) for pair in LITERAL.findall(code_of(path))]
    words = [re.sub(r"\$\{[^}]*\}", "", text) for text in found]
    assert [text for text in words if PROSE.search(text) and not TECHNICAL.match(text)] == []


class Words(HTMLParser):
    """The words of a page that are in its markup: text, and attributes that people read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within.append(tag)
        self.found += [str(value) for name, value in attrs if name in {"aria-label", "placeholder", "title"}]

    def handle_endtag(self, tag: str) -> None:
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if re.search(r"[^\W\d_]", data) and not {"title", "h1", "noscript"} & set(self.within):
            self.found.append(data.strip())


def test_the_markup_has_no_words_of_its_own() -> None:
    """But the product's name, and what is said where no script runs."""
    words = Words()
    words.feed((PAGE / "index.html").read_text())
    assert words.found == []


def test_nothing_is_placed_by_left_and_right() -> None:
    """The page can be read from right to left."""
    styles = "".join((PAGE / name).read_text() for name in ("style.css", "desk.css"))
    style = re.sub(r"/\*.*?\*/", "", styles, flags=re.DOTALL)
    assert re.findall(r"[^;{]*\b(?:left|right)\b[^;}]*", style) == []
