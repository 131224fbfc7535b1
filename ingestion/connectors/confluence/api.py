"""Confluence's REST APIs, both dialects: what is asked, how its pages follow one another, and what errors mean.

Cloud: https://developer.atlassian.com/cloud/confluence/rest/v2/intro/ for spaces, their permissions, bodies and
attachments; v1 (https://developer.atlassian.com/cloud/confluence/rest/v1/intro/) for what v2 lacks: search,
restrictions, groups and users. Data Center: https://developer.atlassian.com/server/confluence/rest/v920/intro/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from core.errors import NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.http import SourceAnswer, SourceClient

PAGE = 200
"""Items of a page: the most that a search gives with expansions
(https://support.atlassian.com/confluence/kb/searching-for-content-with-the-rest-api-and-cql-always-limits-results-to-50).
"""
_BULK = 250
"""Items of a page in v2."""
_UNAUTHORISED, _FORBIDDEN = 401, 403


class Api:
    """Asks one Confluence.

    Args:
        client: with the credentials.
        root: what paths follow, with ``/wiki`` on Cloud.
        cloud: which dialect it speaks.
        name: what messages call it.
    """

    def __init__(self, client: SourceClient, *, root: str, cloud: bool, name: str) -> None:
        self.client = client
        self.root = root
        self.cloud = cloud
        self.name = name

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """What the answer's JSON says.

        Raises:
            NotFound, SourceRefuses, SourceUnavailable: as for :class:`SourceClient`, and SourceRefuses where we are
                taken for an anonymous reader.
        """
        try:
            response = self.client.get(self.root + path, params=params)
        except SourceRefuses as error:
            raise self.explained(error) from error
        if "AUTHENTICATED_FAILED" in response.headers.get("x-seraph-loginreason", ""):
            raise self._unknown()
        try:
            return response.json()
        except ValueError as error:
            raise SourceUnavailable(f"{self.name} answered with something that isn't JSON.") from error

    def check_login(self) -> None:
        """Make sure that we are taken for the account that the token belongs to.

        Where anonymous readers are let in, an expired token shows what they see: a listing that lacks the rest.
        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-users/#api-wiki-rest-api-user-current-get

        Raises:
            SourceRefuses: we are not.
        """
        if self.get("/rest/api/user/current").get("type") == "anonymous":
            raise self._unknown()

    def following(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Pages that are led through by ``_links.next``, relative to the context path or not."""
        answer = self.get(path, params)
        yield answer.get("results", [])
        while following := self._path(answer.get("_links", {}).get("next")):
            answer = self.get(following)
            yield answer.get("results", [])

    def windows(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Pages by ``start`` and ``limit`` of something that may change meanwhile.

        What is taken out before a window moves the rest up, and an item would be passed over. So each window begins
        with the last item of the one before; where it doesn't, we step back. Some items are then given twice.
        """
        start, last = 0, None
        while True:
            answer = self.get(path, {**params, "start": start, "limit": PAGE})
            found = answer.get("results", [])
            if last is not None and start and (not found or found[0]["id"] != last):
                start, last = max(0, start - PAGE // 2), None
                continue
            yield found
            if not found or not answer.get("_links", {}).get("next"):
                return
            start, last = start + max(1, len(found) - 1), found[-1]["id"]

    def spaces(self, keys: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
        """Spaces in use, with ``id``, ``key`` and ``name``; all, or those of these keys.

        https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-space/#api-spaces-get and
        https://developer.atlassian.com/server/confluence/rest/v920/api-group-space/#api-rest-api-space-get
        """
        path = "/api/v2/spaces" if self.cloud else "/rest/api/space"
        base = {"status": "current", "limit": _BULK if self.cloud else PAGE}
        for some in _chunks(keys, PAGE) or [()]:
            asked: dict[str, Any] = {**base}
            if some:
                asked |= {"keys": ",".join(some)} if self.cloud else {"spaceKey": list(some)}
            for page in self.following(path, asked):
                yield from page

    def space_permissions(self, space: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """What a space allows to whom, a row for each.

        https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-space-permissions/#api-spaces-id-permissions-get
        and https://developer.atlassian.com/server/confluence/rest/v920/api-group-space-permissions/, since 9.1.
        """
        if self.cloud:
            for page in self.following(f"/api/v2/spaces/{quote(str(space['id']))}/permissions", {"limit": _BULK}):
                yield from page
            return
        answer = self.get(f"/rest/api/space/{quote(space['key'])}/permissions")
        yield from answer if isinstance(answer, list) else answer.get("results", [])

    def pages(self, space: Mapping[str, Any], kinds: tuple[str, ...], expand: str) -> Iterator[Mapping[str, Any]]:
        """Pages and blog posts of a space on Data Center, without their bodies.

        They come from its database, pages by a scan that neither skips nor repeats
        (https://developer.atlassian.com/server/confluence/confluence-rest-api-examples/, since 7.18; pages alone).
        """
        asked = {"spaceKey": space["key"], "status": "current", "expand": expand}
        if "page" in kinds:
            for page in self.following("/rest/api/content/scan", {**asked, "type": "page", "limit": PAGE}):
                yield from page
        if "blogpost" in kinds:
            for page in self.windows("/rest/api/content", {**asked, "type": "blogpost"}):
                yield from page

    def pages_v2(self, space: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
        """Pages or blog posts of a space on Cloud: all that there are, where its search may lack some.

        https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/#api-spaces-id-pages-get
        """
        asked = {"status": "current", "limit": _BULK}
        for page in self.following(f"/api/v2/spaces/{quote(str(space['id']))}/{kind}s", asked):
            yield from page

    def search(self, space: str, kinds: tuple[str, ...], expand: str) -> Iterator[list[Any]]:
        """Content of a space by CQL, oldest first, so that what is added meanwhile comes last.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content/#api-wiki-rest-api-content-search-get
        """
        cql = f'space = "{_quoted(space)}" and type in ({", ".join(kinds)}) order by created asc'
        asked = {"cql": cql, "expand": expand}
        if self.cloud:
            yield from self.following("/rest/api/content/search", {**asked, "limit": PAGE})
        else:
            yield from self.windows("/rest/api/content/search", asked)

    def restrictions(self, content_id: str) -> Iterator[Mapping[str, Any]]:
        """Who may read one page, in as many pieces as it takes.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content-restrictions/
        """
        start, more = 0, True
        while more:
            asked = {"expand": "restrictions.user,restrictions.group", "start": start, "limit": PAGE}
            answer = self.get(f"/rest/api/content/{quote(content_id)}/restriction/byOperation/read", asked)
            yield answer
            told = answer.get("restrictions", {})
            more = any(len(told.get(kind, {}).get("results", [])) >= PAGE for kind in ("user", "group"))
            start += PAGE

    def address(self, link: str) -> str:
        """The whole address of a link that an answer gives, on the host that we were told and no other."""
        return self.root + self._path(link)

    def explained(self, error: SourceRefuses) -> SourceRefuses:
        """The same error with the way out, where the status tells it."""
        status = error.__cause__.status if isinstance(error.__cause__, SourceAnswer) else None
        if status == _UNAUTHORISED:
            return self._unknown()
        if status == _FORBIDDEN:
            return SourceRefuses(
                f"{self.name} doesn't let this account do that ({error.message}). "
                "docs/connectors/confluence.md lists the permissions that it needs."
            )
        return error

    def _unknown(self) -> SourceRefuses:
        made = "at id.atlassian.com, Security, API tokens" if self.cloud else "in your profile, Personal Access Tokens"
        return SourceRefuses(
            f"{self.name} doesn't accept the credentials: the token is wrong or has expired. "
            f"Make a new one {made}, and set it as the source's 'token'."
        )

    def _path(self, link: str | None) -> str:
        """A link to the next page as a path behind the root; hosts that it names are passed over."""
        if not link:
            return ""
        parts = urlsplit(link)
        context = urlsplit(self.root).path
        path = parts.path.removeprefix(context) if parts.path.startswith(f"{context}/") else parts.path
        path = f"/{path.lstrip('/')}"  # "@host/..." behind a host's name would make it a user's
        return f"{path}?{parts.query}" if parts.query else path


def refusal_of(error: NotFound | SourceRefuses) -> str:
    """What to say of permissions that couldn't be read."""
    return f"Who may read it can't be told: {error.message}"


def _chunks(items: tuple[str, ...], size: int) -> list[tuple[str, ...]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _quoted(value: str) -> str:
    """Within double quotes in CQL."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
