"""The inbox of sources that are pushed to: bytes in the blob store, and the last word on each in the catalog.

Bytes are written before the word that names them, under a name of their own, and deleted after the word that replaces
them: a process that dies in between leaves a blob too many, and never a document without bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from core.errors import InvalidRequest, NotFound, SecretFile
from core.logs import get_logger
from ingestion.blobs import BlobStore
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.family import MARK
from ingestion.catalog.inbox import Incoming, Received
from ingestion.catalog.records import document_id
from ingestion.connectors.port import Pushed, Sink
from ingestion.secret_files import LOOKED_AT, secret_by_content, secret_by_name

log = get_logger(__name__)

LONGEST_KEY = 500
_FIRST_PRINTED = 0x20
_DELETE = 0x7F


class SourceInbox:
    """What was pushed to one source; :class:`ingestion.connectors.port.Inbox`, and how it comes there.

    Args:
        source_id: of kind ``push``.
    """

    def __init__(self, catalog: Catalog, blobs: BlobStore, source_id: str) -> None:
        self._rows = catalog.inbox
        self._blobs = blobs
        self._source_id = source_id

    def put(self, incoming: Incoming, file: BinaryIO) -> Received:
        """Keep a document, unless there is a later version of it.

        Args:
            incoming: what is said of it, but for ``blob``.
            file: its bytes, from its beginning to its end.

        Raises:
            InvalidRequest: its key can't be one.
            SecretFile: it is a key or a password file, and never a document.
            NotFound: there is no such source.
            StorageUnavailable: nothing was kept.
        """
        check_key(incoming.external_id)
        file.seek(0)
        if (secret := secret_by_content(incoming.external_id, file.read(LOOKED_AT))) is not None:
            raise SecretFile(f"{incoming.external_id} is never a document: it is {secret}.")
        blob = f"{self._folder(incoming.external_id)}/{uuid.uuid4().hex}/original"
        self._blobs.put_file(blob, file)
        received = self._rows.receive(self._source_id, replace(incoming, blob=blob))
        self._drop(received.obsolete)
        return received

    def delete(self, external_id: str, version: int | None) -> Received:
        """Delete a document, unless there is a later version of it. One that isn't there may be deleted too.

        Raises:
            InvalidRequest: its key can't be one.
            NotFound: there is no such source.
        """
        check_key(external_id)
        received = self._rows.receive(self._source_id, Incoming(external_id=external_id, version=version))
        self._drop(received.obsolete)
        return received

    def after(self, sequence: int, limit: int) -> Sequence[Pushed]:
        """See :meth:`ingestion.connectors.port.Inbox.after`."""
        return self._rows.after(self._source_id, sequence, limit)

    def copy(self, external_id: str, into: Sink) -> Pushed:
        """See :meth:`ingestion.connectors.port.Inbox.copy`."""
        pushed = self._rows.get(self._source_id, external_id)
        if pushed is None or pushed.blob is None:
            raise NotFound(f"{external_id} was deleted.")
        for piece in self._blobs.pieces(pushed.blob, 0, pushed.size):
            into.write(piece)
        return pushed

    def _folder(self, external_id: str) -> str:
        return f"{inbox_folder(self._source_id)}/{document_id(self._source_id, external_id)}"

    def _drop(self, blob: str | None) -> None:
        if blob is not None:
            self._blobs.delete_prefix(blob.rpartition("/")[0])


def inbox_folder(source_id: str) -> str:
    """Below which prefix of the blob store a source's inbox is."""
    return f"inbox/{source_id}"


def check_key(key: str) -> None:
    """Return if a document can go by this key.

    Raises:
        InvalidRequest: it can't; the reason.
        SecretFile: it is the name of a key or a password file.
    """
    if not key or len(key) > LONGEST_KEY:
        raise InvalidRequest(f"A document's key has 1 to {LONGEST_KEY} characters.")
    if any(ord(letter) < _FIRST_PRINTED or ord(letter) == _DELETE or "\ud800" <= letter <= "\udfff" for letter in key):
        raise InvalidRequest("A document's key can hold no control characters.")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise InvalidRequest(
            "A document's key can't begin or end with '/', nor have a part that is empty, '.' or '..'."
        )
    if MARK in key:
        raise InvalidRequest(f"A document's key can't hold {MARK!r}, which stands before what lies in a document.")
    if (secret := secret_by_name(key)) is not None:
        raise SecretFile(f"{key} is never a document: it is {secret}.")
