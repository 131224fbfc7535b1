"""The push connector: documents that somebody sends, with everything that is known of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import quote

from core.errors import ConfigurationError
from core.metadata import Metadata
from ingestion.connectors.port import (
    Change,
    ConnectorContext,
    Cursor,
    Delete,
    Inbox,
    Known,
    Page,
    Pushed,
    Sink,
    SourceConfig,
    Upsert,
)
from ingestion.partitioning.facts import clean_tags

PAGE = 500


class PushConfig(SourceConfig):
    """What a source that is pushed to is told. Without ``default_acl``, each document has to come with its readers."""


class PushConnector:
    """Lists a source's inbox in the order in which words on documents came: each listing, what came since the last.

    Args:
        config: what to say of documents that come without.
        context: what Footnote gives; of use with an inbox.
    """

    config_model: ClassVar[type[PushConfig]] = PushConfig

    def __init__(self, config: PushConfig, context: ConnectorContext) -> None:
        self._context = context
        self._readers = context.readers(config)
        tags = clean_tags(config.tags)
        self._given = Metadata(department=config.department, tags=tags).coming_from("source settings")

    @classmethod
    def open(cls, config: PushConfig, context: ConnectorContext) -> PushConnector:
        """See :meth:`ingestion.connectors.port.Connector.open`."""
        return cls(config, context)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:  # noqa: ARG002 - revisions are compared
        """What came since the cursor; see :meth:`ingestion.connectors.port.Connector.changes`."""
        sequence, whole = cursor.get("sequence", 0), cursor.get("whole", not cursor)
        more = True
        while more:
            words = self._inbox.after(sequence, PAGE)
            more = len(words) == PAGE
            sequence = words[-1].sequence if words else sequence
            bookmark = {"sequence": sequence, **({"whole": whole} if more else {})}
            yield Page(changes=[self._change(word) for word in words], cursor=bookmark, complete=whole and not more)

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """The bytes as they came; see :meth:`ingestion.connectors.port.Connector.fetch`."""
        return self._inbox.copy(external_id, into).media_type

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _inbox(self) -> Inbox:
        if self._context.inbox is None:
            raise ConfigurationError("This process can't read what was pushed: it has no catalog.")
        return self._context.inbox

    def _change(self, word: Pushed) -> Change:
        if word.blob is None:
            return Delete(word.external_id)
        acl = self._readers if word.acl is None else word.acl
        metadata = word.metadata.coming_from("push").over(self._given)
        uri = word.uri or f"push:///{quote(word.external_id)}"
        told = [word.content_hash, word.media_type, uri, list(acl.terms()), metadata.to_json()]
        return Upsert(
            external_id=word.external_id,
            uri=uri,
            revision=hashlib.sha256(json.dumps(told).encode()).hexdigest(),
            content_revision=f"{word.content_hash} {word.media_type or ''}",
            size=word.size,
            acl=acl,
            metadata=metadata,
        )
