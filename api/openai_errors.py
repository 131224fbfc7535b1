"""Errors as clients of OpenAI's API read them: ``{"error": {"message": ..., "type": ..., "param": ..., "code": ...}}``.

https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from api.json_body import JsonRoute
from api.problems import HANDLED, TYPE_PREFIX, Problem, response_to

_STATUSES = {422: 400}
"""OpenAI has one status for what is wrong with a request."""
_TYPES = {429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_OURS = 500


class OpenAiFault(BaseModel):
    """What went wrong; ``param`` is the field at fault, ``code`` a word for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAiError(BaseModel):
    """The body of an error of the routes that speak as OpenAI's API does."""

    error: OpenAiFault

    @classmethod
    def of(cls, problem: Problem) -> OpenAiError:
        """The same in OpenAI's words."""
        kind = "server_error" if problem.status >= _OURS else _TYPES.get(problem.status, "invalid_request_error")
        slug = problem.type.removeprefix(TYPE_PREFIX).replace("-", "_")
        return cls(
            error=OpenAiFault(
                message=problem.detail,
                type=kind,
                param=problem.errors[0].field if problem.errors else None,
                code=_CODES.get(problem.status, slug),
            )
        )


class OpenAiRoute(JsonRoute):
    """A route that reads JSON as ours do, and whose errors are OpenAI's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, its problems translated."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except HANDLED as error:
                refused = await response_to(request, error)
            problem = Problem.model_validate(orjson.loads(refused.body))
            headers = {name: value for name, value in refused.headers.items() if not name.startswith("content-")}
            body = OpenAiError.of(problem).model_dump_json()
            status = _STATUSES.get(problem.status, problem.status)
            return Response(body, status, headers, "application/json")

        return answer
