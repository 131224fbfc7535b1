"""Settings of how documents are read, cut and kept up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from core.cloud_parsing import CloudKind, DocumentIntelligenceSettings, ParsingEngine, TextractSettings
from core.section import AccessTerms, Fraction, Positive, Seconds, Section


class ChunkingSettings(Section):
    """How documents are cut, in the embedder's tokens."""

    strategy: Literal["structural", "semantic"] = "structural"
    """``structural``: by headings, lists, tables, paragraphs. ``semantic``: within a section that is longer than a
    passage, where the meaning of neighbouring sentences parts, at the price of embedding them all."""
    min_tokens: Positive = 500
    max_tokens: Positive = 1000
    overlap: Annotated[float, Field(ge=0, lt=0.5)] = 0.1

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_tokens > self.max_tokens:
            raise ValueError("chunking.min_tokens is larger than chunking.max_tokens")
        return self


class UploadSettings(Section):
    """Documents that readers upload for themselves alone."""

    source: Annotated[str, Field(min_length=1, max_length=200)] = "Readers' own documents"
    """The name of the source that they lie in. It is made with the first one."""
    max_documents: Annotated[int, Field(ge=0, le=1000)] = 100
    """Of each reader; 0: nobody uploads."""
    max_file_mb: Positive = 50


class ParsingSettings(Section):
    """Limits on the child processes that read documents."""

    processes: Positive = 1
    timeout_s: Seconds = 120
    memory_mb: Positive = 2048
    max_file_mb: Positive = 200
    max_text_mb: Positive = 50
    max_pages: Positive = 5000
    """Of a PDF."""
    ocr_languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("eng",)
    """What scanned pages may be written in, by Tesseract's names; each needs its package, as tesseract-ocr-deu."""
    ocr_timeout_s: Seconds = 1800
    """For a document's pages that need it, on top of ``timeout_s``; those that don't fit are named and left out."""
    pdf_passwords: tuple[SecretStr, ...] = ()
    """Tried on encrypted PDFs, one after another."""
    max_attachments: Positive = 1000
    """Attachments of a message, or members of an archive."""
    max_unpacked_mb: Positive = 500
    """What they may come to together."""
    max_depth: Positive = 3
    """How deep documents may lie within documents: 1 is an attachment of a message."""
    max_inner: Positive = 10_000
    """Documents that may lie in one, at any depth: the limits above hold for each archive, and archives nest."""
    engine: ParsingEngine = "local"
    """Who reads ``cloud_kinds``; everything else is read here."""
    cloud_kinds: tuple[CloudKind, ...] = ("pdf", "image")
    cloud_timeout_s: Seconds = 900
    """For one document, from the first request to the last answer."""
    textract: TextractSettings = TextractSettings()
    document_intelligence: DocumentIntelligenceSettings = DocumentIntelligenceSettings()

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        azure = self.document_intelligence
        if self.engine == "document_intelligence" and not (azure.endpoint and azure.key):
            raise ValueError(
                "parsing.engine = 'document_intelligence' needs parsing.document_intelligence.endpoint and .key"
            )
        return self


SHORTEST_SECRET_KEY = 32


class SourcesSettings(Section):
    """What sources may reach."""

    allowed_roots: tuple[Path, ...] = ()
    """Folders that a folder source must lie in, links followed; none: any folder, which production refuses."""
    proxy: SecretStr | None = None
    """URL of an HTTP proxy through which sources on the web are reached; None: directly, whatever HTTPS_PROXY says."""
    secret_key: SecretStr | None = None
    """Encrypts the secrets of sources in the catalog: a random text of 32 characters or more."""
    secret_key_file: Path | None = None
    """A file with such a key on each line: the first encrypts, all decrypt. Without it and ``secret_key``, the file
    ``sources.key`` in the data directory, which is made when it is needed; production refuses that."""
    former_secret_keys: tuple[SecretStr, ...] = ()
    """Keys that still decrypt, until ``footnote sources rotate-secrets`` has replaced them."""

    check_s: Seconds = 20
    """How long a worker may take to try out the settings of a source that is made or changed."""

    @field_validator("allowed_roots")
    @classmethod
    def _absolute(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        roots = tuple(root.expanduser() for root in roots)
        if not all(root.is_absolute() for root in roots):
            # The service and each worker would take it for another folder.
            raise ValueError("every folder must be an absolute path")
        return roots

    @model_validator(mode="after")
    def _keys(self) -> Self:
        if self.secret_key is not None and self.secret_key_file is not None:
            raise ValueError("sources.secret_key and sources.secret_key_file exclude one another")
        given = [*self.former_secret_keys, *([self.secret_key] if self.secret_key else [])]
        if any(len(key.get_secret_value()) < SHORTEST_SECRET_KEY for key in given):
            raise ValueError(f"a key of sources needs {SHORTEST_SECRET_KEY} characters: openssl rand -base64 32")
        return self


class SyncSettings(Section):
    """How sources are kept up to date."""

    interval_s: Positive = 4 * 3600
    memberships_interval_s: Positive = 3600
    """How often who is in the groups of a source is read: for so long at most does one who left a group read on."""
    default_acl: AccessTerms | None = None
    """Who may read a document that nothing is said of, neither by itself nor by sidecars, nor its source; terms are
    public, user:<id> and group:<id>, and none is nobody. None: everybody, which production refuses."""
    in_flight: Positive = 200
    """How many documents are in the queues at a time: sources that have something to do share them by weight."""
    embed_chunks: Positive = 256
    """How many chunks one embedding task takes, across documents."""
    lease_s: Positive = 900
    """How long a claimed document or a running sync may be silent before another worker takes it over."""
    recover_s: Positive = 30
    """How often the schedule looks for work that got lost with a worker or a broker."""
    max_attempts: Positive = 4
    retry_base_s: Seconds = 5
    retry_max_s: Seconds = 600
    max_pause_s: Seconds = 24 * 3600
    """How long documents wait for an index, a disk or a model that is down before they become failures."""
    max_deleted_share: Fraction = 0.2
    """A sync that would delete more than this share of a source is refused (sources of 10 documents and more)."""
    compare_s: Positive = 7 * 24 * 3600
    """How often catalog and index are compared, so that what differs is found and put right."""
    workers: Positive = 2
    """Threads of the embedded Celery worker that parses and embeds."""
    listers: Positive = 4
    """Threads of the embedded Celery worker that lists sources and writes permissions: no document holds it up."""
