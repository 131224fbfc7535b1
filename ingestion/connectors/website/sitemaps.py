"""Sitemaps (sitemaps.org): the pages that a site names, and when they last changed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import httpx
from lxml import etree

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, SourceUnavailable
from core.logs import get_logger
from ingestion.connectors.http import SourceAnswer
from ingestion.connectors.website.site import MOST_SITEMAP_BYTES, Site

_log = get_logger(__name__)
_GZIP = b"\x1f\x8b"
_MOST_FILES = 1000
_DEEPEST = 3
"""Of sitemaps within indexes; the protocol has two levels."""
_FAULTY = 500


class BadSitemap(ValueError):
    """It can't be read; the message says why."""


@dataclass
class Named:
    """What sitemaps name.

    Attributes:
        pages: addresses, and what is said of when they changed.
        read: how many sitemaps were read.
        whole: all of them could be read, so that what isn't named is gone.
    """

    pages: dict[str, tuple[httpx.URL, str]] = field(default_factory=dict)
    read: int = 0
    whole: bool = True


def read_sitemaps(site: Site, given: tuple[str, ...], most: int) -> Named:
    """All that a site's sitemaps name, up to ``most`` pages.

    Args:
        given: where they are; empty: where robots.txt says, else ``/sitemap.xml``.

    Raises:
        SourceUnavailable: one doesn't answer.
    """
    named = Named()
    first = list(given) or site.named_sitemaps or [str(site.start.copy_with(raw_path=b"/sitemap.xml"))]
    todo = [(url, 1) for url in first]
    seen: set[str] = set()
    while todo:
        url, depth = todo.pop(0)
        if url in seen:
            continue
        if len(seen) >= _MOST_FILES or depth > _DEEPEST:
            named.whole = False
            break
        seen.add(url)
        try:
            content = _ask(site, url)
            for kind, location, changed in entries(content):
                if kind == "sitemap":
                    todo.append((str(httpx.URL(url).join(location)), depth + 1))
                elif (page := site.read(location, httpx.URL(url))) is not None:
                    if len(named.pages) >= most:
                        named.whole = False
                        return named
                    named.pages.setdefault(site.id_of(page), (page, changed))
            named.read += 1
        except (BadSitemap, httpx.InvalidURL) as error:
            _log.warning("website.bad_sitemap", url=url[:300], reason=str(error))
            named.whole = False
    return named


def _ask(site: Site, url: str) -> bytes:
    address = httpx.URL(url)
    if not site.is_here(address) or not site.allows(address):
        raise BadSitemap("it is on another host, or robots.txt forbids it")
    try:
        content = site.sitemap(url).content
    except (NotFound, DocumentTooLarge) as error:
        raise BadSitemap(error.message) from error
    except SourceRefuses as error:
        if not isinstance(error.__cause__, SourceAnswer):
            raise
        if error.__cause__.status >= _FAULTY:
            raise SourceUnavailable(f"{site.name} answers with an error where its sitemap is: {url[:300]}.") from error
        raise BadSitemap(error.message) from error
    if not content.startswith(_GZIP):
        return content
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(content, MOST_SITEMAP_BYTES)
    except zlib.error as error:
        raise BadSitemap(f"it can't be unpacked: {error}") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise BadSitemap(f"it is cut off, or has more than {MOST_SITEMAP_BYTES} bytes unpacked")
    return content


def entries(content: bytes) -> Iterator[tuple[str, str, str]]:
    """The entries of a sitemap or an index: ``url`` or ``sitemap``, its address, what is said of when it changed.

    Raises:
        BadSitemap: it isn't XML, or other XML than a sitemap's.
    """
    told: dict[str, str] = {}
    try:
        # No entity is resolved, nothing is loaded, and libxml2's own limits on size and depth hold.
        for _, element in etree.iterparse(BytesIO(content), resolve_entities=False, no_network=True, load_dtd=False):
            name = etree.QName(element).localname if isinstance(element.tag, str) else ""
            if name in ("loc", "lastmod") and element.getparent() is not None:
                if etree.QName(element.getparent()).localname in ("url", "sitemap"):
                    told[name] = (element.text or "").strip()
            elif name in ("url", "sitemap"):
                if told.get("loc"):
                    yield name, told["loc"], told.get("lastmod", "")
                told = {}
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            elif element.getparent() is None and name not in ("urlset", "sitemapindex"):
                raise BadSitemap(f"it is no sitemap: its first element is <{name[:50]}>")
    except etree.XMLSyntaxError as error:
        raise BadSitemap(f"it is not XML: {error.msg}") from error
