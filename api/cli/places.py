"""Where in its document a passage stands, as the command line writes it."""

from __future__ import annotations

from typing import Any


def place_of(passage: dict[str, Any]) -> str:
    """Page, cells and headings, each after a comma; a heading that repeats the title, or the sheet, is left out."""
    page, cells, headings = passage.get("page"), passage.get("cells") or (), list(passage.get("heading_path") or ())
    if headings and headings[0] == passage.get("title"):
        del headings[0]
    if cells and headings == [cells[0].rpartition("!")[0]]:
        headings = []
    parts = [f"page {page}"] if page else []
    parts += cells
    if headings:
        parts.append(" > ".join(headings))
    return "".join(f", {part}" for part in parts)
