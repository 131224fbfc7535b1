"""What a request pushes to a source, from its words to the inbox. All of it blocks."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers

from api.json_body import is_json, read_json
from api.problems import problem_of, validation_problem
from api.schemas.push import PushedChange, PushedDocument, PushResult
from api.uploads import Upload
from core.errors import Conflict, FootnoteError, InvalidHeader, InvalidRequest, Unavailable
from core.link import is_external
from core.logs import get_logger
from core.principal import AccessList
from ingestion.catalog.inbox import Incoming, Received, Word
from ingestion.connectors.push import PushConfig
from ingestion.connectors.registry import read_config
from ingestion.inbox import SourceInbox
from ingestion.partitioning.facts import BadFacts, read_facts

if TYPE_CHECKING:
    from api.wiring import Services
    from ingestion.catalog.records import Run

D = TypeVar("D", bound=PushedDocument)

log = get_logger(__name__)

MOST_CHANGES = 10_000
"""Documents of one request."""
_HEADERS = {"version": "X-Footnote-Version", "acl": "X-Footnote-Acl", "metadata": "X-Footnote-Metadata"}
_URI = "X-Footnote-Uri"
_NOT_TOLD = ("acl", "document_type")
"""Facts that metadata can't hold: readers stand beside it, and the type is found in the bytes."""


