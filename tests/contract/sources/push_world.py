"""What somebody pushes, as the API takes it in."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.principal import AccessList
from core.settings import Settings
from ingestion.blobs import open_blobs
from ingestion.catalog.build import open_catalog
from ingestion.catalog.inbox import Incoming
from ingestion.inbox import SourceInbox
from tests.contract.sources.world import Truth


class PushWorld:
    """Documents are in the inbox of the one source of a Footnote; whoever pushes knows who may read them.

    Args:
        data_dir: of that Footnote.
    """

    kind = "push"
    can = frozenset({"share"})

    def __init__(self, data_dir: Path) -> None:
        self._settings = Settings.model_validate({"data_dir": data_dir})
        self._texts: dict[str, str] = {}
        self._readers: dict[str, frozenset[str]] = {}

    def config(self) -> Mapping[str, Any]:
        return {"default_acl": ["public"]}

    def put(self, key: str, text: str) -> None:
        self._texts[key] = text
        self._push(key)

    def share(self, key: str, readers: frozenset[str]) -> None:
        self._readers[key] = frozenset(reader if ":" in reader else f"user:{reader}" for reader in readers)
        self._push(key)

    def move(self, key: str, to: str) -> None:
        raise NotImplementedError("Who pushes deletes the one and puts the other.")

    def delete(self, key: str) -> None:
        del self._texts[key]
        self._readers.pop(key, None)
        self._push(key)

    def withhold(self, key: str, withheld: bool) -> None:
        raise NotImplementedError("A document without readers is refused.")

    def members(self, group: str, users: frozenset[str]) -> None:
        raise NotImplementedError("There are no groups of its own.")

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        return {key: Truth(text, self._readers.get(key, frozenset({"public"}))) for key, text in self._texts.items()}

    def close(self) -> None:
        pass

    def _push(self, key: str) -> None:
        catalog = open_catalog(self._settings)
        try:
            [source] = catalog.sources.list()
            inbox = SourceInbox(catalog, open_blobs(self._settings), source.id)
            if key not in self._texts:
                inbox.delete(key, None)
                return
            content = self._texts[key].encode()
            terms = self._readers.get(key)
            incoming = Incoming(
                external_id=key,
                content_hash=hashlib.sha256(content).hexdigest(),
                size=len(content),
                media_type="text/plain",
                acl=None if terms is None else AccessList.from_terms(terms),
            )
            inbox.put(incoming, io.BytesIO(content))
        finally:
            catalog.close()
