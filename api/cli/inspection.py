"""An inspection on a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ingestion.inspection.report import shown

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.inspection.model import Fact, InspectedChunk, Inspection

_MOST_CHUNKS = 40
_BEGINNING = 120


def show(inspection: Inspection, console: Console) -> None:
    """Print a summary: facts, what was left out, elements, chunks, time."""
    console.print(_plain(inspection.title, "bold"))
    size = f"{inspection.size:,} bytes, {inspection.media_type}, read by {inspection.parser}"
    console.print(_plain(f"{inspection.name} in {inspection.source}: {size}"))
    console.print()
    console.print(_facts(inspection))
    _left_out(inspection, console)
    for secret in inspection.secrets:
        console.print(_plain(f"Warning: {secret}", "bold red"))
    kinds = Counter(str(element.kind).replace("_", " ") for element in inspection.document.elements)
    pages = f" on {_count(len(inspection.document.pages), 'page')}" if inspection.document.pages else ""
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    console.print(_plain(f"\n{_count(len(inspection.document.elements), 'element')}{pages}: {counted}"))
    windows = sum(len(chunk.windows) for chunk in inspection.chunks)
    console.print(_plain(f"{_count(len(inspection.chunks), 'chunk')}, {_count(windows, 'window')}:\n"))
    console.print(_chunks(inspection))
    if len(inspection.chunks) > _MOST_CHUNKS:
        console.print(_plain(f"... and {len(inspection.chunks) - _MOST_CHUNKS} more; --json and --html have all."))
    spent = ", ".join(f"{stage} {ms:,.0f} ms" for stage, ms in inspection.timings_ms.items())
    console.print(_plain(f"\nTime: {spent}"))


def _facts(inspection: Inspection) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Fact", "Value", "Said by", "Overruled"):
        table.add_column(name, overflow="fold")
    for fact in inspection.facts:
        table.add_row(
            _plain(fact.name.replace("_", " ")),
            _plain(shown(fact.counts.value)),
            _plain(fact.counts.origin),
            _overruled(fact),
        )
    table.add_row("readers", _plain(", ".join(inspection.readers) or "nobody"), "", "")
    return table


def _overruled(fact: Fact) -> Text:
    return _plain("\n".join(f"{shown(other.value)} ({other.origin})" for other in fact.overruled))


def _left_out(inspection: Inspection, console: Console) -> None:
    console.print(_plain("Left out:" if inspection.warnings else "Nothing was left out."))
    for warning in inspection.warnings:
        console.print(_plain(f"  {warning}", "yellow"))
    if inspection.attachments:
        console.print(_plain("Taken in as documents of their own:"))
    for inner in inspection.attachments:
        console.print(_plain(f"  {inner.name} ({inner.size:,} bytes)"))


def _chunks(inspection: Inspection) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Chunk", "Tokens", "Windows"):
        table.add_column(name, justify="right")
    table.add_column("Place")
    table.add_column("Begins")
    for chunk in inspection.chunks[:_MOST_CHUNKS]:
        text = inspection.document.text[chunk.start : chunk.start + _BEGINNING]
        numbers = (str(chunk.ordinal), str(chunk.tokens), str(len(chunk.windows)))
        table.add_row(*numbers, _plain(_place(chunk)), _plain(" ".join(text.split())))
    return table


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _place(chunk: InspectedChunk) -> str:
    parts = [f"page {chunk.page}"] if chunk.page else []
    parts += chunk.cells
    if chunk.heading_path:
        parts.append(" > ".join(chunk.heading_path))
    return ", ".join(parts)


def _plain(text: str, style: str = "") -> Text:
    """Text without markup and control characters: it may be a hostile document's."""
    return Text("".join(c if c.isprintable() or c == "\n" else " " for c in text), style)
