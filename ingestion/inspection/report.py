"""An inspection as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from core.errors import FootnoteError
from ingestion.inspection.drawing import COLOURS, cut_text, draw_pages
from ingestion.inspection.model import Inspection, plain

if TYPE_CHECKING:
    from ingestion.page_images.renderer import PageRenderer

PDF = "application/pdf"
WIDTH = 1000
"""Pixels of a page's image."""


def page_images(
    inspection: Inspection, content: bytes, renderer: PageRenderer, most: int, progress: Callable[[int], None]
) -> tuple[dict[int, bytes], list[str]]:
    """The first pages of a PDF as PNG by their number, and why others are missing, a sentence each.

    Args:
        most: pages that are rendered; images make a report large.
        progress: told after each page how many are done.
    """
    if inspection.media_type != PDF:
        return {}, []
    images: dict[int, bytes] = {}
    missing = []
    pages = len(inspection.document.pages)
    for number in range(1, min(pages, most) + 1):
        try:
            images[number] = renderer.render(content, name=inspection.name, page=number, width=WIDTH)
        except FootnoteError as error:
            missing.append(f"Page {number} is shown without its image: {error.message}")
        progress(number)
    if pages > most:
        missing.append(f"Of {pages} pages the first {most} are shown with their images; --pages shows more.")
    return images, missing


def to_html(inspection: Inspection, images: Mapping[int, bytes], missing: list[str]) -> str:
    """The report. ``images`` and ``missing`` are as :func:`page_images` gives them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    templates = Environment(
        loader=PackageLoader("ingestion.inspection", "."),
        autoescape=True,  # a document's text is anybody's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html.j2").render(
        seen=inspection,
        pages=list(draw_pages(inspection, images)),
        elements=list(cut_text(inspection)),
        kinds=Counter(str(element.kind) for element in inspection.document.elements),
        missing=missing,
        colours=COLOURS,
        shown=shown,
    )


def shown(value: object) -> str:
    """A fact's value for people."""
    value = plain(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
