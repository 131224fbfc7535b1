"""Reader of images: the text in them, by Tesseract."""

from __future__ import annotations

import csv
import io
from itertools import groupby

from core.errors import DocumentTooLarge, UnreadableDocument
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.programs import TESSERACT, run
from ingestion.partitioning.reading import Reading, clean

_MOST_PIXELS = 150_000_000
"""Pixels of a page above which an image is refused: a few kilobytes can decode to gigabytes."""
_WORD_LEVEL = "5"


def read_image(content: bytes, name: str) -> Reading:
    """An image's text, a block of it an element, each frame of a TIFF a page; no elements if there is no text.

    Raises:
        UnreadableDocument: broken, or Tesseract isn't installed.
        DocumentTooLarge: too many pixels.
    """
    check_image(content, name)
    language = "+".join(languages(name))
    printed = run(TESSERACT, ["stdin", "stdout", "-l", language, "tsv"], name, content)
    rows = csv.DictReader(io.StringIO(printed.decode("utf-8", "replace")), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row["level"] == _WORD_LEVEL and (row["text"] or "").strip()]
    elements = []
    for (page, _, _), block in groupby(words, key=lambda word: (word["page_num"], word["block_num"], word["par_num"])):
        lines = groupby(block, key=lambda word: word["line_num"])
        text = "\n".join(" ".join(word["text"] for word in line) for _, line in lines)
        elements.append(Element(kind=ElementKind.TEXT, text=clean(text), page=int(page)))
    return Reading(elements)


def check_image(content: bytes, name: str) -> None:
    """Refuse what is broken, or too large to be decoded.

    Raises:
        UnreadableDocument, DocumentTooLarge: as named.
    """
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if width * height <= _MOST_PIXELS:
                image.load()
    except Image.DecompressionBombError:
        width, height = _MOST_PIXELS, 2
    except Exception as error:
        raise UnreadableDocument(f"{name} is a broken image ({type(error).__name__}: {error}).") from error
    if width * height > _MOST_PIXELS:
        raise DocumentTooLarge(f"{name} has more than {_MOST_PIXELS // 1_000_000} million pixels. Scale it down.")


def languages(name: str) -> list[str]:
    """The languages that Tesseract is installed with, English first.

    Raises:
        UnreadableDocument: Tesseract isn't installed, or no language is.
    """
    listed = run(TESSERACT, ["--list-langs"], name).decode("utf-8", "replace").splitlines()[1:]
    found = [language for language in map(str.strip, listed) if language and language not in ("osd", "equ")]
    if not found:
        raise UnreadableDocument(f"{name} needs a language of Tesseract: apt-get install tesseract-ocr-eng.")
    return sorted(found, key=lambda language: (language != "eng", language))