class Pushing:
    """Takes in what one request pushes.

    Args:
        services: the service's parts.
        source_id: of kind ``push``.

    Raises:
        NotFound: there is no such source.
        Conflict: it is of another kind.
    """

    def __init__(self, services: Services, source_id: str) -> None:
        catalog = services.catalog.get()
        source = catalog.sources.get(source_id)
        if source.kind != "push":
            raise Conflict(
                f"Documents can't be pushed to {source.name!r}: it is a source of kind {source.kind!r}. Make one "
                "of kind 'push' for them."
            )
        self._source = source
        config = read_config(source.kind, source.config)
        assert isinstance(config, PushConfig)
        self._has_readers = config.default_acl is not None
        self._inbox = SourceInbox(catalog, services.blobs.get(), source_id)
        self._ingestion = services.ingestion
        self._most_json = services.settings.api.max_body_bytes
        self.words: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """The source's."""
        return self._source.name

    def put(self, key: str, upload: Upload, headers: Headers) -> PushResult:
        """Take in a body: bytes with headers beside them, or both as JSON.

        Raises:
            Conflict: a later version is there.
            InvalidRequest, SecretFile, RequestValidationError: it can't be a document.
        """
        if is_json(headers.get("content-type", "")):
            document = _read(PushedDocument, self._json(upload.file.read(self._most_json + 1)))
            return _unless_older(self._put_json(key, document))
        document = _beside(headers)
        media_type = headers.get("content-type")
        incoming = self._incoming(key, document, media_type, upload.size, upload.content_hash)
        return _unless_older(self._said(key, self._inbox.put(incoming, upload.file)))

    def delete(self, key: str, version: int | None) -> PushResult:
        """Delete a document.

        Raises:
            Conflict: a later version is there.
            InvalidRequest: nothing can go by that key.
        """
        return _unless_older(self._said(key, self._inbox.delete(key, version)))

    def change(self, file: BinaryIO, *, lines: bool) -> Iterator[PushResult]:
        """Put and delete many, one after another; what is refused says why and holds up no other.

        Args:
            file: a JSON array, or JSON a line.

        Raises:
            InvalidRequest: it is neither; nothing was done.
            Unavailable: it can't go on now. What was done stands, and may be sent again.
        """
        for number, sent in enumerate(self._lines(file) if lines else self._array(file)):
            if number == MOST_CHANGES:
                yield PushResult(key=None, outcome="refused", detail=f"Only {MOST_CHANGES} can be sent at a time.")
                return
            yield self._change(sent)

    def sync(self) -> Run | None:
        """Have the source listed, if there is something new; None where there isn't, or where that can't be begun."""
        if not self.words[Word.STORED] and not self.words[Word.DELETED]:
            return None
        try:
            return self._ingestion.get().sync(self._source.id)
        except Unavailable as error:
            # It is in the inbox: the next sync on schedule takes it in.
            log.warning("push.sync_postponed", source_id=self._source.id, reason=error.message)
            return None

    def _change(self, sent: bytes | object) -> PushResult:
        key: str | None = None
        try:
            value = self._json(sent) if isinstance(sent, bytes) else sent
            if isinstance(value, Mapping) and isinstance(value.get("key"), str):
                key = value["key"]
            change = _read(PushedChange, value)
            if change.delete:
                return self._said(change.key, self._inbox.delete(change.key, change.version))
            return self._put_json(change.key, change)
        except Unavailable:
            raise
        except FootnoteError as error:
            return PushResult(key=key, outcome="refused", detail=problem_of(error).detail)
        except RequestValidationError as error:
            return PushResult(key=key, outcome="refused", detail=validation_problem(error).detail)
        except HTTPException as error:
            return PushResult(key=key, outcome="refused", detail=error.detail)

    def _put_json(self, key: str, document: PushedDocument) -> PushResult:
        content = document.content()
        media_type = document.media_type or ("text/plain" if document.text is not None else None)
        digest = hashlib.sha256(content).hexdigest()
        incoming = self._incoming(key, document, media_type, len(content), digest)
        return self._said(key, self._inbox.put(incoming, io.BytesIO(content)))

    def _incoming(self, key: str, said: PushedDocument, media_type: str | None, size: int, digest: str) -> Incoming:
        if said.acl is None and not self._has_readers:
            raise InvalidRequest(
                f"Nothing says who may read it: send acl (as JSON) or {_HEADERS['acl']}, or set default_acl in the "
                "source's config."
            )
        if said.uri is not None and not is_external(said.uri):
            raise InvalidRequest("uri: give an address of the web, as https://example.com/page.")
        told = next((name for name in _NOT_TOLD if name in said.metadata), None)
        if told is not None:
            raise InvalidRequest(f"metadata can't hold {told!r}.")
        try:
            facts = read_facts(said.metadata, strict=True)
        except BadFacts as error:
            raise InvalidRequest(f"metadata: {error}.") from None
        return Incoming(
            external_id=key,
            version=said.version,
            content_hash=digest,
            size=size,
            media_type=media_type,
            uri=said.uri,
            acl=None if said.acl is None else AccessList.from_terms(said.acl),
            metadata=facts.metadata,
        )

    def _said(self, key: str, received: Received) -> PushResult:
        self.words[received.word] += 1
        return PushResult(key=key, outcome=received.word, version=received.version)

    def _json(self, content: bytes) -> Any:
        if len(content) > self._most_json:
            raise HTTPException(
                413,
                f"A document as JSON can have {self._most_json} bytes (api.max_body_bytes). Send a longer one by "
                "itself, as bytes.",
            )
        try:
            return read_json(content)
        except UnicodeDecodeError:
            raise InvalidRequest("It is not UTF-8.") from None
        except json.JSONDecodeError as error:
            raise InvalidRequest(f"It is not JSON: {error.msg}.") from None

    def _array(self, file: BinaryIO) -> list[object]:
        found = self._json(file.read(self._most_json + 1))
        if not isinstance(found, list):
            raise InvalidRequest("Send an array of documents, or a document a line as application/x-ndjson.")
        return found

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        most = self._most_json + 2  # with the line's end
        while line := file.readline(most):
            rest = line
            while len(rest) == most and not rest.endswith(b"\n"):
                rest = file.readline(most)  # of a line that is too long: its beginning is refused for all of it
            if line.strip():
                yield line.rstrip(b"\r\n")


def _read(model: type[D], sent: object) -> D:
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None


def _unless_older(result: PushResult) -> PushResult:
    if result.outcome == Word.OLDER:
        raise Conflict(f"{result.key}: a later version ({result.version}) is there already.")
    return result


def _beside(headers: Headers) -> PushedDocument:
    """What headers say of a body."""
    told: dict[str, Any] = {"text": ""}
    for name, header in _HEADERS.items():
        if (value := _header(headers, header)) is not None:
            try:
                told[name] = read_json(value.encode())
            except json.JSONDecodeError as error:
                raise InvalidHeader(f"{header} is not JSON: {error.msg}.") from None
    if (uri := _header(headers, _URI)) is not None:
        told["uri"] = uri
    return _read(PushedDocument, told)


def _header(headers: Headers, name: str) -> str | None:
    values = headers.getlist(name)
    if len(values) > 1:
        raise InvalidHeader(f"{name} can be sent once, not {len(values)} times.")
    try:
        return values[0].encode("latin-1").decode() if values else None
    except UnicodeDecodeError:
        raise InvalidHeader(f"{name} is not UTF-8.") from None
