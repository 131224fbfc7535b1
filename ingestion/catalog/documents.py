"""Documents, for those who only look."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, func, or_, select

from core.errors import NotFound
from core.principal import PUBLIC, Principal
from ingestion.catalog.database import Database
from ingestion.catalog.records import DocumentRecord, DocumentState, document_id
from ingestion.catalog.rows import document_of
from ingestion.catalog.tables import DOCUMENTS, DocumentRow, SourceRow, TallyRow


class DocumentStore:
    """Reads documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, document_id: str) -> DocumentRecord:
        """One document. A document on its way out is gone already: nobody may open it.

        Raises:
            NotFound: there is none of that id.
        """
        found = self.get_many([document_id])
        if not found:
            raise NotFound(f"There is no document {document_id!r}.")
        return found[0]

    def get_readable(self, document_id: str, terms: Collection[str]) -> DocumentRecord:
        """One document, if its access list holds one of these terms.

        The database decides both at once: that a document is hidden and not missing shows in no further work either.

        Raises:
            NotFound: there is none of that id, or not for this reader.
        """
        statement = select(DOCUMENTS).where(
            DocumentRow.id == document_id, DocumentRow.state != DocumentState.DELETING, self._opens_to(terms)
        )
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        if row is None:
            raise NotFound(f"There is no document {document_id!r} that you may read.")
        return document_of(row)

    def readable_named(self, source_id: str, names: Collection[str], terms: Collection[str]) -> dict[str, str]:
        """Those of a source's documents with these external ids whose access lists hold one of the terms, by their ids.

        One that is hidden is left out as one that is missing is, by the same work.
        """
        statement = select(DocumentRow.external_id, DocumentRow.id).where(
            DocumentRow.source_id == source_id,
            DocumentRow.external_id.in_(names),
            DocumentRow.state != DocumentState.DELETING,
            self._opens_to(terms),
        )
        with self._database.read() as connection:
            return {row.external_id: row.id for row in connection.execute(statement)}

    def readable(self, document_ids: Collection[str], principal: Principal) -> dict[str, str | None]:
        """Those of the documents that the principal may read, with the hashes of their bytes."""
        statement = select(DocumentRow.id, DocumentRow.content_hash).where(
            DocumentRow.id.in_(document_ids),
            DocumentRow.state != DocumentState.DELETING,
            self._opens_to(principal.terms),
        )
        if principal.sources is not None:
            statement = statement.where(DocumentRow.source_id.in_(principal.sources))
        with self._database.read() as connection:
            return {row.id: row.content_hash for row in connection.execute(statement)}

    def all_readable(self, document_ids: Collection[str], terms: Collection[str]) -> bool:
        """Whether there are all of these documents, and each one's access list holds one of the terms."""
        wanted = set(document_ids)
        statement = select(func.count()).where(
            DocumentRow.id.in_(wanted), DocumentRow.state != DocumentState.DELETING, self._opens_to(terms)
        )
        with self._database.read() as connection:
            return int(connection.execute(statement).scalar_one()) == len(wanted)

    def readable_sources(self, terms: Collection[str], looked_at: int = 1000) -> set[str]:
        """The sources that hold a document which one of these terms opens, among their first ``looked_at`` documents.

        A source whose readable documents lie behind those is left out: the work must not grow with the catalog.
        """
        first = (
            select(DocumentRow.acl)
            .where(DocumentRow.source_id == SourceRow.id, DocumentRow.state != DocumentState.DELETING)
            .limit(looked_at)
            .correlate(SourceRow)
            .subquery()
        )
        readable = exists(select(1).select_from(first).where(self._opens_to(terms, first.c.acl)))
        with self._database.read() as connection:
            return set(connection.execute(select(SourceRow.id).where(readable)).scalars())

    def _opens_to(self, terms: Collection[str], acl: ColumnElement[Any] | None = None) -> ColumnElement[bool]:
        """Whether a document's access list holds one of the terms; :meth:`core.principal.AccessList.allows` in SQL."""
        elements = func.json_each if self._database.is_sqlite else func.json_array_elements_text
        listed = elements(DocumentRow.acl if acl is None else acl).table_valued("value")
        return exists(select(1).select_from(listed).where(listed.c.value.in_(terms)))

    def get_many(self, document_ids: Collection[str]) -> list[DocumentRecord]:
        """Those of the documents that there are, in no particular order."""
        statement = select(DOCUMENTS).where(
            DocumentRow.id.in_(document_ids), DocumentRow.state != DocumentState.DELETING
        )
        with self._database.read() as connection:
            return [document_of(row) for row in connection.execute(statement)]

    def named(self, name: str) -> list[DocumentRecord]:
        """The documents of this id, or of this external id in any of the sources; the ids follow from the names."""
        with self._database.read() as connection:
            sources = connection.execute(select(SourceRow.id).where(~SourceRow.deleting)).scalars()
            ids = {name, *(document_id(source, name) for source in sources)}
        return sorted(self.get_many(ids), key=lambda document: document.id)

    def list(
        self,
        source_id: str,
        limit: int = 100,
        offset: int = 0,
        *,
        contains: str = "",
        state: DocumentState | None = None,
    ) -> list[DocumentRecord]:
        """A source's documents by external id: those whose title or external id contains this text, in any case."""
        statement = select(DOCUMENTS).where(DocumentRow.source_id == source_id)
        if state is not None:
            statement = statement.where(DocumentRow.state == state)
        if contains:
            titled = DocumentRow.title.icontains(contains, autoescape=True)
            statement = statement.where(or_(DocumentRow.external_id.icontains(contains, autoescape=True), titled))
        with self._database.read() as connection:
            found = connection.execute(statement.order_by(DocumentRow.external_id).limit(limit).offset(offset))
            return [document_of(row) for row in found]

    def count_inner(self, document_id: str) -> int:
        """How many documents lie in this one, at any depth."""
        inner = select(DocumentRow.id).where(DocumentRow.parent_id == document_id).cte(recursive=True)
        inner = inner.union_all(select(DocumentRow.id).where(DocumentRow.parent_id == inner.c.id))
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(inner)).scalar_one())

    def totals(self, source_id: str | None = None) -> dict[str, int]:
        """How many documents are in each state, states without any left out."""
        count = func.sum(TallyRow.documents)
        statement = select(TallyRow.state, count).group_by(TallyRow.state).having(count > 0)
        if source_id is not None:
            statement = statement.where(TallyRow.source_id == source_id)
        with self._database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(statement)}

    def count_public(self, source_id: str) -> int:
        """How many of a source's documents everybody may find who may use this Footnote."""
        everybody = cast(DocumentRow.acl, String).contains(f'"{PUBLIC}"')
        there = DocumentRow.indexed_version.is_not(None), DocumentRow.state != DocumentState.DELETING
        statement = select(func.count()).where(DocumentRow.source_id == source_id, everybody, *there)
        with self._database.read() as connection:
            return int(connection.execute(statement).scalar_one())

    def twins(self, keys: Mapping[str, str]) -> dict[str, str]:
        """For each of these documents with their content keys, another document of the same key that is indexed.

        Those without one are left out.
        """
        statement = (
            select(DocumentRow.content_key, func.min(DocumentRow.id).label("twin"))
            .where(
                DocumentRow.content_key.in_(set(keys.values())),
                DocumentRow.id.not_in(keys),
                DocumentRow.state == DocumentState.INDEXED,
            )
            .group_by(DocumentRow.content_key)
        )
        with self._database.read() as connection:
            found = {row.content_key: row.twin for row in connection.execute(statement)}
        return {document_id: found[key] for document_id, key in keys.items() if key in found}
