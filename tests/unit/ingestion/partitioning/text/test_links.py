"""Links of Markdown and HTML keep their places, and the text stays as it is without them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunking.placing import place
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import Element, Partitioner
from ingestion.partitioning.text.links import Marks

MARKDOWN = """# See [the handbook](../index.md)

Here you see [here](<a b.md> "title"), and **bold [there](https://e.org/x?a=1&b=2)**.

- item [one](1.md) two
- ![image](picture.png) [Click here!](mailto:ida@e.org)

| Rule | By |
|---|---|
| [x](t.md) | y |

[no](javascript:alert(1)) [no](data:text/html,x) [no](file:///etc/passwd) [no](#here) [ ](empty.md)
"""


def read(partitioner: Partitioner, text: str, name: str) -> list[tuple[str, str]]:
    """Each link's words and target."""
    elements = partitioner.partition(text.encode(), name=name).elements
    whole, placed = place(elements)
    return [(whole[link.start : link.end], link.target) for element in placed for link in element.links]


def test_links_of_markdown(partitioner: Partitioner) -> None:
    assert read(partitioner, MARKDOWN, "a.md") == [
        ("the handbook", "../index.md"),
        ("here", "a%20b.md"),
        ("there", "https://e.org/x?a=1&b=2"),
        ("one", "1.md"),
        ("Click here!", "mailto:ida@e.org"),
        ("x", "t.md"),
    ]


def test_links_of_html(partitioner: Partitioner) -> None:
    html = """<p>See here: <A class='>' HREF = "a.md"> see <b>here</b> </A>, or <a href=b.html>b</a>.<a name=x>no</a>
      <a href="j&#10;avascript:x">no</a></p><pre>x  <a href="c.md">y  z</a></pre>"""
    assert read(partitioner, html, "a.html") == [("see here", "a.md"), ("b", "b.html"), ("y  z", "c.md")]


WORDS = st.lists(st.tuples(st.sampled_from(["", " ", "  "]), st.text("ab ", max_size=4), st.booleans()), max_size=8)


@given(WORDS)
def test_text_is_the_same_with_marks_and_without(pieces: list[tuple[str, str, bool]]) -> None:
    html = "".join(blank + (f'<a href="x.md">{word}</a>' if linked else word) for blank, word, linked in pieces)
    marks = Marks()
    marked = re.sub("<[^>]*>", "", marks.put(html))
    text, links = marks.take(" ".join(marked.split()))
    assert text.strip() == " ".join(re.sub("<[^>]*>", "", html).split())
    assert all(text[link.start : link.end].strip() == text[link.start : link.end] != "" for link in links)
    assert len(links) == sum(linked and bool(word.strip()) for _, word, linked in pieces)


def test_a_text_that_holds_our_marks_keeps_them(partitioner: Partitioner) -> None:
    partition = partitioner.partition("A \ufdd0 [b](c.md)".encode(), name="a.md")
    assert [(element.text, element.links) for element in partition.elements] == [("A \ufdd0 b", ())]


def test_what_was_parsed_before_there_were_links_can_still_be_read() -> None:
    text, placed = place([Element(kind="text", text="old")])  # type: ignore[arg-type]
    document = ParsedDocument.from_bytes(
        b'{"format":1,"title":"t","metadata":{},"media_type":"text/plain","text":"old","elements":[{"kind":"text",'
        b'"start":0,"end":3,"page":null,"level":null,"lines":[],"place":null}],"passages":[],"parser":"p",'
        b'"warnings":[],"chunking":"","pages":[]}'
    )
    assert (document.text, document.elements) == (text, placed)
    assert ParsedDocument.from_bytes(document.to_bytes()) == document


HOSTILE = ["<a " * 200_000, "<a href='" * 200_000, '<a href="' + "x" * 200_000, " " * 200_000 + "</a", '<a "' * 200_000]


@pytest.mark.parametrize("html", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_a_link_is_left_alone(html: str) -> None:
    """Broken tags, of which a careless pattern would look at each for as long as the document is."""
    assert Marks().put(html) == html
