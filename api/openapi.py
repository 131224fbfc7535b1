"""The OpenAPI document: what FastAPI derives from the routes, and what their dependencies and problems add to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, get_args

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from api.dependencies import CallerDep, Needs
from api.openai_errors import OpenAiError, OpenAiRoute
from api.problems import MEDIA_TYPE, METHODS, Problem
from api.schemas.answers import EVENT_BODIES
from api.schemas.openai import ChatChunk
from api.sse import MEDIA_TYPE as EVENT_STREAM
from core.roles import Role

_KEY = "key"
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `footnote keys create NAME` makes it, or a token of an identity provider.",
}
_CALLER = get_args(CallerDep)[1].dependency
_PROBLEMS = {
    400: "The body can't be read.",
    401: "There is no key, token or session and one is needed, or it is no good: unknown, expired or revoked.",
    403: "Who asks is known, but hasn't the role, or the key is limited to something else.",
    404: "It isn't there, or the caller may not know that it is.",
    409: "It clashes with what is there.",
    413: "It is over a limit on size.",
    415: "The body isn't sent as JSON.",
    416: "It has no such range of bytes.",
    422: "What was sent can't be used: the detail says why.",
    429: "The caller had its share: try again after `Retry-After` seconds. `RateLimit` says of what.",
    503: "Something that this needs doesn't answer, or there is too much to do: try again after `Retry-After` seconds.",
}
_FROM_FASTAPI = ("HTTPValidationError", "ValidationError")
_FIRST_ERROR = 400
_STREAM = {
    "type": "string",
    "contentMediaType": EVENT_STREAM,
    "contentSchema": {"$ref": "#/components/schemas/AnswerEvent"},
}
ERRORS: Mapping[type[APIRoute], tuple[str, type[BaseModel]]] = {OpenAiRoute: ("application/json", OpenAiError)}
"""The media type and the body of errors, by the kind of route where they aren't problems."""


class DocumentedApp(FastAPI):
    """A FastAPI whose document has everything that may be answered.

    Args:
        modules: those with the routers; a route that isn't in them is documented as FastAPI does.
        anonymous: whether readers without a key are served.
    """

    def __init__(self, modules: tuple[ModuleType, ...], *, anonymous: bool, **options: Any) -> None:
        super().__init__(**options)
        self._anonymous = anonymous
        for module in modules:
            self.include_router(module.router)
        routes = [route for module in modules for route in module.router.routes]
        self._own = [route for route in routes if isinstance(route, APIRoute)]

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            components = document.setdefault("components", {})
            components["securitySchemes"] = {_KEY: _SCHEME}
            components["schemas"] = _schemas(components.get("schemas", {}))
            for route in self._own:
                if route.include_in_schema:
                    for method in route.methods or ():
                        self._complete(document["paths"][route.path_format][method.lower()], route)
        assert self.openapi_schema is not None
        return self.openapi_schema

    @property
    def names(self) -> list[str]:
        """The paths of its routes, as they are written."""
        return [route.path for route in self._own]

    def methods_of(self, scope: Scope) -> list[str]:
        """The methods of the path that a request's path fits first; none where it fits none.

        Starlette names those of the first route alone, where each method of a path is a route. Routes of further
        paths that fit don't count: ``DELETE /v1/index/rebuild`` would drop a generation of that name.
        """
        path = next((route.path for route in self._own if route.matches(scope)[0] is not Match.NONE), None)
        methods = {method for route in self._own if route.path == path for method in route.methods or ()}
        return [method for method in METHODS if method in methods]

    def _complete(self, operation: dict[str, Any], route: APIRoute) -> None:
        responses = operation["responses"]
        calls = [one.call for one in _dependants(route.dependant)]
        called, roles = _CALLER in calls, [call.role for call in calls if isinstance(call, Needs)]
        if called:
            open_to_all = self._anonymous and set(roles) <= {Role.READER}
            operation["security"] = [{_KEY: [str(role) for role in roles]}, *([{}] if open_to_all else [])]
        wanted: set[int] = {401, 403, 422, 429, 503} if called else set()
        if operation.get("requestBody"):
            wanted |= {400, 413, 415}
        if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
            wanted.add(404)
        for status in wanted:
            responses.setdefault(str(status), {"description": _PROBLEMS[status]})
        told = ERRORS.get(type(route), (MEDIA_TYPE, Problem))
        if isinstance(route, OpenAiRoute):
            responses.pop("422", None)  # it answers with 400
        for status, response in responses.items():
            for kind, content in response.get("content", {}).items():
                if kind == EVENT_STREAM and not content:
                    content["schema"] = _STREAM
            if int(status) >= _FIRST_ERROR and (_is_fastapis(response) or "content" not in response):
                response["description"] = _PROBLEMS.get(int(status), response.get("description", ""))
                response["content"] = {told[0]: {"schema": {"$ref": f"#/components/schemas/{told[1].__name__}"}}}
        operation["responses"] = dict(sorted(responses.items()))


def _schemas(derived: Mapping[str, Any]) -> dict[str, Any]:
    """The components, with the problem's in place of FastAPI's own, and what no route declares by itself."""
    found = {name: schema for name, schema in derived.items() if name not in _FROM_FASTAPI}
    declared: tuple[type[BaseModel], ...] = (
        *(Problem, ChatChunk),
        *(body for _, body in ERRORS.values()),
        *EVENT_BODIES.values(),
    )
    for body in declared:
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        found |= schema.pop("$defs", {}) | {body.__name__: schema}
    found["AnswerEvent"] = _event()
    return dict(sorted(found.items()))


def _event() -> dict[str, Any]:
    """One event of the answer's stream: its name, and its data."""
    named = {name: body.__name__ for name, body in EVENT_BODIES.items()} | {"error": Problem.__name__}
    one_of = [
        {
            "type": "object",
            "title": name,
            "properties": {"event": {"const": name}, "data": {"$ref": f"#/components/schemas/{body}"}},
            "required": ["event", "data"],
        }
        for name, body in named.items()
    ]
    return {"title": "AnswerEvent", "description": "An event, and its data as JSON.", "oneOf": one_of}


def _is_fastapis(response: Mapping[str, Any]) -> bool:
    return any(name in str(response.get("content")) for name in _FROM_FASTAPI)


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from _dependants(one)
