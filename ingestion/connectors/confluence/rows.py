"""What a listing tells of pages, blog posts and attachments, and the changes that come of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.connectors.confluence import storage
from ingestion.connectors.confluence.access import Gate
from ingestion.connectors.port import Upsert

ORIGIN = "Confluence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A page, a blog post or an attachment as a listing has it.

    Attributes:
        external_id: what it is and its content id: ``page/123``; stays when it moves or is renamed.
        content_id: the content id alone.
        page: the content id of the page that has its permissions: its own, or an attachment's page.
        uri: where a person opens it.
        version: of its bytes.
        size: in bytes, where it is told; else 0.
        ancestors: ids and titles, from the top.
        gate: whom it is restricted to itself; None: nobody in particular.
        unknown: why its own restrictions can't be told; empty if they can.
    """

    external_id: str
    content_id: str
    page: str
    uri: str
    version: int
    size: int = 0
    media_type: str = ""
    metadata: Metadata
    ancestors: tuple[tuple[str, str], ...] = ()
    gate: Gate | None = None
    unknown: str = ""

    def upsert(self, space: Mapping[str, Any], acl: AccessList, path: Sequence[str], comments: Sequence[str]) -> Upsert:
        """The change that it is.

        Args:
            path: the titles above it, which its page shows.
            comments: ids and versions of what is said below it.
        """
        shown = [storage.VERSION, self.metadata.title, *path, "comments", *comments] if self.page_like else []
        content = digest([self.version, *shown])
        metadata = self.metadata.to_json()
        return Upsert(
            external_id=self.external_id,
            uri=self.uri,
            revision=digest([content, acl.terms(), metadata, self.uri]),
            content_revision=content,
            size=self.size,
            acl=acl,
            metadata=self.metadata,
            note={"space": space["key"]},
        )

    @property
    def page_like(self) -> bool:
        """Whether it is a page or a blog post: Footnote makes its HTML."""
        return self.page == self.content_id


def page_row(item: Mapping[str, Any], base: str, given: Metadata) -> Row:
    """A page or a blog post, its permissions yet to be told.

    Args:
        base: what links for people follow.
        given: facts of the source's configuration.
    """
    content_id = str(item["id"])
    labels = ((item.get("metadata") or {}).get("labels") or {}).get("results", [])
    return Row(
        external_id=f"{item['type']}/{content_id}",
        content_id=content_id,
        page=content_id,
        uri=_uri(item, base),
        version=int((item.get("version") or {}).get("number") or 0),
        metadata=_metadata(item, [str(label["name"]) for label in labels], given),
        ancestors=tuple((str(one["id"]), str(one.get("title", ""))) for one in item.get("ancestors") or ()),
    )


def merged(
    kind: str, item: Mapping[str, Any], told: Mapping[str, Any], above: list[dict[str, str]] | None
) -> Mapping[str, Any]:
    """A page of Cloud's v2 in the shape of v1.

    Args:
        told: what search has of it: labels, its author's name, restrictions; may be empty.
        above: what it lies below; None: unknown.
    """
    version = item.get("version") or {}
    return {
        **told,
        "id": item["id"],
        "type": kind,
        "title": item.get("title", ""),
        "version": {"number": version.get("number"), "when": version.get("createdAt")},
        "history": told.get("history") or {"createdDate": item.get("createdAt")},
        "ancestors": above,
        "_links": item.get("_links"),
    }


def attachment_row(item: Mapping[str, Any], base: str, given: Metadata) -> Row:
    """A file that hangs on a page."""
    content_id = str(item["id"])
    told = item.get("extensions") or {}
    container = (item.get("container") or {}).get("id")
    return Row(
        external_id=f"attachment/{content_id}",
        content_id=content_id,
        page=str(container or ""),
        uri=_uri(item, base),
        version=int((item.get("version") or {}).get("number") or 0),
        size=int(told.get("fileSize") or 0),
        media_type=str(told.get("mediaType") or ""),
        metadata=_metadata(item, [], given),
    )


def comment_mark(item: Mapping[str, Any]) -> tuple[str, str]:
    """The page that a comment is on, and what changes when the comment does."""
    return str((item.get("container") or {}).get("id", "")), f"{item['id']}@{(item.get('version') or {}).get('number')}"


def digest(told: Sequence[Any]) -> str:
    """The same for the same values."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _uri(item: Mapping[str, Any], base: str) -> str:
    webui = (item.get("_links") or {}).get("webui")
    return f"{base}{webui or '/pages/viewpage.action?pageId=' + str(item['id'])}"


def _metadata(item: Mapping[str, Any], labels: list[str], given: Metadata) -> Metadata:
    history = item.get("history") or {}
    facts = Metadata(
        title=str(item.get("title", "")),
        author=(history.get("createdBy") or {}).get("displayName") or None,
        tags=tuple(sorted({label.lower() for label in labels})),
        created=_moment(history.get("createdDate")),
        modified=_moment((item.get("version") or {}).get("when")),
    ).coming_from(ORIGIN)
    told = facts.over(given)
    return replace(told, tags=tuple(sorted({*facts.tags, *given.tags})))


def _moment(told: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return found if found.tzinfo else None
