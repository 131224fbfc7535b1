"""Readers of the kinds that Pandoc or LibreOffice turn into others: RTF, ODT, EPUB, reStructuredText, Org, DOC, PPT."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from typing import Any

from core.errors import UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning.facts import clean_tags, told_moment
from ingestion.partitioning.office.open_document import open_document_properties
from ingestion.partitioning.office.open_xml import TEMPLATE_TITLES, read_docx, read_pptx
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean
from ingestion.partitioning.sandbox.programs import LIBREOFFICE, PANDOC, run, scratch
from ingestion.partitioning.text.markup import read_html

_MODERN = {"doc": "docx", "ppt": "pptx"}
_PANDOC_NAMES = {"rst": "rst", "org": "org", "rtf": "rtf", "odt": "odt", "epub": "epub"}
_TITLE_TAKEN = ("rst", "org")
_SPLIT = "<!--footnote-body-->"
_TEMPLATE = f"$meta-json$\n{_SPLIT}\n$body$\n"
_RTF_INFORMATION = re.compile(rb"\{\\(title|author) ([^{}]{1,500})\}")
_RTF_BYTE = re.compile(rb"\\'([0-9a-fA-F]{2})")
_RTF_HEAD = 100_000
_LANGUAGE_LETTERS = 2


def read_with_pandoc(content: bytes, name: str, kind: str) -> Reading:
    """A document that Pandoc turns into HTML; title, author, date and language become metadata.

    Pandoc is called directly, and not through unstructured, for its sandbox (a document can't make it read other
    files of this machine, as ``.. include::`` does) and because it tells the properties in the same run.
    """
    template = scratch("pandoc-template.html")
    template.write_text(_TEMPLATE)
    options = ["--from", _PANDOC_NAMES[kind], "--to", "html5", "--sandbox", "--wrap=none", "--template", str(template)]
    printed = run(PANDOC, options, name, content).decode("utf-8", "replace")
    properties, _, body = printed.partition(f"\n{_SPLIT}\n")
    reading = read_html(f"<html><body>{body}</body></html>", name)
    own = {"odt": open_document_properties, "rtf": _rtf_properties}.get(kind)
    reading.metadata = _metadata(properties).over(own(content) if own else Metadata())
    if kind in _TITLE_TAKEN and reading.metadata.title:
        # Pandoc makes the text's first heading its title, and takes it out of the text.
        below = [replace(one, level=one.level + 1) if one.level else one for one in reading.elements]
        reading.elements = [Element(kind=ElementKind.TITLE, text=reading.metadata.title, level=1), *below]
    return reading


def _metadata(properties: str) -> Metadata:
    try:
        known = json.loads(properties)
    except ValueError:
        return Metadata()
    language = _words(known.get("lang") or known.get("language"))[:_LANGUAGE_LETTERS].lower()
    title = _words(known.get("title"))
    return Metadata(
        title="" if title.casefold() in TEMPLATE_TITLES else title,
        author=_words(known.get("author") or known.get("creator")) or None,
        tags=clean_tags(_words(known.get("keywords") or known.get("subject")).split(",")),
        created=told_moment(_words(known.get("date"))),
        language=language if language.isalpha() else None,
    )


def _rtf_properties(content: bytes) -> Metadata:
    """What Pandoc leaves out: the title and author of the information group (RTF 1.9.1)."""
    found = {name.decode(): _rtf_text(value) for name, value in _RTF_INFORMATION.findall(content[:_RTF_HEAD])}
    return Metadata(title=found.get("title", ""), author=found.get("author") or None)


def _rtf_text(value: bytes) -> str:
    plain = _RTF_BYTE.sub(lambda escape: bytes.fromhex(escape[1].decode()), value)
    return " ".join(plain.decode("cp1252", "replace").replace("\\", "").split())


def _words(value: Any) -> str:
    """A property's text: Pandoc gives text, HTML, or a list of either."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_words, value)))
    if isinstance(value, dict):
        return _words(value.get("text") or value.get("name"))
    if not isinstance(value, str):
        return ""
    from lxml import html  # noqa: PLC0415

    plain = html.fromstring(f"<p>{value}</p>").text_content() if "<" in value or "&" in value else value
    return " ".join(clean(str(plain)).split())


def read_old_office(content: bytes, name: str, kind: str) -> Reading:
    """DOC and PPT, after LibreOffice has turned them into DOCX and PPTX.

    Its profile is this child's own: two LibreOffices can't share one, and a user's settings have no say here.
    """
    source, out = scratch(f"old.{kind}"), scratch("converted")
    shutil.rmtree(out, ignore_errors=True)
    source.write_bytes(content)
    modern = _MODERN[kind]
    profile = scratch("libreoffice").as_uri()
    options = [f"-env:UserInstallation={profile}", "--headless", "--norestore", "--nolockcheck", "--nodefault"]
    try:
        run(LIBREOFFICE, [*options, "--convert-to", modern, "--outdir", str(out), str(source)], name)
        made = out / f"old.{modern}"
        if not made.is_file():
            raise UnreadableDocument(f"{name} can't be opened by LibreOffice; it is probably corrupt or encrypted.")
        converted = made.read_bytes()
    finally:
        source.unlink(missing_ok=True)
        shutil.rmtree(out, ignore_errors=True)
    return read_docx(converted, name) if kind == "doc" else read_pptx(converted, name)
