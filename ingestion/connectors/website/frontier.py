"""What a walk over a website has yet to visit."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import httpx

from ingestion.connectors.port import Known
from ingestion.connectors.website.config import WebsiteConfig
from ingestion.connectors.website.site import Site


@dataclass(frozen=True, slots=True)
class Visit:
    """An address to visit.

    Attributes:
        depth: links between it and the start.
        changed: when it last changed, as its sitemap says.
        is_named: the site's owners, or ours, name it: if it can't be read, that is worth saying.
    """

    url: httpx.URL
    depth: int
    changed: str = ""
    is_named: bool = False
    is_start: bool = False


class Frontier:
    """Addresses, each once, in the order in which they were found: those nearest to the start come first.

    Attributes:
        follows: links of pages are followed.
        whole: the walk will have been everywhere, as far as is known yet.
        visited: how many addresses were taken.
    """

    def __init__(self, site: Site, config: WebsiteConfig, *, follows: bool) -> None:
        self._site = site
        self._most = config.max_pages
        self._max_depth = config.max_depth
        self._todo: deque[Visit] = deque()
        self._seen: set[str] = set()
        self._waiting: set[str] = set()
        self.follows = follows
        self.whole = True
        self.visited = 0

    def add(self, visit: Visit) -> None:
        """Note an address to be visited, if it is new and robots.txt allows it."""
        external_id = self._site.id_of(visit.url)
        if external_id not in self._seen and self._site.allows(visit.url):
            self._seen.add(external_id)
            self._waiting.add(external_id)
            self._todo.append(visit)

    def enter(self, external_id: str) -> bool:
        """Note that an address is being visited out of turn, as a redirect leads to it; False: it had its turn."""
        if external_id in self._seen and external_id not in self._waiting:
            return False
        self._seen.add(external_id)
        self._waiting.discard(external_id)
        return True

    def take(self, most: int) -> list[Visit]:
        """The next addresses; none at the end."""
        batch: list[Visit] = []
        while self._todo and len(batch) < most:
            if self.visited == self._most and self._waiting:
                self.whole = False
                break
            visit = self._todo.popleft()
            external_id = self._site.id_of(visit.url)
            if external_id in self._waiting:
                self._waiting.remove(external_id)
                self.visited += 1
                batch.append(visit)
        return batch

    def resume(self, walk: str, known: Known) -> None:
        """Go on where a walk was cut off: not again to what it has visited, but to where that links."""
        visited = {name: note for name, note in known.below("") if note.get("walk") == walk}
        self._seen |= set(visited)
        self._waiting -= set(visited)
        self.visited = min(len(visited), self._most)
        if not self.follows:
            return
        for note in sorted(visited.values(), key=lambda note: int(note["depth"])):
            links, depth = note.get("links"), int(note["depth"])
            if links is None:
                self.whole = False
            for name in (links or []) if depth < self._max_depth else []:
                self.add(Visit(self._site.url_of(name), depth + 1))
