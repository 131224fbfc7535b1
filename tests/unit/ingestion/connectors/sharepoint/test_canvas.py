"""Site pages as HTML: nothing readable is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml.html import document_fromstring

from ingestion.connectors.sharepoint.canvas import page_html


def page(*parts: dict[str, Any], **more: Any) -> str:
    canvas = {"horizontalSections": [{"columns": [{"webparts": list(parts)}]}]}
    return page_html({"title": "Opening hours", "canvasLayout": canvas, **more})


def text_of(html: str) -> str:
    return "\n".join(document_fromstring(html).body.itertext())


def standard(title: str = "", properties: Any = None, **processed: Any) -> dict[str, Any]:
    told = {name: [{"key": key, "value": value} for key, value in pairs.items()] for name, pairs in processed.items()}
    return {
        "webPartType": "x",
        "data": {"title": title, "properties": properties or {}, "serverProcessedContent": told},
    }


def test_text_titles_and_sections_in_the_order_in_which_they_are_read() -> None:
    canvas = {
        "horizontalSections": [
            {
                "columns": [
                    {"webparts": [{"innerHtml": "<h2>First</h2><p>one</p>"}]},
                    {"webparts": [{"innerHtml": "two"}]},
                ]
            },
            {"columns": [{"webparts": [{"innerHtml": "three"}]}]},
        ],
        "verticalSection": {"webparts": [{"innerHtml": "beside"}]},
    }
    area = {"textAboveTitle": "News", "alternativeText": "A harbour at dawn"}
    html = page_html({"title": "A & B", "canvasLayout": canvas, "titleArea": area, "description": "What it is of"})
    found = text_of(html)
    places = [
        found.index(word)
        for word in ("News", "A & B", "What it is of", "A harbour", "First", "one", "two", "three", "beside")
    ]
    assert places == sorted(places)
    assert "<title>A &amp; B</title>" in html


def test_quick_links_keep_their_words_and_lead_somewhere() -> None:
    html = page(
        standard(
            "Quick links",
            searchablePlainTexts={"items[0].title": "Leave policy", "items[0].description": "How to take leave"},
            links={"items[0].sourceItem.url": "https://contoso.sharepoint.com/leave", "baseUrl": "/sites/hr"},
        )
    )
    assert '<a href="https://contoso.sharepoint.com/leave">Leave policy</a> How to take leave' in html
    assert html.index("Quick links") < html.index("Leave policy")


def test_a_link_to_a_script_is_shown_as_words_only() -> None:
    html = page(
        standard(links={"items[0].url": "javascript:alert(1)"}, searchablePlainTexts={"items[0].title": "Click"})
    )
    assert "href" not in html
    assert "Click" in html


def test_images_code_and_quotes_keep_what_is_readable() -> None:
    html = page(
        standard(
            "Image", {"altText": "The org chart", "captionText": "As of May", "imageSourceType": 2, "layout": "full"}
        ),
        standard("Code snippet", {"code": "if a < b:\n    go()", "language": "python"}),
        standard("Quote", {"quote": "Ask first.", "id": "7f50f45e", "width": "300"}),
        standard("Markdown", searchablePlainTexts={"code": "# Setup\n\nRun it."}),
        standard("FAQ", {"items": [{"question": "When?", "answer": "<b>Now</b>"}]}),
        standard("Embedded", htmlStrings={"html": "<p>A map of the site</p>"}),
    )
    found = text_of(html)
    for words in (
        "The org chart",
        "As of May",
        "if a < b:",
        "Ask first.",
        "# Setup",
        "When?",
        "Now",
        "A map of the site",
    ):
        assert words in found, words
    assert "7f50f45e" not in found
    assert "full" not in found


def test_what_is_said_twice_is_written_once() -> None:
    part = standard("Call to action", {"text": "Join us", "title": "Join us"}, searchablePlainTexts={"text": "Join us"})
    assert page(part).count("Join us") == 1


def test_a_page_without_a_canvas_still_has_its_title() -> None:
    assert "Opening hours" in text_of(page_html({"title": "Opening hours"}))


words = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=3, max_size=12)


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=4))
def test_every_text_of_a_web_part_is_there(parts: list[tuple[str, str, str]]) -> None:
    html = page(
        *(
            standard("T", {"description": one, "nested": [{"caption": two}]}, searchablePlainTexts={"t": three})
            for one, two, three in parts
        )
    )
    for texts in parts:
        assert all(text in html for text in texts)
