"""Documents that readers upload for themselves alone, a folder for each reader in one source. All of it blocks.

Who may read one is said here, at each upload, and never by the source's settings.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.schemas.own_documents import OwnDocumentBody
from api.uploads import Upload
from core.errors import Conflict, InvalidRequest, NotAuthenticated, NotAuthorised, NotFound, Unavailable
from core.logs import get_logger
from core.principal import AccessList, email_id
from ingestion.catalog.inbox import Incoming
from ingestion.catalog.records import document_id
from ingestion.inbox import SourceInbox

if TYPE_CHECKING:
    from api.auth.principal import Caller
    from api.wiring import Services
    from ingestion.catalog.records import Source

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OwnDocuments:
    """One reader's.

    Attributes:
        user: whose.
        folder: in which they lie; it tells nobody whose they are.
    """

    services: Services
    user: str
    folder: str
    reachable: frozenset[str] | None

    @classmethod
    def of(cls, caller: Caller, services: Services) -> OwnDocuments:
        """Those of whom a request speaks for.

        Raises:
            NotAuthenticated: it speaks for nobody who has a name.
            NotFound: nobody uploads here.
        """
        if not services.settings.uploads.max_documents:
            raise NotFound("Nobody uploads documents here (uploads.max_documents is 0).")
        user = caller.principal.user
        if not caller.known or user is None:
            raise NotAuthenticated(
                "Documents are uploaded by who has a name: sign in, or send a key that names a user."
            )
        folder = hashlib.sha256((email_id(user) or user).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return cls(services, user, folder, caller.principal.sources)

    def list(self) -> list[OwnDocumentBody]:
        """All of them, the latest first, with what became of each."""
        source, catalog = self._source(), self.services.catalog.get()
        if source is None:
            return []
        held = catalog.inbox.held(source.id, f"{self.folder}/")
        ids = {document_id(source.id, one.external_id): one for one in held}
        records = {record.id: record for record in catalog.documents.get_many(ids)}
        reasons = catalog.failures.reasons(ids)
        return [
            OwnDocumentBody(
                document_id=id,
                name=one.external_id.removeprefix(f"{self.folder}/"),
                size=one.size,
                state=records[id].state if id in records else "pending",
                reason=reasons.get(id),
            )
            for id, one in ids.items()  # noqa: A001
        ]

    def put(self, name: str, upload: Upload, media_type: str | None) -> None:
        """Keep a document under a name; it takes the place of the one that has it.

        Raises:
            InvalidRequest: the file is empty, the name can't be one, or there are too many.
            NotAuthorised: the caller's key doesn't reach the source that they lie in.
            SecretFile: it is a key or a password file, and never a document.
        """
        if not upload.size:
            raise InvalidRequest("The file is empty: send its bytes as the request's body.")
        source = self._source() or self._made()
        if self.reachable is not None and source.id not in self.reachable:
            raise NotAuthorised("This key is limited to some sources, and your own documents are in another one.")
        key = self._key(name)
        held = {one.external_id for one in self.services.catalog.get().inbox.held(source.id, f"{self.folder}/")}
        most = self.services.settings.uploads.max_documents
        if key not in held and len(held) >= most:
            raise InvalidRequest(f"You have {len(held)} documents here, and {most} are the most. Delete one first.")
        incoming = Incoming(
            external_id=key,
            content_hash=upload.content_hash,
            size=upload.size,
            media_type=media_type,
            acl=AccessList(users=frozenset({self.user})),
        )
        self._inbox(source).put(incoming, upload.file)
        self._sync(source)

    def delete(self, name: str) -> None:
        """Delete one of them.

        Raises:
            NotFound: there is none of that name.
        """
        source, key = self._source(), self._key(name)
        found = self.services.catalog.get().inbox.get(source.id, key) if source else None
        if source is None or found is None or found.blob is None:
            raise NotFound(f"You have no document {name[:100]!r} here.")
        self._inbox(source).delete(key, None)
        self._sync(source)

    def _key(self, name: str) -> str:
        if not name.strip() or "/" in name or "\\" in name:
            raise InvalidRequest("Give the document the name of a file, without folders.")
        return f"{self.folder}/{name}"

    def _source(self) -> Source | None:
        name = self.services.settings.uploads.source
        found = next((one for one in self.services.catalog.get().sources.list() if one.name == name), None)
        if found is not None and found.kind != "push":
            raise Conflict(f"The source {name!r} is of kind {found.kind!r}: name another one in uploads.source.")
        return found

    def _made(self) -> Source:
        name = self.services.settings.uploads.source
        try:
            return self.services.ingestion.get().create_source("push", name, {})
        except Conflict:  # another request was quicker
            made = self._source()
            if made is None:
                raise
            return made

    def _inbox(self, source: Source) -> SourceInbox:
        return SourceInbox(self.services.catalog.get(), self.services.blobs.get(), source.id)

    def _sync(self, source: Source) -> None:
        try:
            self.services.ingestion.get().sync(source.id)
        except Unavailable as error:  # it is in the inbox: the next sync on schedule takes it in
            log.warning("own_documents.sync_postponed", source_id=source.id, reason=error.message)
