"""Structured logs: JSON for machines, readable lines on a terminal; with the ids of the request or task and the trace.

docs/logs.md says what every line has.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog

from core.settings import TelemetrySettings

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""The id of the request or task at hand; set where it enters the process."""

_OURS = ("core", "ingestion", "retrieval", "generation", "api", "eval", "deploy")


def _add_correlation_id(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    current = correlation_id.get()
    if current is not None:
        event["correlation_id"] = current
    from core.tracing import trace_id  # noqa: PLC0415 - a command that logs nothing does without OpenTelemetry

    trace = trace_id()
    if trace is not None:
        event["trace_id"] = trace
    return event


def configure_logs(settings: TelemetrySettings) -> None:
    """Send the logs of this process, libraries' included, to standard error in one format."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_correlation_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks without local variables: those hold questions and passages.
    without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    final: list[Any] = (
        [structlog.processors.ExceptionRenderer(without_locals), structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _on_stderr(*_: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


# Until configure_logs is called, as in a command that prints JSON on standard output: logs don't mix with that.
structlog.configure(logger_factory=_on_stderr)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module: ``log = get_logger(__name__)``, then ``log.info("event", key=value)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
