"""What an answer of a website is: a document or not, where its links lead, what it says to those who crawl."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from lxml import etree
from lxml import html as markup

from core.errors import UnreadableDocument
from ingestion.connectors.website.site import Site
from ingestion.partitioning.kinds import told_kind

_UNSEEN = ("script", "style", "noscript", "template")
_PARTIAL = 206
_MOST_HTML_BYTES = 5_000_000
"""Of a page that is looked into: a tree of it takes many times its memory."""
_SIZE = re.compile(r"/(\d{1,18})$")
_AGENT_RULE = re.compile(r"^\s*([a-z0-9_-]+)\s*:\s*(.*)$", re.IGNORECASE)
_UNTIL = "unavailable_after"
_OURS = "footnote"


@dataclass(frozen=True, slots=True)
class Look:
    """One page as it is now.

    Attributes:
        url: where redirects led.
        kind: of the document, None where nobody says.
        content: changes whenever what is read of it changes.
        size: in bytes, as far as the site tells.
        links: addresses of this source's that it links to, each once; None: it is too long to look for them.
        canonical: the address that it says it is better known by.
        noindex: it asks to be left out.
    """

    url: httpx.URL
    kind: str | None
    content: str
    size: int
    etag: str
    modified: str
    links: list[httpx.URL] | None = field(default_factory=list)
    canonical: httpx.URL | None = None
    noindex: bool = False


def read_look(site: Site, answer: httpx.Response) -> Look:
    """What an answer with a page says.

    Raises:
        UnreadableDocument: it is called HTML, and nothing can be made of it.
    """
    headers, url = answer.headers, answer.url.copy_with(fragment=None)
    kind = told_kind(url.path, headers.get("content-type"))
    called = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if called in ("text/html", "application/xhtml+xml"):
        kind = "html"  # addresses end in .php, or in .org
    said = _directives([("", value) for value in headers.get_list("x-robots-tag")])
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    whole = answer.status_code != _PARTIAL
    size = len(answer.content) if whole else _whole_size(headers)
    seen = f"{etag}:{modified}:{size}" if etag or modified else f"size:{size}"
    content = hashlib.sha256(answer.content).hexdigest() if whole else seen
    look = Look(url, kind, content, size, etag, modified, noindex="noindex" in said)
    if kind == "html" and (not whole or len(answer.content) > _MOST_HTML_BYTES):
        return replace(look, links=None)
    if kind != "html" or not answer.content.strip():
        return look
    return _read_html(site, look, answer, said)


def told_date(said: str) -> datetime | None:
    """A moment as HTTP or a sitemap writes it; None if it is none."""
    try:
        moment = parsedate_to_datetime(said) if "," in said else datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_html(site: Site, look: Look, answer: httpx.Response, said: set[str]) -> Look:
    try:
        parser = markup.HTMLParser(encoding=answer.charset_encoding, no_network=True)
        root = markup.document_fromstring(answer.content, parser=parser)
    except (etree.ParserError, LookupError) as error:
        raise UnreadableDocument(f"{look.url.path} is called HTML, and nothing can be read in it: {error}") from None
    base = look.url
    for element in root.iter("base"):
        with suppress(httpx.InvalidURL):
            base = look.url.join(element.get("href", "").strip())
        break
    metas = [(one.get("name", ""), one.get("content", "")) for one in root.iter("meta")]
    said = said | _directives([("", content) for name, content in metas if name.strip().lower() in ("robots", _OURS)])
    canonical: httpx.URL | None = None
    links: dict[str, httpx.URL] = {}
    for element in root.iter("link"):
        if "canonical" in _words(element.get("rel")) and canonical is None:
            canonical = site.read(element.get("href", ""), base)
    if "nofollow" not in said:
        for element in root.iter("a", "area"):
            if element.get("href") and "nofollow" not in _words(element.get("rel")):
                led = site.read(element.get("href"), base)
                if led is not None:
                    links.setdefault(str(led), led)
    return Look(
        look.url,
        look.kind,
        _text_hash(root),
        look.size,
        look.etag,
        look.modified,
        list(links.values()),
        canonical,
        "noindex" in said,
    )


def _text_hash(root: markup.HtmlElement) -> str:
    """Of what is read of a page: tokens and counters in its scripts change with each answer."""
    for element in list(root.iter(*_UNSEEN, etree.Comment)):
        element.drop_tree()
    metas = [f"{one.get('name') or one.get('property')}={one.get('content')}" for one in root.iter("meta")]
    told = [one for one in metas if one.partition("=")[0].lower() in ("author", "keywords", "article:published_time")]
    places = [one.get("href", "") for one in root.iter("a")]
    words = " ".join("\x1f".join([*told, *root.itertext(), *places]).split())
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


def _directives(said: list[tuple[str, str]]) -> set[str]:
    """What robots meta tags and headers ask of us: ``noindex, nofollow``, for all or for us by name."""
    found: set[str] = set()
    for _, text in said:
        named = _AGENT_RULE.match(text)
        if named is not None and named[1].lower() != _UNTIL:
            if named[1].lower() != _OURS:
                continue
            text = named[2]  # noqa: PLW2901
        found |= {word.strip().lower() for word in text.split(",")}
    return found | ({"noindex", "nofollow"} if "none" in found else set())


def _words(rel: str | None) -> list[str]:
    return (rel or "").lower().split()


def _whole_size(headers: httpx.Headers) -> int:
    said = _SIZE.search(headers.get("content-range", ""))
    return int(said[1]) if said else 0
