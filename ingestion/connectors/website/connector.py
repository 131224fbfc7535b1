"""The website connector: the pages and files of one host, as its sitemaps or its links lead to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import httpx

from core.errors import InvalidRequest, NotFound, SecretFile, SourceRefuses, SourceUnavailable, UnreadableDocument
from core.logs import get_logger
from ingestion.connectors.http import SourceAnswer, Timing
from ingestion.connectors.port import Change, ConnectorContext, Cursor, Known, Page, Sink
from ingestion.connectors.website.config import WebsiteConfig
from ingestion.connectors.website.frontier import Frontier, Visit
from ingestion.connectors.website.site import Site, secret_of
from ingestion.connectors.website.sitemaps import read_sitemaps
from ingestion.connectors.website.visits import Outcome, Visitor
from ingestion.secret_files import LOOKED_AT, secret_by_content

_log = get_logger(__name__)
_PAGE = 50
"""Visits between two pages of a listing: with a second between requests, what a cut-off costs is a minute."""
_MOST_OUTAGES = 5
"""So many pages in a row that don't answer are the site's outage, not theirs."""


class WebsiteConnector:
    """Walks a website, and reads its pages.

    A walk visits every address once, those nearest to the start first. Each document's note says by which walk it was
    visited last, and where it links to: so a walk that is cut off goes on from notes, and its cursor is only its name.
    """

    config_model: ClassVar = WebsiteConfig

    def __init__(self, config: WebsiteConfig, context: ConnectorContext, timing: Timing | None = None) -> None:
        self._config = config
        self._context = context
        self._site = Site(config, context, timing)

    @classmethod
    def open(cls, config: WebsiteConfig, context: ConnectorContext) -> WebsiteConnector:
        """See :meth:`ingestion.connectors.port.Connector.open`."""
        connector = cls(config, context)
        if not connector._site.owns(connector._site.start):
            raise InvalidRequest("The source's config: 'include' and 'exclude' leave out 'start' itself.")
        return connector

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """Every page there is now; see :meth:`ingestion.connectors.port.Connector.changes`."""
        walk = str(cursor["walk"]) if "walk" in cursor else self._context.clock.now().isoformat()
        frontier = Frontier(self._site, self._config, follows=self._config.way == "crawl")
        self._begin(frontier)
        if "walk" in cursor:
            frontier.resume(walk, known)
        visitor = Visitor(self._site, self._config, self._context, walk)
        outages = 0
        while batch := frontier.take(_PAGE):
            notes = known.notes([self._site.id_of(visit.url) for visit in batch])
            changes: dict[str, Change] = {}
            for visit in batch:
                external_id = self._site.id_of(visit.url)
                outcome = visitor.visit(visit, notes.get(external_id), frontier)
                outages = outages + 1 if outcome.outage else 0
                if outages >= _MOST_OUTAGES:
                    raise SourceUnavailable(f"{self._site.name} doesn't answer. Its documents wait until it does.")
                changes.update((change.external_id, change) for change in outcome.changes)
                self._follow(frontier, visit, outcome)
            yield Page(changes=list(changes.values()), cursor={"walk": walk})
        if not frontier.whole:
            _log.warning("website.not_whole", source_id=self._context.source_id, visited=frontier.visited)
        yield Page(changes=(), cursor={}, complete=frontier.whole)

    def _begin(self, frontier: Frontier) -> None:
        """Fill the frontier with what is visited first.

        Raises:
            SourceUnavailable, SourceRefuses: neither sitemap nor start page answers, or robots.txt forbids them.
        """
        if self._config.way != "crawl":
            named = read_sitemaps(self._site, self._config.sitemaps, self._config.max_pages)
            if named.read:
                frontier.whole = frontier.whole and named.whole
                for url, changed in named.pages.values():
                    frontier.add(Visit(url, 0, changed, is_named=True))
                return
            if self._config.way == "sitemap" or self._config.sitemaps:
                raise SourceRefuses(
                    f"{self._site.name} has no sitemap that can be read: name it in sitemaps, or crawl."
                )
            frontier.follows = True
        if not self._site.allows(self._site.start):
            raise SourceRefuses(f"{self._site.name} forbids its start page to us (robots.txt): ask its owners.")
        frontier.add(Visit(self._site.start, 0, is_named=True, is_start=True))

    def _follow(self, frontier: Frontier, visit: Visit, outcome: Outcome) -> None:
        if not frontier.follows:
            return
        if outcome.links is None:
            frontier.whole = False  # what lies behind it can't be told, and so not what is gone
        elif visit.depth < self._config.max_depth:
            for url in outcome.links:
                frontier.add(Visit(url, visit.depth + 1))

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """See :meth:`ingestion.connectors.port.Connector.fetch`.

        Raises:
            NotFound, DocumentTooLarge: as there.
            SecretFile: it is never a document.
            UnreadableDocument: this page is closed to us.
        """
        if (secret := secret_of(external_id)) is not None:
            raise SecretFile(f"{external_id} is never a document: {secret}. Keep it elsewhere.")
        url = self._site.url_of(external_id) if external_id.startswith("/") else None
        if url is None or not (self._site.owns(url) and self._site.allows(url)):
            raise NotFound(f"{external_id} is no page of this source, or robots.txt forbids it.")
        guard = _Guard(external_id, into)
        try:
            headers = self._site.download(url, guard)
        except SourceRefuses as error:
            status = error.__cause__.status if isinstance(error.__cause__, SourceAnswer) else 0
            if httpx.codes.is_redirect(status):
                raise NotFound(f"{external_id} leads away from the site now.") from error
            if httpx.codes.is_server_error(status):
                raise SourceUnavailable(f"{url} answers with an error ({status}).") from error
            if status:
                raise UnreadableDocument(f"{url} is closed to us ({status}).") from error
            raise
        guard.end()
        told: str | None = headers.get("content-type")
        return told

    def close(self) -> None:
        """Let go of connections."""
        self._site.close()


class _Guard:
    """Passes bytes on once the first of them are known to be no secret."""

    def __init__(self, external_id: str, into: Sink) -> None:
        self._external_id = external_id
        self._into = into
        self._head: bytearray | None = bytearray()

    def write(self, piece: bytes, /) -> Any:
        if self._head is None:
            return self._into.write(piece)
        self._head += piece
        return self.end() if len(self._head) >= LOOKED_AT else None

    def end(self) -> None:
        """Look at what has come, and let it through."""
        if self._head is None:
            return
        head, self._head = bytes(self._head), None
        if (secret := secret_by_content(self._external_id, head)) is not None:
            raise SecretFile(f"{self._external_id} is never a document: {secret}. Keep it elsewhere.")
        self._into.write(head)
