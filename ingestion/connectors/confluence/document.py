"""The HTML of one page: where it stands, its title, what it says, and what is said below it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import quote, urlencode

from core.errors import DocumentTooLarge, SourceRefuses, SourceUnavailable
from ingestion.connectors.confluence import storage
from ingestion.connectors.confluence.api import Api
from ingestion.connectors.confluence.people import People
from ingestion.connectors.confluence.storage_writer import Place
from ingestion.connectors.confluence.tree import Tree

_IN_MEMORY = 1 << 20
LARGEST_PAGE = 64_000_000
"""Bytes of a page's answer, whatever files may have: unlike them, a page lies whole in memory while it is converted."""
_COMMENTS = 50
"""Comments of a page of answers: with bodies no more are given."""


class Documents:
    """Fetches pages and blog posts.

    Args:
        most: bytes that a page's answer may have.
        links: what links within Confluence follow.
    """

    def __init__(self, api: Api, people: People, *, links: str, most: int) -> None:
        self._api = api
        self._people = people
        self._links = links
        self._most = most
        self._tree = Tree(api)

    def html(self, kind: str, content_id: str, *, comments: bool) -> str:
        """The page as HTML: its path as the first heading, so that every citation shows it.

        Raises:
            NotFound, DocumentTooLarge, SourceRefuses, SourceUnavailable.
        """
        page = self._page(kind, content_id)
        above = [page["space"].get("name", ""), *(one.get("title", "") for one in page.get("ancestors") or ())]
        path = " › ".join(filter(None, (*above, page["title"])))
        place = Place(self._links, page["space"].get("key", ""), content_id)
        said = [self._comment(one, place) for one in self._comments(content_id)] if comments else []
        body = self._converted(page["body"]["storage"]["value"], place)
        below = f"<h2>Comments</h2>{''.join(said)}" if said else ""
        title = escape(page["title"])
        return (
            f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{title}</title></head>'
            f"<body><h1>{escape(path)}</h1>\n{body}\n{below}</body></html>\n"
        )

    def _page(self, kind: str, content_id: str) -> Mapping[str, Any]:
        """A page with its body, its space and its ancestors.

        https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/#api-pages-id-get
        """
        if not self._api.cloud:
            asked = {"expand": "body.storage,space,ancestors"}
            return dict(self._large(f"/rest/api/content/{quote(content_id)}", asked))
        page = self._large(f"/api/v2/{kind}s/{quote(content_id)}", {"body-format": "storage"})
        space = self._api.get(f"/api/v2/spaces/{quote(str(page['spaceId']))}")
        self._tree.add(page)
        return {**page, "space": space, "ancestors": self._tree.above(content_id)}

    def _large(self, path: str, params: Mapping[str, str]) -> Any:
        """JSON that may be long, never more of it in memory than a document may have."""
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            into = _Bounded(file, self._most)
            try:
                self._api.client.download(f"{self._api.root}{path}?{urlencode(params)}", into, most=self._most)
            except SourceRefuses as error:
                raise self._api.explained(error) from error
            file.seek(0)
            try:
                return json.load(file)
            except ValueError as error:
                raise SourceUnavailable(f"{self._api.name} answered with something that isn't JSON.") from error

    def _comments(self, content_id: str) -> Iterator[Mapping[str, Any]]:
        """All that is said below a page, answers included.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content---children-and-descendants/
        """
        asked = {"expand": "body.storage,history", "limit": _COMMENTS}
        for page in self._api.following(f"/rest/api/content/{quote(content_id)}/descendant/comment", asked):
            yield from page

    def _comment(self, comment: Mapping[str, Any], place: Place) -> str:
        author = ((comment.get("history") or {}).get("createdBy") or {}).get("displayName", "")
        by = f"<p><strong>{escape(author)}</strong></p>" if author else ""
        return by + self._converted(comment["body"]["storage"]["value"], place)

    def _converted(self, text: str, place: Place) -> str:
        return storage.to_html(text, place, self._people.names(storage.mentioned(text)))


class _Bounded:
    """A sink that takes so many bytes and no more."""

    def __init__(self, file: Any, most: int) -> None:
        self._file = file
        self._left = most
        self._most = most

    def write(self, piece: bytes, /) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise DocumentTooLarge(
                f"Confluence's answer has over {self._most} bytes: twice parsing.max_file_mb, or the {LARGEST_PAGE} "
                "that a page may have at most. Split the page."
            )
        self._file.write(piece)
