"""Globs over paths with ``/``, where ``**`` stands for any number of folders."""

from __future__ import annotations

import re
from collections.abc import Iterable


def compile_globs(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression that matches a relative path if any pattern does; nothing, if there is none.

    ``*`` and ``?`` stay within a name, ``[abc]`` is one of these characters, ``**/`` is any folders or none, and a
    pattern without a ``/`` matches the name in any folder.
    """
    alternatives = [_translate(pattern) for pattern in patterns]
    return re.compile("|".join(alternatives) or r"(?!)", re.DOTALL)


def _translate(pattern: str) -> str:
    if "/" not in pattern.strip("/"):
        pattern = f"**/{pattern}"
    pattern = pattern.lstrip("/")
    if pattern.endswith("/"):
        pattern += "**"
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        piece, expression = _piece(pattern, position)
        parts.append(expression)
        position += len(piece)
    return f"(?:{''.join(parts)})\\Z"


def _piece(pattern: str, position: int) -> tuple[str, str]:
    rest = pattern[position:]
    for piece, expression in (("**/", "(?:[^/]+/)*"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]")):
        if rest.startswith(piece):
            return piece, expression
    found = re.match(r"\[(!?)([^\]/]+)\]", rest)
    if found:
        inner = re.sub(r"([\\\[\^&~|])", r"\\\1", found[2])
        return found[0], f"[{'^/' if found[1] else ''}{inner}]"
    return rest[0], re.escape(rest[0])
