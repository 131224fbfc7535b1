"""Wires the partitioner."""

from __future__ import annotations

from core.settings import Settings
from ingestion.partitioning.pool import ChildProcessPartitioner
from ingestion.partitioning.port import Partitioner


def build_partitioner(settings: Settings) -> Partitioner:
    """The partitioner of a worker process. Starts nothing until the first document; close it at the end."""
    return ChildProcessPartitioner(settings.parsing)
