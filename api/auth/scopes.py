"""What a key is limited to, below what its roles allow: routes, and sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import InvalidRequest, NotAuthorised

_ROUTE = re.compile(r"[a-z][a-z0-9_-]{0,63}(:read)?")
_SOURCE = re.compile(r"[0-9a-f]{32}")
_READING = ("GET", "HEAD", "OPTIONS")
_ALWAYS = "me"
"""Whom a key speaks for: whoever has it may know."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits; an empty one is none.

    Args:
        routes: names of routes, each with ``:read`` behind it where only GET is allowed: the first part of a path
            behind ``/v1``, as ``search`` or ``sources:read``.
        sources: ids of sources.

    Raises:
        InvalidRequest: a name can't be one.
    """

    routes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for route in self.routes:
            if not _ROUTE.fullmatch(route):
                raise InvalidRequest(
                    f"{route[:80]!r} is no scope: name the first part of a path behind /v1, as search, or sources:read."
                )
        for source in self.sources:
            if not _SOURCE.fullmatch(source):
                raise InvalidRequest(f"{source[:80]!r} is not the id of a source: `footnote sources list` shows them.")

    def check(self, method: str, path: str) -> None:
        """Return when a request is within the routes.

        Raises:
            NotAuthorised: it isn't.
        """
        name = route_name(path)
        if not self.routes or name == _ALWAYS or name in self.routes:
            return
        if method in _READING and f"{name}:read" in self.routes:
            return
        raise NotAuthorised(f"This key is limited to {', '.join(self.routes)}, and {method} {path[:200]} is not in it.")

    def check_source(self, source_id: str | None) -> None:
        """Return when what is done concerns a source that the key reaches; None: it may concern all of them.

        Raises:
            NotAuthorised: it doesn't.
        """
        if self.sources and source_id not in self.sources:
            raise NotAuthorised("This key is limited to some sources, and this is about others: use another key.")

    def holds(self, other: Scope) -> bool:
        """Whether what ``other`` lets through is let through by this too."""
        routes = {*self.routes, *(f"{name}:read" for name in self.routes)}
        return _within(other.routes, routes) and _within(other.sources, self.sources)


UNLIMITED = Scope()


def route_name(path: str) -> str:
    """What scopes call a path: ``/v1/sources/x/sync`` is ``sources``, ``/mcp`` is ``mcp``."""
    parts = [part for part in path.split("/") if part]
    return next(iter(parts[1:] if parts[:1] == ["v1"] else parts), "")


def check_known(scope: Scope, paths: Iterable[str]) -> None:
    """Return when each route of a scope is one that there is: a slip of the pen would make a key that opens nothing.

    Raises:
        InvalidRequest: there is none of that name.
    """
    known = {route_name(path) for path in paths} - {"", _ALWAYS}
    for name in (route.removesuffix(":read") for route in scope.routes):
        if name not in known:
            raise InvalidRequest(f"There are no routes {name!r}. Scopes are: {', '.join(sorted(known))}.")


def _within(inner: Iterable[str], outer: Iterable[str]) -> bool:
    """Whether limits are at least as narrow as others, of which an empty one is none."""
    return not set(outer) or (bool(set(inner)) and set(inner) <= set(outer))
