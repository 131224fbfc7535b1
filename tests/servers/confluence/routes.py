"""What the paths of Confluence's REST APIs answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tests.servers.confluence import shapes
from tests.servers.confluence.cql import BadQuery, parse
from tests.servers.confluence.site import Content, Site, Space

Route = tuple[str, Callable[..., Any]]
"""A path behind the context path, as a pattern, and what answers it: JSON, or an attachment's content."""


class Refused(Exception):
    """An answer that isn't 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Routes:
    """The routes of a site, by dialect.

    Attributes:
        url: the address that links name, with the context path.
    """

    def __init__(self, site: Site, context: str) -> None:
        self.site = site
        self.context = context
        self.url = ""
        self._walks: list[Sequence[Any]] = []

    def _both(self) -> list[Route]:
        return [
            (r"/rest/api/user/current", lambda _: {"type": "known", "displayName": "Robot"}),
            (r"/rest/api/content/search", self._search),
            (r"/rest/api/content/(\w+)/restriction/byOperation/read", self._restriction),
            (r"/rest/api/content/(\w+)/descendant/comment", self._comments),
            (r"/rest/api/group", self._groups),
            (r"/download/attachments/(\w+)/(.+)", self._download),
        ]

    def cloud(self) -> list[Route]:
        """Those of Cloud: v2, and what is left of v1."""
        return [
            *self._both(),
            (r"/rest/api/group/([^/]+)/membersByGroupId", self._members),
            (r"/rest/api/user/bulk", self._users),
            (r"/api/v2/spaces", self._spaces_v2),
            (r"/api/v2/spaces/(\d+)/permissions", self._permissions_v2),
            (r"/api/v2/spaces/(\d+)", lambda _, number: shapes.space_v2(self._space(number))),
            (r"/api/v2/spaces/(\d+)/(page|blogpost)s", self._pages_v2),
            (r"/api/v2/(page|blogpost|folder)s/(\d+)", self._page_v2),
            (r"/api/v2/attachments/(att\d+)", lambda _, one: shapes.attachment_v2(self._one(one, "attachment"))),
        ]

    def data_center(self) -> list[Route]:
        """Those of Data Center."""
        return [
            *self._both(),
            (r"/rest/api/group/([^/]+)/member", self._members),
            (r"/rest/api/user", self._user),
            (r"/rest/mobile/1\.0/profile/([^/]+)", self._profile),
            (r"/rest/api/space", self._spaces_v1),
            (r"/rest/api/space/([^/]+)/permissions", self._permissions_v1),
            (r"/rest/api/content/scan", self._scan),
            (r"/rest/api/content", self._browse),
            (r"/rest/api/content/(\w+)", lambda query, one: self._v1([self._one(one)], query)[0]),
        ]

    def _one(self, content_id: str, kind: str | None = None) -> Content:
        """Content that a reader of everything sees; what is in the bin is not found."""
        found = self.site.content.get(content_id)
        if found is None or not self.site.shown(found) or (kind and found.type != kind):
            raise Refused(404, f"No content found with id: ContentId{{id={content_id}}}")
        return found

    def _v1(self, found: Sequence[Content], query: Mapping[str, str]) -> list[Any]:
        expand = [wanted for wanted in query.get("expand", "").split(",") if wanted]
        return [shapes.content(self.site, one, expand) for one in found]

    def _most(self, query: Mapping[str, str]) -> int:
        """Of a search: 50 with bodies, 200 with other expansions, else 1,000.

        https://support.atlassian.com/confluence/kb/searching-for-content-with-the-rest-api-and-cql-always-limits-results-to-50
        """
        expand = query.get("expand", "")
        return min(int(query.get("limit", 25)), 50 if "body" in expand else 200 if expand else 1000)

    def _search(self, query: Mapping[str, str]) -> Any:
        """Cloud leads on by a cursor, Data Center by ``start``.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content/#api-wiki-rest-api-content-search-get
        """
        try:
            asked = parse(query.get("cql", ""))
        except BadQuery as error:
            raise Refused(400, str(error)) from error
        limit, path = self._most(query), "/rest/api/content/search"
        if not self.site.cloud:
            return self._window(path, asked.run(self.site), query, limit)
        return self._cursor(path, lambda: asked.run(self.site), query, limit, lambda some: self._v1(some, query))

    def _scan(self, query: Mapping[str, str]) -> Any:
        """Pages alone, from the database, led on by a cursor.

        https://developer.atlassian.com/server/confluence/confluence-rest-api-examples/
        """
        if query.get("type", "page") != "page":
            raise Refused(400, "Only pages can be scanned")
        space = query.get("spaceKey")

        def find() -> list[Content]:
            pages = (one for one in self.site.content.values() if one.type == "page")
            return [one for one in pages if space is None or one.space == space]

        most = self._most(query)
        return self._cursor("/rest/api/content/scan", find, query, most, lambda some: self._v1(some, query))

    def _browse(self, query: Mapping[str, str]) -> Any:
        """https://developer.atlassian.com/server/confluence/pagination-in-the-rest-api/"""
        wanted = (query.get("type", "page"), query.get("spaceKey"))
        found = [one for one in self.site.content.values() if (one.type, one.space) == wanted and self.site.shown(one)]
        return self._window("/rest/api/content", found, query, self._most(query))

    def _restriction(self, query: Mapping[str, str], content_id: str) -> Any:
        one = self._one(content_id)
        if one.withheld:
            raise Refused(403, "Not permitted to view the restrictions of this content")
        start, limit = int(query.get("start", 0)), min(int(query.get("limit", 100)), 200)
        return shapes.restriction(self.site, one, start, limit)

    def _comments(self, query: Mapping[str, str], content_id: str) -> Any:
        page = self._one(content_id)
        found = [one for one in self.site.content.values() if one.type == "comment" and one.parent == page.id]
        shown = [one for one in found if one.status == "current"]
        return self._window(f"/rest/api/content/{page.id}/descendant/comment", shown, query, self._most(query))

    def _groups(self, query: Mapping[str, str]) -> Any:
        told = [shapes.group(self.site, one) for one in self.site.groups.values()]
        return self._listed("/rest/api/group", told, query)

    def _members(self, query: Mapping[str, str], group_id: str) -> Any:
        found = next((one for one in self.site.groups.values() if one.id == group_id), None)
        if found is None:
            raise Refused(404, "The group does not exist")
        told = [shapes.user(self.site, self.site.users[key]) for key in sorted(found.members)]
        last = "membersByGroupId" if self.site.cloud else "member"
        return self._listed(f"/rest/api/group/{group_id}/{last}", told, query)

    def _users(self, query: Mapping[str, str]) -> Any:
        """100 at most; of more the first 100.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-users/#api-wiki-rest-api-user-bulk-get
        """
        found = [self.site.users[key] for key in query["accountId"].split(",")[:100] if key in self.site.users]
        told = [shapes.user(self.site, one) for one in found]
        return {"results": told, "start": 0, "limit": 100, "size": len(told), "_links": {}}

    def _user(self, query: Mapping[str, str]) -> Any:
        if query.get("key") not in self.site.users:
            raise Refused(404, "No user found")
        return shapes.user(self.site, self.site.users[query["key"]])

    def _profile(self, _: Mapping[str, str], username: str) -> Any:
        for one in self.site.users.values():
            if one.name == username and one.visible:
                return {"userName": one.name, "fullName": one.name.title(), "email": one.email}
        raise Refused(404, "No profile")

    def _spaces_v2(self, query: Mapping[str, str]) -> Any:
        wanted = query.get("keys")
        found = [one for one in self.site.spaces.values() if wanted is None or one.key in wanted.split(",")]
        return self._cursor(
            "/api/v2/spaces", lambda: found, query, 250, lambda some: [shapes.space_v2(one) for one in some]
        )

    def _spaces_v1(self, query: Mapping[str, str]) -> Any:
        wanted = query.get("spaceKey")
        found = [one for one in self.site.spaces.values() if wanted is None or one.key in wanted.split(",")]
        return self._listed("/rest/api/space", [shapes.space(self.site, one) for one in found], query)

    def _space(self, number: str) -> Space:
        found = next((one for one in self.site.spaces.values() if str(one.id) == number), None)
        if found is None:
            raise Refused(404, "Space not found")
        return found

    def _page_v2(self, query: Mapping[str, str], kind: str, content_id: str) -> Any:
        return shapes.page_v2(self.site, self._one(content_id, kind), body="body-format" in query)

    def _pages_v2(self, query: Mapping[str, str], number: str, kind: str) -> Any:
        """https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/#api-spaces-id-pages-get"""
        space = self._space(number).key

        def find() -> list[Content]:
            return [one for one in self.site.content.values() if (one.type, one.space) == (kind, space)]

        path = f"/api/v2/spaces/{number}/{kind}s"
        return self._cursor(path, find, query, 250, lambda some: [shapes.page_v2(self.site, one) for one in some])

    def _permissions_v2(self, query: Mapping[str, str], number: str) -> Any:
        found = self._space(number)
        if found.withheld:
            raise Refused(403, "Not permitted to view the permissions of this space")
        return self._cursor(
            f"/api/v2/spaces/{number}/permissions", lambda: shapes.permissions_v2(found), query, 250, list
        )

    def _permissions_v1(self, _: Mapping[str, str], key: str) -> Any:
        found = self.site.spaces.get(key)
        if found is None:
            raise Refused(404, "Space not found")
        if found.withheld:
            raise Refused(403, "Only administrators may view permissions")
        return shapes.permissions_v1(self.site, found)

    def _download(self, _: Mapping[str, str], page: str, name: str) -> Content:
        for one in self.site.content.values():
            if one.type == "attachment" and (one.parent, one.title) == (page, name) and self.site.shown(one):
                return one
        raise Refused(404, "No such attachment")

    def _window(self, path: str, found: Sequence[Content], query: Mapping[str, str], limit: int) -> Any:
        start = int(query.get("start", 0))
        return self._paged(
            path, self._v1(found[start : start + limit], query), query, start=start, limit=limit, total=len(found)
        )

    def _listed(self, path: str, told: list[Any], query: Mapping[str, str]) -> Any:
        start, limit = int(query.get("start", 0)), min(int(query.get("limit", 200)), 200)
        return self._paged(path, told[start : start + limit], query, start=start, limit=limit, total=len(told))

    def _paged(
        self, path: str, some: list[Any], query: Mapping[str, str], *, start: int, limit: int, total: int
    ) -> Any:
        links = {"base": self.url, "context": self.context, "self": path}
        if start + limit < total:
            links["next"] = f"{path}?{urlencode({**query, 'start': start + limit, 'limit': limit})}"
        return {"results": some, "start": start, "limit": limit, "size": len(some), "_links": links}

    def _cursor(
        self,
        path: str,
        find: Callable[[], Sequence[Any]],
        query: Mapping[str, str],
        most: int,
        told: Callable[[Sequence[Any]], Any],
    ) -> Any:
        """A page of what was found when the walk began, less what has gone since.

        v1's links are relative to ``_links.base``, v2's to the host
        (https://developer.atlassian.com/cloud/confluence/rest/v2/intro/#using-the-rest-api).
        """
        limit = min(int(query.get("limit", 25)), most)
        if "cursor" in query:
            walk, at = json.loads(base64.urlsafe_b64decode(query["cursor"]))
        else:
            self._walks.append(find())
            walk, at = len(self._walks) - 1, 0
        found = self._walks[walk]
        some = [one for one in found[at : at + limit] if not isinstance(one, Content) or self.site.shown(one)]
        links = {"base": self.url, "context": self.context}
        if at + limit < len(found):
            mark = base64.urlsafe_b64encode(json.dumps([walk, at + limit]).encode()).decode()
            prefix = self.context if path.startswith("/api/v2") else ""
            links["next"] = f"{prefix}{path}?{urlencode({**query, 'cursor': mark, 'limit': limit})}"
        return {"results": told(some), "start": 0, "limit": limit, "size": len(some), "_links": links}
