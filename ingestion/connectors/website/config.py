"""What a website source is told."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from core.section import AccessTerms, Positive
from ingestion.connectors.port import SourceConfig

Office = Literal["docx", "pptx", "xlsx", "doc", "ppt", "xls", "odt", "ods", "rtf", "epub"]
Other = Literal["html", "pdf", "text", "markdown", "rst", "csv", "tsv", "email", "zip", "image"]


def _page(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("it must be an address such as https://www.example.com/docs/")
    return url if parts.path else f"{url}/"


PageAddress = Annotated[str, AfterValidator(_page)]


class WebsiteConfig(SourceConfig):
    """A website, or a part of one.

    Attributes:
        start: its first page. Pages count that are on the same host, in the same folder or below it.
        way: how pages are found: by ``sitemap``, by following links from ``start`` (``crawl``), or ``auto``: by sitemap
            if there is one.
        sitemaps: where they are; none: where robots.txt says, else ``/sitemap.xml``.
        include, exclude: globs over paths, with ``**`` for any folders; ``?`` and what follows it is part of a path.
        kinds: kinds of documents that are taken in; what else is found is passed over.
        default_acl: who may read its pages. A website doesn't say, so somebody has to.
        max_pages: how many addresses a listing looks at. One that ends there removes nothing that it hasn't looked at.
        max_depth: how many links a page may be away from the start.
        delay_s: seconds between two requests; a longer ``Crawl-delay`` in robots.txt counts instead.
        trust_lastmod_days: for so many days a page counts as unchanged if its sitemap says so; 0: each is asked for.
        contact: where the site's owners reach yours, as a mail address: it is part of ``User-Agent``.
        allow_private: whether it may be in a private network, or on this machine.
    """

    start: PageAddress
    way: Literal["auto", "sitemap", "crawl"] = "auto"
    sitemaps: tuple[PageAddress, ...] = ()
    include: Annotated[tuple[str, ...], Field(min_length=1)] = ("**",)
    exclude: tuple[str, ...] = ()
    kinds: tuple[Office | Other, ...] = (
        "html",
        "pdf",
        "docx",
        "pptx",
        "xlsx",
        "doc",
        "ppt",
        "xls",
        "odt",
        "ods",
        "rtf",
        "text",
    )
    default_acl: AccessTerms
    max_pages: Annotated[int, Field(gt=0, le=1_000_000)] = 10_000
    max_depth: Positive = 10
    delay_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    trust_lastmod_days: Annotated[int, Field(ge=0)] = 7
    contact: Annotated[str, Field(pattern=r"^[ -~]{1,100}$")] | None = None
    allow_private: bool = False
