"""The page of a quote: from the elements of the extracted text, and none rather than a wrong one."""

from typing import Any, cast

import pytest

from api.pages import PageLocator
from api.part import Part
from core.errors import NotFound, StorageUnavailable
from core.metadata import Metadata
from ingestion.chunking.model import PlacedElement
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind


class Record:
    """A document of the catalog."""

    id = "d"
    content_hash = "h"


class Store:
    """Stands for the catalog and the blob store, behind their ports."""

    def __init__(self, content: bytes | Exception) -> None:
        self._content = content
        self.documents = self

    def get(self, key: str) -> Any:
        if key == "d":
            return Record()
        if key == "gone":
            raise NotFound("gone")
        if isinstance(self._content, Exception):
            raise self._content
        return self._content


def locator(content: bytes | Exception) -> PageLocator:
    part: Part[Any] = Part("store", lambda: Store(content))
    return PageLocator(cast("Any", part), cast("Any", part))


PARSED = ParsedDocument(
    title="t",
    metadata=Metadata(),
    media_type="application/pdf",
    text="one\n\ntwo\n\nthree",
    elements=tuple(
        PlacedElement(kind=ElementKind.TEXT, start=start, end=end, page=page, level=None)
        for start, end, page in ((0, 3, 1), (5, 8, 1), (10, 15, 2))
    ),
    passages=(),
    parser="p",
    warnings=(),
).to_bytes()


@pytest.mark.parametrize(("offset", "page"), [(0, 1), (9, 1), (10, 2), (14, 2)])
def test_the_page_is_that_of_the_element_at_the_offset(offset: int, page: int) -> None:
    assert locator(PARSED)("d", offset) == page


def test_without_the_text_the_page_is_not_known() -> None:
    assert locator(StorageUnavailable("down"))("d", 0) is None
    assert locator(PARSED)("gone", 0) is None
