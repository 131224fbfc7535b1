"""Quoted replies in messages: what a reply repeats of the message it answers, which is a document of its own."""

from __future__ import annotations

import re
from typing import Any

REPLY = re.compile(r"^\s*(re|aw|sv|antw|rif|odp|vs)(\[\d+\])?\s*:", re.IGNORECASE)
FORWARD = re.compile(r"^\s*(fwd?|wg|tr|vb|doorst|pd|enc)\s*:", re.IGNORECASE)

_QUOTED = re.compile(r"^\s{0,2}>")
_INTRODUCTION = re.compile(
    r"^(on|am|le|el|il|op|em)\s.{4,200}(wrote|schrieb|écrit|escribió|ha scritto|schreef|escreveu)[^:\n]{0,80}:\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ORIGINAL = re.compile(
    r"^\s*-{2,}\s*(original message|ursprüngliche nachricht|message d'origine)\s*-{2,}", re.IGNORECASE
)
_OUTLOOK = re.compile(r"^\s*_{10,}\s*$|^\s*\*?(from|von|de):\*?\s", re.IGNORECASE)
_OUTLOOK_NEXT = re.compile(r"^\s*\*?(sent|gesendet|envoyé|date|datum):\*?\s", re.IGNORECASE)
_INTRODUCTION_LINES = 3
_HTML_QUOTES = (
    "//blockquote[@type='cite' or @cite]",
    "//*[contains(concat(' ', @class, ' '), ' gmail_quote ')]",
    "//*[contains(concat(' ', @class, ' '), ' yahoo_quoted ')]",
    "//*[contains(concat(' ', @class, ' '), ' moz-cite-prefix ')]",
    "//*[contains(concat(' ', @class, ' '), ' protonmail_quote ')]",
)
_HTML_REST = "//*[@id='appendonsend' or @id='divRplyFwdMsg' or @id='mail-editor-reference-message-container']"


def without_quotes(text: str) -> tuple[str, int]:
    """A plain reply without what it quotes, and how many lines that were.

    Lines marked with ``>`` go wherever they are, with the line that introduces them; what mail programs put below a
    rule ("Original Message", From and Sent) goes to the end. All of it stays if nothing else is in the message.
    """
    lines = text.split("\n")
    end = next((number for number in range(len(lines)) if _begins_original(lines, number)), len(lines))
    kept: list[str] = []
    for line in lines[:end]:
        if _QUOTED.match(line):
            _drop_introduction(kept)
        else:
            kept.append(line)
    if end < len(lines):
        _drop_introduction(kept)
    if not any(line.strip() for line in kept):
        return text, 0
    return "\n".join(kept), len(lines) - len(kept)


def _begins_original(lines: list[str], number: int) -> bool:
    if _ORIGINAL.match(lines[number]):
        return True
    follows = lines[number + 1 : number + 3]
    return bool(_OUTLOOK.match(lines[number])) and any(_OUTLOOK_NEXT.match(line) for line in follows)


def _drop_introduction(kept: list[str]) -> None:
    """Take "On Monday, Ann wrote:" off the end; it may be broken into lines, and blank ones may follow it."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    for start in range(end - 1, max(end - 1 - _INTRODUCTION_LINES, -1), -1):
        if _INTRODUCTION.match(" ".join(line.strip() for line in kept[start:end])):
            del kept[start:]
            return


def without_html_quotes(html: str) -> tuple[str, int]:
    """An HTML reply without what it quotes, and how many pieces that were; all of it if nothing else is in it."""
    from lxml import html as parser  # noqa: PLC0415

    try:
        root = parser.document_fromstring(html)
    except (ValueError, parser.etree.ParserError):
        return html, 0
    found = [node for path in _HTML_QUOTES for node in root.xpath(path)]
    for mark in root.xpath(_HTML_REST):
        found += [mark, *mark.itersiblings()]
    count = sum(_remove(node) for node in found)
    if not count or not root.text_content().strip():
        return html, 0
    return str(parser.tostring(root, encoding="unicode")), count


def _remove(node: Any) -> int:
    parent = node.getparent()
    if parent is None:
        return 0
    node.drop_tree()
    return 1
