"""Wires the partitioner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.settings import ParsingSettings, Settings
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

if TYPE_CHECKING:
    from ingestion.partitioning.cloud.partitioner import CloudService


def build_partitioner(settings: Settings) -> Partitioner:
    """The partitioner of a worker process. Starts nothing until the first document; close it at the end.

    Raises:
        ConfigurationError: the service of ``parsing.engine`` can't be used as it is set up.
    """
    local = ChildProcessPartitioner(settings.parsing)
    service = build_service(settings.parsing)
    if service is None:
        return local
    from ingestion.partitioning.cloud.partitioner import CloudPartitioner  # noqa: PLC0415 - brings what reads PDFs

    return CloudPartitioner(settings.parsing, local, service)


def build_service(parsing: ParsingSettings) -> CloudService | None:
    """The service of ``parsing.engine``; None where everything is read on this machine. Connects to nothing."""
    if parsing.engine == "textract":
        from ingestion.partitioning.cloud.textract import Textract  # noqa: PLC0415 - boto3 takes a second to load

        return Textract.connect(parsing)
    if parsing.engine == "document_intelligence":
        from ingestion.partitioning.cloud.document_intelligence import DocumentIntelligence  # noqa: PLC0415 - optional

        return DocumentIntelligence.connect(parsing)
    return None
