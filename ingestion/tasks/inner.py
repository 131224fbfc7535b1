"""Documents within documents: each attachment and each member of an archive is entered as a document of its own."""

from __future__ import annotations

import hashlib

from core.errors import DocumentTooLarge
from core.telemetry import stage
from ingestion.blobs import original_key
from ingestion.catalog.family import depth, inner_name, within
from ingestion.catalog.records import DocumentRecord, Work, document_id
from ingestion.connectors.port import Unreadable, Upsert
from ingestion.partitioning.port import Attachment, InnerReaders, Partition
from ingestion.tasks.hand_off import dispatch, request_permissions
from ingestion.tasks.parts import Parts


def enter_inner(parts: Parts, work: Work, partition: Partition) -> None:
    """Enter what lies in a document into the catalog, and take out what no longer does.

    Called before the document itself counts as parsed, so that its run waits for them. Doing it again changes nothing.

    Raises:
        DocumentTooLarge: with these, more documents would lie in the outermost one than may.
    """
    record = work.record
    if partition.attachments:
        _check_family(parts, record, len(partition.attachments))
    with stage("ingest.inner", documents=len(partition.attachments)):
        found = [_change(parts, work, attachment) for attachment in partition.attachments]
        if not parts.catalog.intake.apply_inner(work, found, parser=parts.parser()):
            return  # it changed meanwhile: what lies in it is for the task of its new version
        parts.catalog.removal.mark_inner(work, [change.external_id for change in found])
    request_permissions(parts, record.source_id)
    if found:
        dispatch(parts, record.source_id)


def _check_family(parts: Parts, record: DocumentRecord, found: int) -> None:
    """A thousand members, each an archive of a thousand, each of these too: no limit on a single one stops that."""
    documents, most = parts.catalog.documents, parts.settings.parsing.max_inner
    outermost = record
    while outermost.parent_id is not None:
        outermost = documents.get(outermost.parent_id)
    others = documents.count_inner(outermost.id) - documents.count_inner(record.id)
    if others + found > most:
        raise DocumentTooLarge(
            f"{outermost.title or outermost.external_id} would hold {others + found} documents, in one another; "
            f"parsing.max_inner = {most}. Unpack it, or raise the limit."
        )


def refuse(parts: Parts, work: Work, readers: InnerReaders) -> None:
    """Hide a document from everybody, and what lies in it, since more may read it than the documents in it allow."""
    record = work.record
    parts.catalog.outcomes.restrict(work, readers)
    hidden = Unreadable(record.external_id, record.uri, readers.refusal())
    if parts.catalog.intake.hide(work, hidden, parser=parts.parser()):
        request_permissions(parts, record.source_id)


def check_depth(parts: Parts, record: DocumentRecord) -> None:
    """Refuse what lies too deep, before it is read. Its bytes are kept: once the limit is raised, it is read after all.

    Raises:
        DocumentTooLarge: it lies in more documents than may be in one another.
    """
    deepest = parts.settings.parsing.max_depth
    if depth(record.external_id) > deepest:
        raise DocumentTooLarge(
            f"It lies in more than parsing.max_depth = {deepest} documents. Unpack it, or raise the limit."
        )


def _change(parts: Parts, work: Work, attachment: Attachment) -> Upsert:
    record = work.record
    external_id, uri = inner_name(record.external_id, attachment.name), inner_name(record.uri, attachment.name)
    content_hash = hashlib.sha256(attachment.content).hexdigest()
    parts.blobs.put(original_key(document_id(record.source_id, external_id), content_hash), attachment.content)
    return within(
        external_id,
        uri,
        content_hash=content_hash,
        size=len(attachment.content),
        acl=record.acl,
        outer=work.source_metadata,
    )
