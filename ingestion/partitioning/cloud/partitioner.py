"""The partitioner that has PDFs and images read by a cloud service, and everything else on this machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from core.place import PageSize
from core.settings import ParsingSettings
from core.telemetry import stage
from ingestion.partitioning.cloud.prepared_input import Sending
from ingestion.partitioning.content import Content, beginning_of
from ingestion.partitioning.finishing import finish
from ingestion.partitioning.kinds import IMAGES
from ingestion.partitioning.media_types import Detected
from ingestion.partitioning.port import Partition
from ingestion.partitioning.reading import Reading
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

_TOLD_BY = 8192
"""So many of its first bytes tell what a file is."""


class CloudService(Protocol):
    """A service that reads pages.

    Attributes:
        parser: name and version of the interface.
        split: it takes one page a request.
        images: media types of images that it takes; others are sent as PNG.
        sheet_bytes: the most that it takes in a request.
    """

    parser: str
    split: bool
    images: tuple[str, ...]
    sheet_bytes: int

    def read(self, sheets: Sequence[bytes], sizes: Sequence[PageSize], name: str) -> Reading:
        """Read a document.

        Args:
            sheets: its pages, or all of it as one, as ``split`` says.
            sizes: of its pages, in points.

        Raises:
            UnreadableDocument, DocumentTooLarge: the service refuses it.
            Unavailable: no answer in time, or none that makes sense.
            ModelUnavailable: the service can't be reached, is overloaded, or refuses the login: documents wait.
        """
        ...

    def check(self) -> str:
        """What it would be asked with, in a few words. Costs nothing: no page is sent.

        Raises:
            ModelUnavailable: it can't be used, as far as can be told without a page.
        """
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class CloudPartitioner:
    """Sends PDFs and images to a service. Thread safe.

    What a file is, is told by its first bytes. It is opened in a parser child as ever; only finished pages leave it,
    and only they are sent.
    """

    def __init__(self, settings: ParsingSettings, local: ChildProcessPartitioner, service: CloudService) -> None:
        self._settings = settings
        self._local = local
        self._service = service

    def partition(self, content: Content, *, name: str, media_type: str | None = None) -> Partition:
        """Read one document; see :class:`ingestion.partitioning.port.Partitioner` and :class:`CloudService`."""
        kind = cloud_kind(beginning_of(content, _TOLD_BY), self._settings.cloud_kinds)
        if kind is None:
            return self._local.partition(content, name=name, media_type=media_type)
        service = self._service
        sending = Sending(
            split=service.split,
            images=service.images,
            sheet_bytes=service.sheet_bytes,
            total_bytes=self._settings.max_unpacked_mb * 1_000_000,
        )
        prepared = self._local.prepare(content, name=name, sending=sending)
        sheets = [sheet.content for sheet in prepared.attachments]
        with stage("ingest.partition.cloud", pages=len(prepared.pages), engine=self._settings.engine):
            reading = service.read(sheets, prepared.pages, name)
        reading.metadata = prepared.metadata
        detected = Detected(kind, None, prepared.warnings, prepared.media_type)
        text_bytes = self._settings.max_text_mb * 1_000_000
        return finish(reading, detected, name=name, parser=service.parser, text_bytes=text_bytes)

    def close(self) -> None:
        """End child processes and connections."""
        self._local.close()
        self._service.close()


def cloud_kind(content: bytes, kinds: Collection[str]) -> str | None:
    """``pdf`` or ``image``, if that is what the first bytes say and it is one of ``kinds``."""
    import filetype  # noqa: PLC0415

    if b"%PDF-" in content[:1024]:
        found = "pdf"
    else:
        guess = filetype.guess(content[:_TOLD_BY])
        found = "image" if guess is not None and guess.mime in IMAGES else ""
    return found if found in kinds else None
