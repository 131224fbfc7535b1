"""Confluence's storage format as plain HTML, in which nothing is lost that people read on the page.

The format is XHTML with elements of its own: ``ac:`` for macros, links, images and tasks, ``ri:`` for what they point
to. https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html describes it. Elements that aren't
known are left out and what is in them is kept, so that a new macro costs its frame and not its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from html.entities import html5
from xml.parsers import expat

from lxml import etree

from ingestion.connectors.confluence.storage_writer import Place, StorageWriter

VERSION = 1
"""Of what is made of a page; another one has every page read again."""
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})
_PIECE = 1 << 20


def to_html(storage: str, place: Place, users: Mapping[str, str] | None = None) -> str:
    """What is in the <body> of the page, headings one level down to make room for the page's own.

    Args:
        storage: well-formed as a rule. What isn't is read as browsers read HTML, and keeps its words too.
        place: what links are relative to.
        users: the names of people who are mentioned, by account id or user key.
    """
    text = _CDATA.sub(lambda found: escape(found[1], quote=False), storage)
    text = _ENTITY.sub(_character, text)
    return _as_xml(text, place, users or {}) or _as_html(text, place, users or {})


def mentioned(storage: str) -> frozenset[str]:
    """The account ids and user keys of people whom a page mentions."""
    return frozenset(re.findall(r"<ri:user\b[^>]*?\bri:(?:account-id|userkey)=\"([^\"]+)\"", storage))


def _character(entity: re.Match[str]) -> str:
    """A named character of HTML, which XML doesn't know, as itself."""
    name = entity[1]
    if name in _XML:
        return entity[0]
    found = html5.get(f"{name};")
    return escape(found) if found is not None else escape(entity[0])


def _as_xml(text: str, place: Place, users: Mapping[str, str]) -> str | None:
    """None: it isn't well-formed. Prefixes stay part of the names, declared or not."""
    writer = StorageWriter(place, users)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.data
    content = text.encode("utf-8", "replace")
    try:
        parser.Parse(b"<storage>", False)
        for at in range(0, len(content), _PIECE):
            parser.Parse(content[at : at + _PIECE], False)
        parser.Parse(b"</storage>", True)
    except expat.ExpatError:
        return None
    return writer.close()


def _as_html(text: str, place: Place, users: Mapping[str, str]) -> str:
    target = StorageWriter(place, users)
    parser = etree.HTMLParser(target=target, huge_tree=True, no_network=True, encoding="utf-8")
    parser.feed(f"<html><body>{text.replace(chr(0), '')}".encode("utf-8", "replace"))
    parser.feed(b"</body></html>")
    return str(parser.close())
