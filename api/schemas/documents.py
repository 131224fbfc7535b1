"""Documents: metadata, text, and a passage with its place."""

from __future__ import annotations

from datetime import datetime

from api.schemas.answers import BoxBody
from api.schemas.base import ResponseBody
from api.schemas.search import MetadataBody


class DocumentBody(ResponseBody):
    """A document, without its text.

    ``parent_id`` is the document that it lies in, as an attachment or a member of an archive; ``origins`` says of each
    fact where it comes from, as ``front matter``, ``properties`` or ``rule finance/**``.
    """

    document_id: str
    source_id: str
    external_id: str
    uri: str
    title: str
    media_type: str | None
    size: int | None
    state: str
    version: int
    chunks: int
    parent_id: str | None
    metadata: MetadataBody
    author: str | None
    origins: dict[str, str]
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None


class ElementBody(ResponseBody):
    """A piece of the document's text by its kind; ``text[start:end]``, in Unicode characters.

    ``place`` is its range of cells in a spreadsheet, as ``Rates!A3:C5``.
    """

    kind: str
    start: int
    end: int
    page: int | None
    level: int | None
    place: str | None


class LinkBody(ResponseBody):
    """A link in the text: ``text[start:end]`` leads out to ``href``, or to the document of that id; one is null.

    ``href`` is an address of ``http``, ``https`` or ``mailto``. Links to what the caller may not read are left out.
    """

    start: int
    end: int
    href: str | None
    document_id: str | None


class PageBody(ResponseBody):
    """A page's size as shown, in points (1/72 inch)."""

    width: float
    height: float


class TextBody(ResponseBody):
    """The document's extracted text; ``pages`` is empty where pages have no size."""

    document_id: str
    title: str
    uri: str
    media_type: str | None
    text: str
    elements: list[ElementBody]
    links: list[LinkBody]
    warnings: list[str]
    pages: list[PageBody]


class PassageBody(ResponseBody):
    """A passage and its place in the document's text.

    ``cells`` are the ranges of a spreadsheet that it covers; ``boxes`` are around it on its pages, one for each line.
    """

    document_id: str
    ordinal: int
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    cells: tuple[str, ...]
    boxes: tuple[BoxBody, ...]
    text: str
