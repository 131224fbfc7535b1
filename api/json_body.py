"""Request bodies: JSON that means one thing, and that everything behind can hold."""

from __future__ import annotations

import email.message
import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

MAX_DEPTH = 32
"""Far more than any body needs. What walks a body downstream, as pydantic, calls itself once a level."""
_INTEGER_BITS = 64
_LONGEST_INTEGER = 20
"""Characters of the longest integer of 64 bits, with its sign."""
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class JsonRoute(APIRoute):
    """A route whose body is read by :func:`read_json`, and refused with 415 if it doesn't say that it is JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, over a :class:`_JsonRequest`."""
        handle = super().get_route_handler()

        async def read_strictly(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return read_strictly


class _JsonRequest(Request):
    async def body(self) -> bytes:
        body = await super().body()
        sent_as = self.headers.get("content-type", "")
        if body and not is_json(sent_as):
            raise HTTPException(
                415, f"The body is sent as {sent_as[:100]!r}. Send JSON, with Content-Type: application/json."
            )
        return body

    async def json(self) -> Any:
        return read_json(await self.body())


def read_json(body: bytes) -> Any:
    """Parse a body that must be JSON of RFC 8259 in its interoperable part (RFC 7493).

    Python's parser alone takes NaN, the last of two equal keys, numbers that no database holds, and nesting as deep as
    the stack; it lets NUL and halves of surrogate pairs into texts, which neither PostgreSQL nor UTF-8 can carry.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        json.JSONDecodeError: it is not such JSON; the message says why.
    """
    text = body.decode("utf-8-sig")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
        _check(value)
    except RecursionError:
        raise json.JSONDecodeError(_TOO_DEEP, text, 0) from None
    except _Refused as error:
        raise json.JSONDecodeError(str(error), text, 0) from None
    return value


class _Refused(Exception):
    """The reason, as a sentence without its end."""


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"the key {twice[:60]!r} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    # The length first: Python takes quadratic time for a long one, and refuses the longest in words of its own.
    if len(digits) > _LONGEST_INTEGER or int(digits).bit_length() >= _INTEGER_BITS:
        raise _Refused(f"a number is over {_INTEGER_BITS} bits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Refused("a number is too large")
    return value


def _constant(name: str) -> float:
    raise _Refused(f"{name} is not a JSON value")


def _check(value: Any) -> None:
    """Refuse what is nested too deep, and texts that can't be stored. Level by level, without calling itself."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                if _NOT_TEXT.search(one):
                    raise _Refused("a text holds a character that can't be stored: NUL or half of a surrogate pair")
            elif isinstance(one, dict):
                below += (*one, *one.values())
            elif isinstance(one, list):
                below += one
        if not below:
            return
        level = below
    raise _Refused(_TOO_DEEP)


def is_json(content_type: str) -> bool:
    """Whether a content type is JSON's, or that of something written in it."""
    message = email.message.Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))
