"""Which addresses are a site's, what robots.txt allows, and the requests that are made of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import httpx
from protego import Protego

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.globs import compile_globs
from ingestion.connectors.http import SourceAnswer, SourceClient, Timing
from ingestion.connectors.port import ConnectorContext, Sink
from ingestion.connectors.website.config import WebsiteConfig
from ingestion.secret_files import secret_by_name

AGENT = "Footnote"
_LONGEST_URL = 2000
_MOST_PAGE_BYTES = 20_000_000
"""Of what is read whole to look at it; longer files are known by their headers."""
MOST_SITEMAP_BYTES = 52_428_800
"""What sitemaps.org allows one to have, unpacked."""
_MOST_ROBOTS = 512_000
"""Characters; RFC 9309 asks for 500 KiB at least."""
_LONGEST_DELAY_S = 60.0
_FAULTY = 500
_PORTS = {"http": 80, "https": 443}


class Site:
    """One website.

    Documents go by their path, with the query if there is one: ``/docs/a.html?v=2``.
    """

    def __init__(self, config: WebsiteConfig, context: ConnectorContext, timing: Timing | None = None) -> None:
        self._config = config
        self._context = context
        self._timing = timing
        self._clients: list[SourceClient] = []
        self.start = httpx.URL(config.start).copy_with(fragment=None)
        self.name = f"The website {self.start.scheme}://{self.start.netloc.decode()}"
        self._folder = self.id_of(self.start).partition("?")[0].rpartition("/")[0] + "/"
        self._include = compile_globs(config.include)
        self._exclude = compile_globs(config.exclude)

    def id_of(self, url: httpx.URL) -> str:
        """The external id of a page."""
        return url.raw_path.decode("ascii")

    def url_of(self, external_id: str) -> httpx.URL:
        """The address of a page, by its external id."""
        return self.start.copy_with(raw_path=external_id.encode("ascii", "replace"))

    def is_here(self, url: httpx.URL) -> bool:
        """Whether an address is on this host."""
        if url.scheme not in _PORTS or url.host != self.start.host or url.userinfo:
            return False
        return _port(url) == _port(self.start) or (url.port is None and self.start.port is None)

    def owns(self, url: httpx.URL) -> bool:
        """Whether an address is one of this source's."""
        path = self.id_of(url)
        return (
            self.is_here(url)
            and len(path) <= _LONGEST_URL
            and path.startswith(self._folder)
            and bool(self._include.match(path[1:]))
            and not self._exclude.match(path[1:])
        )

    def allows(self, url: httpx.URL) -> bool:
        """Whether robots.txt lets us ask for an address."""
        return bool(self._robots.can_fetch(str(url), AGENT))

    def read(self, link: str, base: httpx.URL) -> httpx.URL | None:
        """The address that a link leads to, if it is one of this source's."""
        try:
            url = base.join(link.strip()).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError):
            return None
        if url.scheme not in _PORTS or not url.host:
            return None
        if not url.path:
            url = url.copy_with(path="/")
        return url if self.owns(url) else None

    @property
    def named_sitemaps(self) -> list[str]:
        """The sitemaps that robots.txt names."""
        return list(self._robots.sitemaps)

    def look(self, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        """A page, whole; of one that is too long for that the beginning, with the headers of all of it.

        Raises:
            NotFound, SourceRefuses, SourceUnavailable, DocumentTooLarge: as :class:`SourceClient`.
        """
        try:
            return self._pages.get(str(url), headers=headers)
        except DocumentTooLarge:
            return self._pages.get(str(url), headers={**headers, "range": "bytes=0-0"})

    def sitemap(self, url: str) -> httpx.Response:
        """A sitemap; errors as for :meth:`look`."""
        return self._sitemaps.get(url)

    def download(self, url: httpx.URL, into: Sink) -> httpx.Headers:
        """All of a file; errors as for :meth:`look`."""
        return self._pages.download(str(url), into, most=self._context.max_file_bytes)

    def close(self) -> None:
        """Let go of connections."""
        for client in self._clients:
            client.close()

    @cached_property
    def _robots(self) -> Protego:
        client = self._client(self._config.delay_s, _MOST_ROBOTS * 4)
        try:
            text = client.get(str(self.start.copy_with(raw_path=b"/robots.txt"))).text[:_MOST_ROBOTS]
        except (NotFound, DocumentTooLarge):
            text = ""
        except SourceRefuses as error:
            if not isinstance(error.__cause__, SourceAnswer):
                raise
            if error.__cause__.status >= _FAULTY:  # RFC 9309, 2.3.1.4: then nothing is allowed
                raise SourceUnavailable(f"{self.name} answers its robots.txt with an error.") from error
            text = ""
        return Protego.parse(text)

    @cached_property
    def _delay_s(self) -> float:
        asked = float(self._robots.crawl_delay(AGENT) or 0)
        rate = self._robots.request_rate(AGENT)
        if rate is not None:
            asked = max(asked, rate.seconds / rate.requests)
        if asked > _LONGEST_DELAY_S:
            raise SourceRefuses(
                f"{self.name} wants {asked:g} s between requests (robots.txt): ask its owners for a rule for {AGENT}."
            )
        return max(asked, self._config.delay_s)

    @cached_property
    def _pages(self) -> SourceClient:
        return self._client(self._delay_s, _MOST_PAGE_BYTES)

    @cached_property
    def _sitemaps(self) -> SourceClient:
        return self._client(self._delay_s, MOST_SITEMAP_BYTES)

    def _client(self, delay_s: float, most: int) -> SourceClient:
        contact = f" (+{self._config.contact})" if self._config.contact else ""
        more: dict[str, Any] = {} if self._timing is None else {"timing": self._timing}
        client = SourceClient(
            self.name,
            headers={"user-agent": f"{AGENT}{contact}"},
            allow_private=self._config.allow_private,
            most_answer_bytes=most,
            rate=1 / delay_s if delay_s else None,
            budget=self._context.budget,
            proxy=self._context.proxy,
            follows=self.is_here,
            **more,
        )
        self._clients.append(client)
        return client


def secret_of(external_id: str) -> str | None:
    """What secret a page is, by its path."""
    return secret_by_name(external_id.partition("?")[0].lstrip("/"))


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS[url.scheme]
