"""Where in its document a passage stands, as the command line writes it."""

from __future__ import annotations

from typing import Any


def place_of(passage: dict[str, Any]) -> str:
    """Page and headings, each after a comma; a heading that repeats the title is left out."""
    page, headings = passage.get("page"), list(passage.get("heading_path") or ())
    if headings and headings[0] == passage.get("title"):
        del headings[0]
    parts = [f"page {page}"] if page else []
    if headings:
        parts.append(" > ".join(headings))
    return "".join(f", {part}" for part in parts)
