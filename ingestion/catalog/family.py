"""Documents within documents (attachments, members of archives), and what a change of the outer one means for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.records import DocumentState, document_id
from ingestion.catalog.rows import READERS
from ingestion.catalog.tables import DOCUMENTS, DocumentRow
from ingestion.connectors.port import Unreadable, Upsert, Withheld
from ingestion.partitioning.port import InnerReaders
from ingestion.secret_files import secret_by_name

MARK = "!/"
"""Between a document's name and the name of what lies in it: ``mail.eml!/offer.pdf``."""
_INHERITED = ("department", "owner", "tags")
_INNER = select(DOCUMENTS).where(
    DocumentRow.parent_id.in_(bindparam("outer_ids", expanding=True)), DocumentRow.state != DocumentState.DELETING
)


def depth(external_id: str) -> int:
    """How many documents a document lies in."""
    return external_id.count(MARK)


def inner_name(outer: str, name: str) -> str:
    """The external id, or the address, of something that lies in another document."""
    return f"{outer}{MARK}{name}"


def within(external_id: str, uri: str, *, content_hash: str, size: int, acl: AccessList, outer: Metadata) -> Upsert:
    """A document that lies in another one, with the outer one's permissions.

    Args:
        content_hash: SHA-256 of its bytes, in hex.
        outer: what the source says of the outer document, of which department, owner and tags hold for the inner one.
    """
    inherited = {key: value for key, value in outer.known().items() if key in _INHERITED}
    metadata = Metadata(**inherited).coming_from("outer document")
    described = json.dumps([content_hash, list(acl.terms()), metadata.to_json()], sort_keys=True)
    return Upsert(
        external_id=external_id,
        uri=uri,
        revision=hashlib.sha256(described.encode()).hexdigest(),
        content_revision=content_hash,
        size=size,
        acl=acl,
        metadata=metadata,
    )


def readers_to_json(readers: InnerReaders | None, content_revision: str) -> dict[str, Any]:
    """Who may read everything in a document, as a part of its own facts, with the bytes of which that is true."""
    if readers is None:
        return {}
    return {READERS: {"terms": list(readers.terms), "reason": readers.reason, "content_revision": content_revision}}


def without_wider(
    connection: Connection, source_id: str, changes: Sequence[Upsert | Unreadable]
) -> list[Upsert | Unreadable]:
    """The changes, but none gives a document more readers than the documents in it allow.

    Where its bytes are those that were parsed, it can't be read by anybody. With other bytes, it is nobody's until they
    are parsed; then the next listing, which finds it with another revision than it gives, gives it its readers.
    """
    ids = {document_id(source_id, change.external_id): change for change in changes}
    statement = select(DOCUMENTS.c.id, DOCUMENTS.c.own_facts).where(DOCUMENTS.c.id.in_(ids))
    stated = {row.id: row.own_facts[READERS] for row in connection.execute(statement) if READERS in row.own_facts}
    return [_narrowed(change, stated[key]) if key in stated else change for key, change in ids.items()]


def _narrowed(change: Upsert | Unreadable, stated: Mapping[str, Any]) -> Upsert | Unreadable:
    readers = InnerReaders(tuple(stated["terms"]), stated["reason"])
    if change.acl is None or readers.include(change.acl):
        return change
    if isinstance(change, Upsert) and change.content_revision != stated["content_revision"]:
        return replace(change, acl=AccessList(), revision=f"unread {change.content_revision}")
    reason = change.reason if isinstance(change, Unreadable) else readers.refusal()
    return Unreadable(change.external_id, change.uri, reason)


def with_inner(
    connection: Connection, source_id: str, changes: Sequence[Upsert | Unreadable]
) -> tuple[list[Upsert | Unreadable], list[Row[Any]], list[Withheld]]:
    """The changes, and what they mean for the documents that are known to lie in the ones that changed.

    A listing names only the outer ones. What lies in them is as it was, until the outer one is parsed again, but for
    its permissions, which are the outer one's from now on.

    Returns:
        The changes, those of inner documents behind those of outer ones; the rows of inner documents whose bytes are
        not known, which only the next parse of the outer one can change; and those that are secret, which an older
        version took in.
    """
    unknown: list[Row[Any]] = []
    withheld: list[Withheld] = []
    expanded = list(changes)
    outer = {document_id(source_id, change.external_id): change for change in changes}
    named = set(outer)
    while outer:
        found = {row.id: row for row in inner_rows(connection, outer) if row.id not in named}
        secret = {key: kind for key, row in found.items() if (kind := secret_within(row.external_id))}
        withheld += [Withheld(found.pop(key).external_id, kind) for key, kind in secret.items()]
        unknown += [row for row in found.values() if not row.content_revision]
        inner = {key: _follow(outer[row.parent_id], row) for key, row in found.items() if row.content_revision}
        expanded += inner.values()
        named |= set(found)
        outer = inner
    return expanded, unknown, withheld


def secret_within(external_id: str) -> str | None:
    """What kind of secret a document in another one is by its name; None if it is none, or lies in no other."""
    return secret_by_name(_last(external_id)) if MARK in external_id else None


def _last(external_id: str) -> str:
    """A document's path in the one that it lies in."""
    return external_id.rpartition(MARK)[2]


def _follow(outer: Upsert | Unreadable, row: Row[Any]) -> Upsert | Unreadable:
    uri = inner_name(outer.uri, _last(row.external_id))
    if isinstance(outer, Unreadable):
        return replace(outer, external_id=row.external_id, uri=uri)
    return within(
        row.external_id, uri, content_hash=row.content_revision, size=row.size, acl=outer.acl, outer=outer.metadata
    )


def inner_rows(connection: Connection, outer_ids: Iterable[str]) -> list[Row[Any]]:
    """The rows of the documents that lie directly in these and are not on their way out."""
    return list(connection.execute(_INNER, {"outer_ids": list(outer_ids)}))


def with_all_inner(connection: Connection, ids: Iterable[str]) -> list[str]:
    """These documents and everything that lies in them."""
    found = list(ids)
    outer = found
    while outer:
        outer = [row.id for row in inner_rows(connection, outer)]
        found = found + outer
    return found
