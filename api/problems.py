"""Every error as problem+json (RFC 9457): what went wrong, in a sentence that says what to do, and nothing internal."""

from __future__ import annotations

import http
import math
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from core.errors import (
    ConfigurationError,
    FootnoteError,
    InvalidRequest,
    LimitReached,
    NotAuthenticated,
    NotFound,
    Unavailable,
)
from core.logs import correlation_id, get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:footnote:problem:"
RETRY_AFTER_S = "5"
_SLUGS = {
    400: InvalidRequest.slug,
    404: NotFound.slug,
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}
HANDLED = (FootnoteError, RequestValidationError, HTTPException)
"""What routes raise on purpose."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_INTERNAL = "Something went wrong in Footnote. Its log has the reason under this request id."


class FieldFault(BaseModel):
    """One thing that is wrong with a request: where, as a dotted path, and what."""

    field: str
    message: str


class Problem(BaseModel):
    """The body of every error, and the data of an answer stream's ``error`` event."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FieldFault] | None = None

    def to_bytes(self) -> bytes:
        """The problem as JSON, without what is not known."""
        return orjson.dumps(self.model_dump(exclude_none=True))


def problem_of(error: Exception) -> Problem:
    """Describe an error to the caller; one that isn't ours, or is the operator's, without its message."""
    if isinstance(error, FootnoteError) and not isinstance(error, ConfigurationError):
        return _problem(error.status, error.slug, error.message)
    if isinstance(error, ConfigurationError):
        detail = "Footnote is set up wrongly, so it can't do this. GET /readyz and its log name the setting."
        return _problem(error.status, error.slug, detail)
    return _problem(500, "internal", _INTERNAL)


def to_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The problem as an HTTP response."""
    return Response(problem.to_bytes(), problem.status, headers, MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    for kind in HANDLED:
        app.add_exception_handler(kind, response_to)


async def response_to(request: Request, error: Exception) -> Response:
    """What a request is answered whose route raised ``error``, one of ``HANDLED``."""
    if isinstance(error, RequestValidationError):
        return to_response(validation_problem(error))
    return _on_http_exception(request, error) if isinstance(error, HTTPException) else error_response(error)


def log_error(error: Exception) -> None:
    """Log an error that its caller can't do anything about; errors of the caller's making are not logged."""
    if not isinstance(error, FootnoteError):
        log.error("request.failed", exc_info=error)
    elif error.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", slug=error.slug, reason=error.message, where=error.where)


def _problem(status: int, slug: str, detail: str, errors: list[FieldFault] | None = None) -> Problem:
    return Problem(
        type=TYPE_PREFIX + slug,
        title=slug.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        request_id=correlation_id.get(),
        errors=errors,
    )


def error_response(error: Exception) -> Response:
    """Log an error if it is worth it, and describe it with the headers that go with it."""
    log_error(error)
    headers = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable):
        headers["Retry-After"] = RETRY_AFTER_S
    if isinstance(error, LimitReached):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return to_response(problem_of(error), headers)


def validation_problem(error: RequestValidationError) -> Problem:
    """Describe what is wrong with a request, each field by its name."""
    faults = [_fault(fault) for fault in error.errors()]
    detail = " ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in faults)
    return _problem(422, InvalidRequest.slug, detail, faults)


def _fault(fault: dict[str, Any]) -> FieldFault:
    """Where and what, without the value that was sent: it may be confidential, or 100 kB long."""
    place = [str(part) for part in fault["loc"]]
    if place and place[0] in {"body", "query", "path", "header"}:
        place = place[1:]
    if fault["type"] == "json_invalid":
        return FieldFault(field="", message=f"The body is not JSON: {fault['ctx']['error']}.")
    if fault["type"] == "unknown_key":
        place.append(fault["ctx"]["key"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return FieldFault(field=".".join(place), message=message if message.endswith(".") else message + ".")


def _on_http_exception(request: Request, error: HTTPException) -> Response:
    detail, headers = str(error.detail), dict(error.headers or {})
    slug = _SLUGS.get(error.status_code, "http-error")
    if isinstance(error.__cause__, UnicodeDecodeError):
        detail = "The body is not UTF-8. Send JSON encoded as UTF-8."
    elif error.status_code == http.HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.url.path}. GET /openapi.json lists every route."
    elif error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(request.app.methods_of(request.scope)) or headers.get("Allow", "GET")
        detail = f"{request.method} doesn't work on {request.url.path}; use {headers['Allow']}."
    return to_response(_problem(error.status_code, slug, detail), headers)
