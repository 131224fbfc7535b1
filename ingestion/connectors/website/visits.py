"""One visit to a page: what is asked of it, and what the answer means for the listing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, SourceUnavailable, UnreadableDocument
from core.metadata import Metadata
from ingestion.connectors.http import SourceAnswer
from ingestion.connectors.port import Change, ConnectorContext, Delete, Note, Present, Unreadable, Upsert, Withheld
from ingestion.connectors.website.config import WebsiteConfig
from ingestion.connectors.website.frontier import Frontier, Visit
from ingestion.connectors.website.pages import Look, read_look, told_date
from ingestion.connectors.website.site import Site, secret_of
from ingestion.partitioning.facts import clean_tags

_FAULTY = 500
_CLOSED = frozenset({401, 403})
_MOST_LINKS = 1000
"""Of a page that are kept in its note. Of one with more, validators aren't kept: it is read whole each time."""


@dataclass
class Outcome:
    """What a visit led to.

    Attributes:
        links: where the page leads; None: that can't be told now.
        outage: the site didn't answer.
    """

    changes: list[Change] = field(default_factory=list)
    links: list[httpx.URL] | None = field(default_factory=list)
    outage: bool = False


class Visitor:
    """Visits pages in the course of one walk."""

    def __init__(self, site: Site, config: WebsiteConfig, context: ConnectorContext, walk: str) -> None:
        self._site = site
        self._config = config
        self._context = context
        self._walk = walk
        self._readers = context.readers(config)
        self._now = context.clock.now()

    def visit(self, visit: Visit, note: Note | None, frontier: Frontier) -> Outcome:
        """Visit one page.

        Raises:
            SourceUnavailable, SourceRefuses: it is the start, and can't be read.
        """
        external_id = self._site.id_of(visit.url)
        if (secret := secret_of(external_id)) is not None:
            return Outcome([Withheld(external_id, secret)])
        if note is not None and self._is_fresh(visit, note):
            return self._again(external_id, visit, note)
        try:
            look = self._look(visit.url, note)
            if look is None:
                assert note is not None
                checked = {"checked": self._now.isoformat(), "lastmod": visit.changed}
                dated = {"dated": visit.changed} if visit.changed else {}
                return self._again(external_id, visit, {**note, **checked, **dated})
            outcome = self._found(visit, look, frontier)
        except (NotFound, SourceRefuses, SourceUnavailable, DocumentTooLarge, UnreadableDocument) as error:
            if visit.is_start and frontier.follows:
                raise self._no_start(error) from error
            return self._failed(external_id, visit, note, error)
        if note is not None and all(change.external_id != external_id for change in outcome.changes):
            # It asks to be left out now, or goes by another address.
            outcome.changes.append(Delete(external_id))
        return outcome

    def _is_fresh(self, visit: Visit, note: Note) -> bool:
        """Whether the sitemap's word is enough that nothing is new."""
        if not visit.changed or note.get("lastmod") != visit.changed:
            return False
        age = self._now - datetime.fromisoformat(note["checked"])
        return timedelta() <= age < timedelta(days=self._config.trust_lastmod_days)

    def _look(self, url: httpx.URL, note: Note | None) -> Look | None:
        """The page; None if it is as its note says."""
        headers = {}
        if note is not None and note.get("etag"):
            headers["if-none-match"] = note["etag"]
        if note is not None and note.get("modified"):
            headers["if-modified-since"] = note["modified"]
        answer = self._site.look(url, headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            if headers and self._site.id_of(answer.url) == self._site.id_of(url):
                return None
            # It was sent on, and what lies there has, by chance, the same ETag.
            answer = self._site.look(url, {})
        return read_look(self._site, answer)

    def _found(self, visit: Visit, look: Look, frontier: Frontier) -> Outcome:
        links = look.links
        external_id, asked = self._site.id_of(look.url), self._site.id_of(visit.url)
        if external_id != asked and (not self._may(look.url) or not frontier.enter(external_id)):
            return Outcome(links=[])  # its own visit says what it is
        canonical = look.canonical
        if canonical is not None and self._site.id_of(canonical) != external_id and self._may(canonical):
            other = self._canonical(canonical)
            if other is not None:
                # Whether it was visited before or is now: this page is the same by another name.
                if not frontier.enter(self._site.id_of(other.url)):
                    return Outcome(links=links)
                look = other
                links = None if links is None or other.links is None else links + other.links
                external_id = self._site.id_of(look.url)
        if look.noindex or (look.kind is not None and look.kind not in self._config.kinds) or look.kind is None:
            return Outcome(links=links)
        if (secret := secret_of(external_id)) is not None:
            return Outcome([Withheld(external_id, secret)], links)
        return Outcome([self._upsert(external_id, self._note(visit, look, links))], links)

    def _may(self, url: httpx.URL) -> bool:
        return self._site.owns(url) and self._site.allows(url)

    def _canonical(self, url: httpx.URL) -> Look | None:
        """The page that another names as itself; None if there is none, or it names another one in turn."""
        try:
            look = self._look(url, None)
        except (NotFound, SourceRefuses, DocumentTooLarge, UnreadableDocument):
            return None
        if look is None or look.noindex or self._site.id_of(look.url) != self._site.id_of(url):
            return None
        named = look.canonical
        return look if named is None or self._site.id_of(named) == self._site.id_of(url) else None

    def _note(self, visit: Visit, look: Look, links: list[httpx.URL] | None) -> dict[str, Any]:
        names = list(dict.fromkeys(self._site.id_of(url) for url in links or ()))
        dated = visit.changed or (look.modified if look.kind != "html" else "")
        keeps = links is not None and len(names) <= _MOST_LINKS
        return {
            "walk": self._walk,
            "depth": visit.depth,
            "etag": look.etag if keeps else "",
            "modified": look.modified if keeps else "",
            "lastmod": visit.changed,
            "dated": dated,
            "checked": self._now.isoformat(),
            "content": look.content,
            "size": look.size,
            "links": names if keeps else None,
        }

    def _again(self, external_id: str, visit: Visit, note: Note) -> Outcome:
        """A page that is as its note says."""
        seen = {**note, "walk": self._walk, "depth": visit.depth}
        links = note.get("links")
        named = None if links is None else [self._site.url_of(name) for name in links]
        return Outcome([self._upsert(external_id, seen)], named)

    def _upsert(self, external_id: str, note: dict[str, Any]) -> Upsert:
        config = self._config
        told = Metadata(department=config.department, tags=clean_tags(config.tags)).coming_from("source settings")
        facts = told.over(Metadata(modified=told_date(note["dated"])).coming_from("website"))
        described = json.dumps([note["content"], facts.to_json(), self._readers.terms()], sort_keys=True)
        return Upsert(
            external_id=external_id,
            uri=str(self._site.url_of(external_id)),
            revision=hashlib.sha256(described.encode()).hexdigest(),
            content_revision=note["content"],
            size=note["size"],
            acl=self._readers,
            metadata=facts,
            note=note,
        )

    def _failed(self, external_id: str, visit: Visit, note: Note | None, error: Exception) -> Outcome:
        """A page that can't be read: gone, closed to us, or out of order for the moment."""
        status = error.__cause__.status if isinstance(error.__cause__, SourceAnswer) else 0
        if isinstance(error, NotFound) or httpx.codes.is_redirect(status):
            return Outcome([Delete(external_id)] if note is not None else [])
        uri, reason = str(visit.url), str(error)
        if isinstance(error, SourceUnavailable) or status >= _FAULTY:
            links = None if note is None or note.get("links") is None else list(map(self._site.url_of, note["links"]))
            if note is not None:
                return Outcome([Present(external_id)], links, outage=True)
            return Outcome([Unreadable(external_id, uri, reason, self._readers)], links, outage=True)
        if note is None and not visit.is_named:
            return Outcome()
        return Outcome([Unreadable(external_id, uri, reason, None if status in _CLOSED else self._readers)])

    def _no_start(self, error: Exception) -> SourceRefuses | SourceUnavailable:
        status = error.__cause__.status if isinstance(error.__cause__, SourceAnswer) else 0
        if isinstance(error, SourceUnavailable) or status >= _FAULTY:
            return SourceUnavailable(f"{self._site.name} doesn't show its start page ({error}).")
        return SourceRefuses(f"{self._site.name} doesn't show its start page: correct start in its config ({error}).")
