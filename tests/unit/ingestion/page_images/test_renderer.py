"""Rendering in a child: pages come out, and what goes wrong with one is not the next one's trouble."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from core.errors import DocumentTooLarge, NotFound, Unavailable, UnreadableDocument
from ingestion.page_images.renderer import PageRenderer


@pytest.fixture(scope="module")
def renderer() -> Iterator[PageRenderer]:
    made = PageRenderer(["open sesame"])
    yield made
    made.close()


def a_pdf(size: tuple[float, float] = (200, 100), **options: str) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=size, **options)
    canvas.rect(0, 0, size[0] / 2, size[1], stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    return stream.getvalue()


def size_of(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def test_a_page_is_as_wide_as_asked(renderer: PageRenderer) -> None:
    assert size_of(renderer.render(a_pdf(), name="a.pdf", page=1, width=640)) == (640, 320)


def test_an_endless_page_gets_fewer_pixels(renderer: PageRenderer) -> None:
    wide, high = size_of(renderer.render(a_pdf((10, 14_000)), name="a.pdf", page=1, width=2400))
    assert wide * high < 13_000_000


def test_a_page_that_it_does_not_have(renderer: PageRenderer) -> None:
    with pytest.raises(NotFound, match=r"a\.pdf has pages 1 to 1, but no 2"):
        renderer.render(a_pdf(), name="a.pdf", page=2, width=300)


def test_passwords_are_tried(renderer: PageRenderer) -> None:
    assert renderer.render(a_pdf(encrypt="open sesame"), name="a.pdf", page=1, width=300)
    with pytest.raises(UnreadableDocument, match="is encrypted, and none of"):
        renderer.render(a_pdf(encrypt="something else"), name="a.pdf", page=1, width=300)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"\x00" * 1000], ids=["empty", "head", "zeros"])
def test_what_is_no_pdf(renderer: PageRenderer, content: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="can't be rendered"):
        renderer.render(content, name="a.pdf", page=1, width=300)


def test_a_child_that_was_killed_is_replaced(renderer: PageRenderer) -> None:
    assert renderer.render(a_pdf(), name="a.pdf", page=1, width=300)
    child = renderer._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    child._process.wait()
    assert renderer.render(a_pdf(), name="a.pdf", page=1, width=300)


def test_one_that_takes_too_long_is_given_up() -> None:
    hurried = PageRenderer(timeout_s=0.2)
    os.kill(hurried._current().pid, signal.SIGSTOP)
    with pytest.raises(DocumentTooLarge, match="takes longer than"):
        hurried.render(a_pdf(), name="a.pdf", page=1, width=300)
    assert hurried._child is None
    hurried.close()


def test_the_queue_has_an_end() -> None:
    crowded = PageRenderer(wait_s=0.01, most_waiting=1)
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(Unavailable) as raised:
            crowded.render(a_pdf(), name="a.pdf", page=1, width=300)
        refused.append(str(raised.value))

    with crowded._turn:
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert refused == ["Too many pages are being rendered at once. Try again in a few seconds."] * 4
    crowded.close()


def test_closed_is_closed() -> None:
    done = PageRenderer()
    done.close()
    done.close()
    with pytest.raises(Unavailable, match="closed"):
        done.render(a_pdf(), name="a.pdf", page=1, width=300)
