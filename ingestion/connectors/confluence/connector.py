"""Confluence as a source: pages, blog posts and attachments of its spaces, with who may read them.

Each listing reads every space whole, without bodies: changed restrictions touch neither a page's version nor the date
by which Confluence finds changes, so only the restrictions themselves tell. The same answers carry version numbers,
which makes a question for what changed since (``lastmodified``) unnecessary, and with it every doubt about clocks. An
unchanged page costs a two-hundredth of a request.
"""

from __future__ import annotations

import mimetypes
from base64 import b64encode
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Self
from urllib.parse import quote

from core.errors import DocumentTooLarge, NotFound, SourceRefuses
from core.logs import get_logger
from ingestion.connectors.confluence.access import ALL_OF, Gates, joint_group, passing
from ingestion.connectors.confluence.api import Api
from ingestion.connectors.confluence.config import ConfluenceConfig
from ingestion.connectors.confluence.document import LARGEST_PAGE, Documents
from ingestion.connectors.confluence.listing import Listing, Space
from ingestion.connectors.confluence.people import People
from ingestion.connectors.http import SourceClient
from ingestion.connectors.port import (
    Change,
    ConnectorContext,
    Cursor,
    Known,
    Membership,
    Page,
    Sink,
    Unreadable,
)

log = get_logger(__name__)

_PAGE = 500
_PIECE = 1 << 20
_VAGUE = ("", "application/octet-stream", "binary/octet-stream")


class ConfluenceConnector:
    """One Confluence, Cloud or Data Center."""

    config_model = ConfluenceConfig

    def __init__(self, config: ConfluenceConfig, context: ConnectorContext, client: SourceClient) -> None:
        self._config = config
        self._context = context
        self._name = f"Confluence at {config.base_url}"
        self._client = client
        self._api = Api(client, root=config.root, cloud=config.is_cloud, name=self._name)
        self._people = People(self._api, config.email_domain)
        # The storage format travels within JSON, which escapes some of it, and turns into about as much HTML.
        most = min(2 * context.max_file_bytes, LARGEST_PAGE)
        self._documents = Documents(self._api, self._people, links=config.links, most=most)
        self._listing = Listing(self._api, self._people, config, context)

    @classmethod
    def open(cls, config: ConfluenceConfig, context: ConnectorContext) -> Self:
        """A connector that has asked nothing yet."""
        client = SourceClient(
            f"Confluence at {config.base_url}",
            base_url=config.root,
            authorise=lambda _: _authorisation(config),
            headers={"Accept": "application/json"},
            allow_private=config.allow_private_addresses,
        )
        return cls(config, context, client)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """Every document there is, space by space in the order of their keys.

        The cursor is the last space that was listed whole; one that was cut off is listed again from its beginning. A
        space that is configured and went hides its documents, and ends the listing without a word on what is gone.
        """
        self._api.check_login()
        spaces = self._spaces()
        done = str(cursor.get("done", ""))
        for space in (space for space in spaces if space["key"] > done):
            for some in _chunks(self._listing.changes(space)):
                yield Page(changes=some, cursor={"done": done} if done else {})
            done = space["key"]
            yield Page(changes=[], cursor={"done": done})
        self._tell_unresolved()
        lost = sorted(set(self._config.spaces) - {space["key"] for space in spaces})
        if lost:
            yield from self._hidden(lost, known, {"done": done} if done else {})
            raise SourceRefuses(
                f"{self._name} has no space {', '.join(lost)} that this account may see; their documents are hidden. "
                "Give the account the permission to view it, or take it out of the source's 'spaces'."
            )
        self._api.check_login()
        yield Page(changes=[], complete=True)

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """The HTML that is made of a page or a blog post, or the bytes of an attachment."""
        kind, _, content_id = external_id.partition("/")
        if kind == "attachment":
            return self._fetch_attachment(content_id, into)
        content = self._documents.html(kind, content_id, comments=self._config.comments).encode("utf-8", "replace")
        self._check_size(len(content))
        for at in range(0, len(content), _PIECE):
            into.write(content[at : at + _PIECE])
        return "text/html"

    def memberships(self) -> Iterator[Membership]:
        """Confluence's groups, and those that stand for several restrictions at once."""
        self._api.check_login()
        members: dict[str, frozenset[str]] = {}
        for group in self._people.group_ids():
            members[group] = self._people.members(group)
        for group, users in members.items():
            if not group.startswith(ALL_OF):
                yield self._membership(group, users)
        joint: set[Gates] = set()
        for space in self._spaces():
            joint |= self._listing.joint_gates(space)
        for gates in joint:
            yield self._membership(joint_group(gates), passing(gates, members))
        self._api.check_login()
        self._tell_unresolved()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _spaces(self) -> list[Space]:
        return sorted(self._api.spaces(self._config.spaces), key=lambda space: str(space["key"]))

    def _membership(self, group: str, users: frozenset[str]) -> Membership:
        return Membership(self._context.group(group), frozenset(self._people.emails(users).values()))

    def _hidden(self, lost: list[str], known: Known, cursor: Cursor) -> Iterator[Page]:
        """Spaces that can't be seen any more: nobody knows who may read what was in them."""
        found = (external_id for external_id, note in known.below("") if note.get("space") in lost)
        reason = "Its space is gone from Confluence, or hidden from this account."
        for some in _chunks(Unreadable(one, one, reason) for one in found):
            yield Page(changes=some, cursor=cursor)

    def _fetch_attachment(self, content_id: str, into: Sink) -> str | None:
        """Cloud: https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-attachment/#api-attachments-id-get"""
        if self._api.cloud:
            told = self._api.get(f"/api/v2/attachments/{quote(content_id)}")
            media_type, size = told.get("mediaType"), told.get("fileSize")
            link = told.get("downloadLink") or told.get("_links", {}).get("download")
        else:
            told = self._api.get(f"/rest/api/content/{quote(content_id)}", {"expand": "version"})
            media_type, size = (told.get("extensions", {}).get(name) for name in ("mediaType", "fileSize"))
            link = told.get("_links", {}).get("download")
        if not link:
            raise NotFound(f"{self._name} gives no download link for attachment {content_id}.")
        self._check_size(int(size or 0))
        try:
            self._client.download(self._api.address(link), into, most=self._context.max_file_bytes)
        except SourceRefuses as error:
            raise self._api.explained(error) from error
        named = mimetypes.guess_type(str(told.get("title", "")))[0]
        return named if media_type in _VAGUE else media_type or named

    def _check_size(self, size: int) -> None:
        if size > self._context.max_file_bytes:
            raise DocumentTooLarge(f"It has {size} bytes; parsing.max_file_mb allows {self._context.max_file_bytes}.")

    def _tell_unresolved(self) -> None:
        if self._people.without_email:
            log.warning(
                "confluence.users_without_email", source_id=self._context.source_id, users=self._people.without_email
            )


def _chunks(changes: Iterator[Change]) -> Iterator[list[Change]]:
    while some := list(islice(changes, _PAGE)):
        yield some


def _authorisation(config: ConfluenceConfig) -> Mapping[str, str]:
    """Basic with e-mail and API token on Cloud, a bearer's token on Data Center.

    https://developer.atlassian.com/cloud/confluence/basic-auth-for-rest-apis/ and
    https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html
    """
    token = config.token.get_secret_value()
    if not config.is_cloud:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": f"Basic {b64encode(f'{config.email}:{token}'.encode()).decode()}"}
