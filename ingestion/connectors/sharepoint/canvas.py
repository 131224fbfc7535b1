"""A site page as HTML: everything on its canvas that people read, in the order in which they read it.

What web parts hold: https://learn.microsoft.com/graph/api/resources/canvaslayout, -/standardwebpart, -/textwebpart and
-/serverprocessedcontent. What a web part's ``properties`` hold is its maker's own: texts are told from
settings by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import urlsplit

Json = Mapping[str, Any]

_ARRANGING = frozenset(
    {
        "layout",
        "layoutid",
        "displaymode",
        "size",
        "height",
        "width",
        "aspectratio",
        "imagesourcetype",
        "sourcetype",
        "alignment",
        "textalignment",
        "emphasis",
        "type",
        "id",
        "listid",
        "siteid",
        "webid",
        "itemid",
        "uniqueid",
        "fileurl",
        "theme",
        "lang",
        "language",
        "dataversion",
        "iconname",
        "fileextension",
        "imageurl",
        "imagesource",
        "thumbnailurl",
        "renderas",
        "querymode",
        "filters",
        "sortby",
    }
)
"""Properties that arrange, point or count; never words that people read."""
_READABLE = re.compile(
    r"(text|title|caption|description|label|heading|subheading|content|body|quote|name|question|answer|message|alt|code)$",
    re.IGNORECASE,
)
_CODE = re.compile(r"(code|snippet|markdown)$", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/][^>]*>")
_SCHEMES = frozenset({"http", "https", "mailto"})


def page_html(page: Json) -> str:
    """A page with its canvas (``$expand=canvasLayout``) as an HTML document."""
    title = escape(str(page.get("title") or page.get("name") or ""))
    canvas = page.get("canvasLayout") or {}
    body = [*_title_area(page, title), *(html for part in _parts(canvas) for html in _part(part))]
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{title}</title></head>\n<body><main>\n'
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _title_area(page: Json, title: str) -> Iterator[str]:
    area = page.get("titleArea") or {}
    if above := area.get("textAboveTitle"):
        yield f"<p>{escape(str(above))}</p>"
    yield f"<h1>{title}</h1>"
    if description := page.get("description"):
        yield f"<p>{escape(str(description))}</p>"
    if alternative := area.get("alternativeText"):
        yield f"<p>{escape(str(alternative))}</p>"
    yield from _processed(area.get("serverProcessedContent") or {}, set())


def _parts(canvas: Json) -> Iterator[Json]:
    for section in canvas.get("horizontalSections") or ():
        for column in section.get("columns") or ():
            yield from column.get("webparts") or ()
    yield from (canvas.get("verticalSection") or {}).get("webparts") or ()


def _part(part: Json) -> Iterator[str]:
    if "innerHtml" in part:
        yield f"<div>{part['innerHtml'] or ''}</div>"
        return
    data = part.get("data") or {}
    said: set[str] = set()
    # A web part's own name ("Quick links") is its title unless people gave it another; it heads what follows.
    title = str(data.get("title") or "").strip()
    content = [*_processed(data.get("serverProcessedContent") or {}, said), *_properties(data.get("properties"), said)]
    if content and title and title not in said:
        yield f"<h3>{escape(title)}</h3>"
    yield from content


def _processed(content: Json, said: set[str]) -> Iterator[str]:
    """What SharePoint itself found in a web part to search, to link and to show."""
    texts = {pair["key"]: pair.get("value") or "" for pair in content.get("searchablePlainTexts") or ()}
    links = {pair["key"]: pair.get("value") or "" for pair in content.get("links") or ()}
    for pair in content.get("htmlStrings") or ():
        if value := pair.get("value"):
            said.add(_plain(value))
            yield f"<div>{value}</div>"
    for key, value in links.items():
        # A link and its text have keys with the same beginning: items[0].sourceItem.url, items[0].title.
        stem = key.rpartition(".")[0].removesuffix(".sourceItem").removesuffix(".rawLink")
        text = texts.pop(f"{stem}.title", "") if stem else ""
        if described := texts.pop(f"{stem}.description", "") if stem else "":
            said.add(described.strip())
        said.update((text.strip(), value.strip()))
        shown = escape(text or value)
        link = f'<a href="{escape(value)}">{shown}</a>' if _safe(value) else shown
        yield f"<p>{link}{' ' + escape(described) if described else ''}</p>"
    for key, value in texts.items():
        if value.strip() and value.strip() not in said:
            said.add(value.strip())
            yield f"<pre>{escape(value)}</pre>" if _CODE.search(key) else f"<p>{escape(value)}</p>"


def _properties(value: Any, said: set[str], name: str = "") -> Iterator[str]:
    """Texts among a web part's properties that haven't been said yet."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.lower() not in _ARRANGING:
                yield from _properties(inner, said, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _properties(inner, said, name)
    elif isinstance(value, str) and _READABLE.search(name) and (plain := _plain(value)) and plain not in said:
        said.add(plain)
        if _CODE.search(name):
            yield f"<pre><code>{escape(value)}</code></pre>"
        else:
            yield f"<div>{value}</div>" if _TAG.search(value) else f"<p>{escape(value)}</p>"


def _plain(html: str) -> str:
    return " ".join(_TAG.sub(" ", html).split())


def _safe(link: str) -> bool:
    """Whether a link leads to a page or a mailbox, or stays on the site; never to a script."""
    return urlsplit(link.strip()).scheme.lower() in _SCHEMES or link.startswith("/")
