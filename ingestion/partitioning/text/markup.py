"""Readers of Markdown, HTML, XML, JSON and plain text."""

from __future__ import annotations

import re

from core.errors import UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning.facts import BadFacts, clean_tags, told_moment
from ingestion.partitioning.front_matter import front_matter_fault, split_front_matter
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean, convert

_TITLE = re.compile(r"<title[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)
_LANGUAGE = re.compile(r"<html[^>]*\slang=[\"']?([a-zA-Z]{2})\b", re.IGNORECASE)
_META = re.compile(r"<meta\s[^>]{1,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-zA-Z:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_NESTING = re.compile(r"<(/?)(?:div|span|section|article|blockquote|table|ul|ol|font|b|i)\b", re.IGNORECASE)
_DEEPEST = 240
"""A little less than what libxml2 reads."""
_DEEP_QUOTE = re.compile(rf"^(?:[ \t]*>){{{_DEEPEST}}}", re.MULTILINE)
_NAVIGATION = re.compile(r"<nav[\s>]", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
_NO_DETECTION = [""]
"""unstructured's way of turning language detection off; it costs more than the parsing."""


def read_markdown(text: str, name: str) -> Reading:
    """Markdown with tables and fenced code; the front matter becomes metadata."""
    from unstructured.partition.md import partition_md  # noqa: PLC0415

    try:
        facts, body, _ = split_front_matter(text)
    except BadFacts as error:
        raise UnreadableDocument(f"{name}: the front matter can't be used: {error}") from None
    fault = front_matter_fault(text)
    extensions = ["tables", "fenced_code", "sane_lists", "md_in_html"]
    found = partition_md(text=body, languages=_NO_DETECTION, extensions=extensions) if body.strip() else []
    reading = convert(found)
    if not reading.elements and _DEEP_QUOTE.search(body):
        raise UnreadableDocument(f"{name} is nested too deeply: more than {_DEEPEST} quotes in one another.")
    reading.metadata = facts.metadata
    if fault is not None:
        reading.warnings.append(f"The front matter is not YAML and was read as text: {fault}.")
    return reading


def read_html(text: str, name: str) -> Reading:
    """HTML: its main part if it marks one, else its body.

    Raises:
        UnreadableDocument: it is nested so deeply that nothing of it can be read.
    """
    from html import unescape  # noqa: PLC0415

    from unstructured.partition.html import partition_html  # noqa: PLC0415

    reading = convert(partition_html(text=text, languages=_NO_DETECTION))
    if _depth(text) > _DEEPEST:
        if not reading.elements:
            raise UnreadableDocument(f"{name} is nested too deeply: more than {_DEEPEST} elements in one another.")
        reading.warnings.append(f"It is nested more than {_DEEPEST} elements deep; what lies deeper was lost.")
    title, language = _TITLE.search(text[:100_000]), _LANGUAGE.search(text[:10_000])
    told = _meta(text[:100_000])
    reading.metadata = Metadata(
        title=" ".join(unescape(title[1]).split()) if title else "",
        author=" ".join(unescape(told.get("author", "")).split()) or None,
        tags=clean_tags(unescape(told.get("keywords", "")).split(",")),
        created=told_moment(told.get("article:published_time", "")),
        modified=told_moment(told.get("article:modified_time", "")),
        language=language[1].lower() if language else None,
    )
    if _NAVIGATION.search(text):
        reading.warnings.append("Navigation (<nav>) was left out.")
    return reading


def _depth(text: str) -> int:
    """How deeply the elements that nest are nested."""
    deepest = depth = 0
    for tag in _NESTING.finditer(text):
        depth = depth + 1 if not tag[1] else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _meta(head: str) -> dict[str, str]:
    """What the <meta> elements with a name (or a property) say."""
    found = {}
    for element in _META.findall(head):
        values = {key.lower(): first or second for key, first, second in _ATTRIBUTE.findall(element)}
        found[values.get("name", values.get("property", "")).lower()] = values.get("content", "")
    return found


def read_xml(text: str) -> Reading:
    """XML: the text of its leaves."""
    from unstructured.partition.xml import partition_xml  # noqa: PLC0415

    return convert(partition_xml(text=text, xml_keep_tags=False, languages=_NO_DETECTION))


def read_json(text: str) -> Reading:
    """JSON as it is written: quotes from it can then be found in the original."""
    return Reading([Element(kind=ElementKind.CODE, text=clean(text.lstrip("\ufeff")))])


def read_text(text: str) -> Reading:
    """Plain text, a paragraph an element. Lines keep their breaks: in plain text they can mean anything."""
    paragraphs = (clean(paragraph) for paragraph in _PARAGRAPHS.split(text))
    return Reading([Element(kind=ElementKind.TEXT, text=paragraph) for paragraph in paragraphs if paragraph.strip()])
