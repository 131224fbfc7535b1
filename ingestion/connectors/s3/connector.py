"""The S3 connector: the objects of a bucket, or of a folder of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import DocumentTooLarge, InvalidRequest, NotFound, SecretFile, SourceUnavailable, UnreadableDocument
from ingestion.connectors.port import Change, ConnectorContext, Cursor, Delete, Known, Page, Sink, Withheld
from ingestion.connectors.s3.bucket import READ, Bucket, Gone, Listed
from ingestion.connectors.s3.clients import ARCHIVED, DENIED, Clients, translated
from ingestion.connectors.s3.config import S3Config
from ingestion.connectors.s3.documents import Candidate, Documents
from ingestion.connectors.s3.events import Batch, EventQueue
from ingestion.connectors.s3.keys import Document, Keys, SidecarKey, in_shadow
from ingestion.connectors.s3.sidecars import Sidecars, Survey, survey
from ingestion.s3_blobs import CONNECTIONS, error_code
from ingestion.secret_files import LOOKED_AT, secret_by_content

_PIECE = 1 << 16
_DATA = "data of Footnote"
_NO_TYPE = frozenset({"", "binary/octet-stream", "application/octet-stream"})
"""What S3 says of an object whose media type nobody told it."""


class S3Connector:
    """Lists and reads objects.

    A full listing reads all keys, and says of each object what is new. Between full listings, events from a queue
    lead to those that changed, if there is one. Cursors are ``{"after": KEY, "began": WHEN}`` in the midst of a full
    listing, and ``{"listed": WHEN}`` behind one.
    """

    config_model: ClassVar = S3Config

    def __init__(self, config: S3Config, context: ConnectorContext, clients: Clients) -> None:
        self._config = config
        self._context = context
        self._clients = clients
        self._bucket = Bucket(clients.s3(), config.bucket, config.endpoint)
        self._keys = Keys(config, context.protected.blobs_in(config.bucket, config.endpoint))
        self._pool = ThreadPoolExecutor(CONNECTIONS)
        self._documents = Documents(config, self._bucket, self._keys, context.readers(config), self._pool)

    @classmethod
    def open(cls, config: S3Config, context: ConnectorContext) -> S3Connector:
        """See :meth:`ingestion.connectors.port.Connector.open`.

        Raises:
            InvalidRequest: this machine can't use it; or, when the source is made or changed, it holds secrets alone.
        """
        connector = cls(config, context, Clients(config, context.proxy))
        if context.creating and (reason := connector._keys.withheld()) is not None:
            raise InvalidRequest(f"{connector._keys.uri(config.root)} can't be a source: {reason}.")
        return connector

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """What changed; see :meth:`ingestion.connectors.port.Connector.changes`."""
        if (reason := self._keys.withheld()) is not None:
            yield Page(changes=[Withheld("", reason)])
            return
        queue_url = self._config.queue_url
        if queue_url is None or not self._still_good(cursor):
            yield from self._full(cursor, known)
            return
        with closing(EventQueue(self._clients.sqs(queue_url), queue_url, self._config.bucket)) as queue:
            for batch in queue.batches():
                changes, due = self._happened(batch, known)
                yield Page(changes=changes, cursor=cursor)
                if due:
                    yield from self._full({}, known)
                # Whoever asked for the next page has entered the one before.
                queue.delete(batch)
                if due:
                    return
        yield Page(changes=[], cursor=cursor)

    def _still_good(self, cursor: Cursor) -> bool:
        """Whether the last full listing is young enough for events alone."""
        if "listed" not in cursor:
            return False
        age = self._context.clock.now() - datetime.fromisoformat(cursor["listed"])
        return timedelta() <= age < timedelta(seconds=self._config.full_every_s)

    def _full(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        after = str(cursor.get("after", ""))
        began = str(cursor["began"]) if after else self._context.clock.now().isoformat()
        here = {"after": after, "began": began}
        self._bucket.check(self._keys.root)
        yield Page(changes=(), cursor=here)  # the first pass over a large bucket takes minutes
        found = survey(self._bucket, self._keys) if self._config.sidecars else Survey()
        sidecars = Sidecars(self._bucket, self._keys, found)
        yield Page(changes=[Withheld(folder, _DATA) for folder in found.data], cursor=here)
        pages = self._bucket.pages(self._keys.root, after)
        for changes, behind in self._walk(pages, after, found.data, sidecars, known):
            if behind is None:
                yield Page(changes=changes, cursor={"listed": began}, complete=True)
            else:
                yield Page(changes=changes, cursor={"after": behind, "began": began})

    def _walk(
        self, pages: Iterable[Listed], after: str, data: frozenset[str], sidecars: Sidecars, known: Known
    ) -> Iterator[tuple[list[Change], str | None]]:
        """What the pages of a listing say, and behind which key to go on; None at the end.

        A document waits until the listing is past every key that its own sidecar could have.
        """
        waiting: list[tuple[str, Candidate]] = []
        before = after
        for page in pages:
            changes: list[Change] = []
            ready: list[Candidate] = []
            for listed in page.objects:
                ready += [one for _, one in waiting if not in_shadow(listed.key, one.listed.key)]
                waiting = [pair for pair in waiting if in_shadow(listed.key, pair[1].listed.key)]
                judged = self._keys.judge(listed.key, listed.size)
                if isinstance(judged, Document):
                    if not any(judged.external_id.startswith(folder) for folder in data):
                        waiting.append((before, Candidate(listed, judged.external_id)))
                elif isinstance(judged, SidecarKey):
                    for _, one in waiting:
                        if one.listed.key == judged.describes:
                            one.own.append(listed)
                elif judged is not None:
                    changes.append(judged)
                before = listed.key
            yield [*changes, *self._documents.changes(ready, sidecars, known)], waiting[0][0] if waiting else before
        yield self._documents.changes((one for _, one in waiting), sidecars, known), None

    def _happened(self, batch: Batch, known: Known) -> tuple[list[Change], bool]:
        """What is there now at the keys that events named; and whether a full listing has to tell the rest."""
        changes: dict[str, Change] = {}
        due = batch.strange > 0
        sidecars = Sidecars(self._bucket, self._keys, Survey())
        asked: dict[str, str] = {}
        for named in batch.keys:
            judged = self._keys.judge(named, size=0) if named.startswith(self._keys.root) else None
            key = named
            if isinstance(judged, SidecarKey):
                if judged.describes is None:
                    due = True
                    continue
                key = judged.describes
                judged = self._keys.judge(key, size=0)
            if isinstance(judged, Withheld):
                changes[key] = judged
            elif isinstance(judged, Document):
                asked[key] = judged.external_id
        found = dict(zip(asked, self._pool.map(self._at, asked, asked.values()), strict=True))
        changes |= {key: Delete(asked[key]) for key, there in found.items() if there is None}
        ready = [there for there in found.values() if there is not None]
        return [*changes.values(), *self._documents.changes(ready, sidecars, known)], due

    def _at(self, key: str, external_id: str) -> Candidate | None:
        """The object at a key, with its own sidecars."""
        found: Candidate | None = None
        for page in self._bucket.pages(key):
            for listed in page.objects:
                if listed.key == key:
                    found = Candidate(listed, external_id)
                elif found is None or not in_shadow(listed.key, key):
                    return found
                else:
                    judged = self._keys.judge(listed.key, listed.size)
                    if isinstance(judged, SidecarKey) and judged.describes == key:
                        found.own.append(listed)
        return found

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """See :meth:`ingestion.connectors.port.Connector.fetch`.

        Raises:
            NotFound, DocumentTooLarge: as there.
            SecretFile: it is never a document.
            UnreadableDocument: it is archived, or we may not read it.
        """
        key = self._keys.root + external_id
        judged = Withheld("", reason) if (reason := self._keys.withheld()) else self._keys.judge(key, size=1)
        if isinstance(judged, Withheld):
            raise SecretFile(f"{external_id} is never a document: {judged.reason}. Keep it elsewhere.")
        if not isinstance(judged, Document):
            raise NotFound(f"{external_id} is not a document of {self._keys.uri(self._keys.root)}.")
        with translated(self._bucket.where, READ):
            answer = self._ask(key, external_id)
        with answer["Body"] as body:
            size = answer["ContentLength"]
            if size > self._context.max_file_bytes:
                limit = f"{self._context.max_file_bytes / 1_000_000:g} MB (parsing.max_file_mb)"
                raise DocumentTooLarge(f"{external_id} is larger than {limit}. Split it, or raise the limit.")
            self._write(body, external_id, into)
        told = str(answer.get("ContentType", ""))
        return None if told in _NO_TYPE else told

    def _ask(self, key: str, external_id: str) -> dict[str, Any]:
        try:
            return self._bucket.open(key)
        except Gone:
            raise NotFound(f"{external_id} is no longer in {self._bucket.where}.") from None
        except ClientError as error:
            if error_code(error) == ARCHIVED:
                raise UnreadableDocument(f"{external_id} is archived: restore it, then sync its source.") from error
            if error_code(error) in DENIED:
                raise UnreadableDocument(
                    f"{external_id} may not be read: grant {READ}, and the use of the key that it is encrypted with."
                ) from error
            raise

    def _write(self, body: Any, external_id: str, into: Sink) -> None:
        """Pass the bytes on, once the first of them are known to be no secret."""
        head = _read(body, LOOKED_AT, self._bucket.where)
        if (secret := secret_by_content(external_id, head)) is not None:
            raise SecretFile(f"{external_id} is never a document: {secret}. Keep it elsewhere.")
        into.write(head)
        while piece := _read(body, _PIECE, self._bucket.where):
            into.write(piece)

    def close(self) -> None:
        """Let go of connections."""
        self._pool.shutdown(cancel_futures=True)
        self._bucket.close()


def _read(body: Any, most: int, where: str) -> bytes:
    try:
        return body.read(most)  # type: ignore[no-any-return]
    except BotoCoreError as error:
        raise SourceUnavailable(f"{where} broke off in the midst of an object ({type(error).__name__}).") from error
