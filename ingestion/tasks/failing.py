"""What happens to a document whose task failed: one rule, by the class of the error."""

from __future__ import annotations

import random
import traceback

from core.errors import DocumentError, FootnoteError
from core.logs import get_logger
from core.settings import SyncSettings
from core.telemetry import DOCUMENTS, FAILURES
from ingestion.catalog.records import Work
from ingestion.source_secrets import without_secrets
from ingestion.tasks.hand_off import request_permissions
from ingestion.tasks.parts import Parts

log = get_logger(__name__)


def backoff_s(sync: SyncSettings, attempts: int) -> float:
    """Seconds to wait after so many attempts: doubling, with jitter, so that retries don't come all at once."""
    longest: float = min(sync.retry_max_s, sync.retry_base_s * 2 ** (attempts - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def may_retry(error: Exception) -> bool:
    """Whether trying again can help. Of errors that nobody foresaw it isn't known, so they are tried again."""
    return error.retryable if isinstance(error, FootnoteError) else True


def explain(error: Exception) -> str:
    """The error as a sentence that may be shown: messages of unforeseen errors may quote content, so they are not."""
    if isinstance(error, FootnoteError):
        return error.message
    return f"An unexpected {type(error).__name__} occurred: the worker's log has it under this document's id."


def log_unexpected(parts: Parts, event: str, source_id: str, error: Exception, **places: object) -> None:
    """Log an error that nobody foresaw, with its traceback.

    Libraries repeat in their messages what they were called with, so the source's secrets are masked. Where those
    can't be told, the messages are left out.
    """
    try:
        source = parts.catalog.sources.get(source_id)
        config = parts.secrets.open(source.config, source.id)
        lines = without_secrets(traceback.format_exception(error), config, source.config)
    except FootnoteError:
        lines = [type(error).__name__, "\n", *traceback.format_tb(error.__traceback__)]
    log.error(event, source_id=source_id, error_class=type(error).__name__, traceback="".join(lines), **places)


def give_up(parts: Parts, work: Work, owner: str | None, stage: str, error: Exception) -> None:
    """Record a document as failed. What the index holds of it stays searchable, with its present permissions."""
    recorded = parts.catalog.outcomes.failed(
        work,
        owner,
        stage=stage,
        error_class=type(error).__name__,
        message=explain(error),
        # The next sync tries again whatever isn't the document's own fault.
        retryable=not isinstance(error, DocumentError),
        parser=parts.parser() if stage == "parse" else None,
    )
    if recorded:
        request_permissions(parts, work.record.source_id)
        DOCUMENTS.labels("failed").inc()
        FAILURES.labels(stage, type(error).__name__).inc()
        log.warning("document.failed", document_id=work.record.id, stage=stage, error_class=type(error).__name__)
