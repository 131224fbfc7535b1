"""A website on a real HTTP server, changed as people change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.contract.sources.world import Truth
from tests.servers.website import Website


class WebsiteWorld:
    """Documents are pages that a start page links to; everybody of one group may read them."""

    kind = "website"
    can = frozenset({"move"})

    def __init__(self, site: Website) -> None:
        self._site = site
        self._texts: dict[str, str] = {}
        self._link()

    def config(self) -> Mapping[str, Any]:
        return {
            "start": f"{self._site.url}/",
            "default_acl": ["group:staff"],
            "delay_s": 0,
            "allow_private": True,
        }

    def put(self, key: str, text: str) -> None:
        self._texts[key] = text
        self._site.page(f"/{key}.html", "/", text=text)
        self._link()

    def share(self, key: str, readers: frozenset[str]) -> None:
        raise NotImplementedError("A website doesn't say who may read a page.")

    def move(self, key: str, to: str) -> None:
        self.put(to, self._texts.pop(key))
        self._site.redirect(f"/{key}.html", f"/{to}.html")
        self._link()

    def delete(self, key: str) -> None:
        del self._texts[key]
        del self._site.pages[f"/{key}.html"]
        self._link()

    def withhold(self, key: str, withheld: bool) -> None:
        raise NotImplementedError("A website doesn't say who may read a page.")

    def members(self, group: str, users: frozenset[str]) -> None:
        raise NotImplementedError("A website has no groups.")

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        readers = frozenset({"group:staff"})
        return {f"/{key}.html": Truth(text, readers) for key, text in self._texts.items()}

    def close(self) -> None:
        pass

    def _link(self) -> None:
        # The start itself asks to be left out: the suite counts what was put.
        head = '<meta name="robots" content="noindex">'
        self._site.page("/", *(f"/{key}.html" for key in sorted(self._texts)), head=head)
