"""The page in a real browser, over the whole stack."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.e2e.commands import RunningStack

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
QUESTION = "How many weeks of parental leave does each parent get at full pay?"
IN_A_PDF = "What may a hotel room in Norway cost a night?"
IN_A_SHEET = "What availability is promised for the telemetry service?"
CONFIDENTIAL = "How much did Brenner Chemie pay to the wrong account?"
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)  # the default of five seconds is short for a busy machine


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(params=["light"])
def page(browser: Browser, running_stack: RunningStack, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, freshly opened; nothing may go wrong in it, and nothing be loaded from elsewhere."""
    faults: list[str] = []
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1100, "height": 860})
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    ours = (running_stack.url, f"blob:{running_stack.url}")  # an image of a page is fetched with the key, then shown
    opened.on("request", lambda sent: None if sent.url.startswith(ours) else faults.append(sent.url))
    opened.goto(running_stack.url)
    yield opened
    context.close()
    assert faults == []


def ask(page: Page, question: str) -> None:
    page.get_by_label("What would you like to know?").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#progress")).to_be_hidden(timeout=PATIENCE_MS)


def test_an_answer_and_its_passage(page: Page, tmp_path: Path) -> None:
    ask(page, QUESTION)
    expect(page.locator("#answer")).to_contain_text("26 weeks")
    page.get_by_role("button", name=re.compile("^Footnote ")).first.click()
    reader = page.get_by_role("dialog")
    expect(reader.locator("mark").first).to_contain_text("26 weeks")
    expect(reader.locator("mark").first).to_be_in_viewport()
    page.screenshot(path=tmp_path / "passage.png")
    with page.expect_download() as download:
        reader.get_by_role("link", name="Download the original").click()
    assert Path(download.value.path()).stat().st_size > 0


def test_the_quote_is_the_documents_own(page: Page) -> None:
    ask(page, QUESTION)
    quote = page.locator("#footnotes q").first.inner_text()
    page.locator("#footnotes button").first.click()
    marks = page.get_by_role("dialog").locator("mark")
    expect(marks.first).to_be_visible()  # the document comes after the panel
    marked = " ".join(marks.all_inner_texts())
    assert " ".join(quote.split()).rstrip("…") in " ".join(marked.split())


def test_with_the_keyboard_alone(page: Page) -> None:
    expect(page.get_by_label("What would you like to know?")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_be_hidden(timeout=PATIENCE_MS)
    reference = page.locator(".ref").first
    for _ in range(10):
        page.keyboard.press("Tab")
        if reference.evaluate("element => element === document.activeElement"):
            break
    expect(reference).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").locator("mark").first).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(reference).to_be_focused()


def test_what_screen_readers_hear(page: Page) -> None:
    ask(page, QUESTION)
    log = page.get_by_role("log")
    expect(log).to_contain_text("26 weeks")
    expect(log).to_contain_text("The answer is complete, with")


INK_UNDER_THE_MARK = """mark => {
  const image = document.querySelector("#reader-page img");
  const [sheet, box] = [image.getBoundingClientRect(), mark.getBoundingClientRect()];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const drawing = canvas.getContext("2d");
  drawing.drawImage(image, 0, 0);
  const scale = image.naturalWidth / sheet.width;
  const { data } = drawing.getImageData((box.left - sheet.left) * scale, (box.top - sheet.top) * scale,
    box.width * scale, box.height * scale);
  let dark = 0;
  for (let at = 0; at < data.length; at += 4) dark += data[at] < 128;
  return dark / (data.length / 4);
}"""


def open_pdf(page: Page) -> Locator:
    """Ask what a PDF answers, and open the footnote of the room's price; the panel, its page loaded."""
    ask(page, IN_A_PDF)
    cited = page.locator(".cited", has_text="1,900 kroner a night")
    cited.locator("xpath=following-sibling::sup[1]/button").click()
    reader = page.get_by_role("dialog")
    expect(reader.locator("#reader-page")).to_have_attribute("aria-busy", "false")
    return reader


def test_a_quote_is_marked_on_the_page_of_its_pdf(page: Page, tmp_path: Path) -> None:
    reader = open_pdf(page)
    image = reader.get_by_role("img", name="Page 1 of 3 of Travel policy")
    assert "1,900 kroner a night" in (image.get_attribute("alt") or "")
    assert image.evaluate("image => image.naturalWidth") >= 800
    mark = reader.locator("rect").first
    expect(mark).to_be_in_viewport()
    assert 0.05 < mark.evaluate(INK_UNDER_THE_MARK) < 0.5, "the mark is over a line of text"
    page.screenshot(path=tmp_path / "pdf.png")


def test_pages_are_turned_and_text_is_a_click_away(page: Page) -> None:
    reader = open_pdf(page)
    expect(reader.get_by_role("button", name="Previous page")).to_be_disabled()
    reader.get_by_role("button", name="Next page").click()
    expect(reader.get_by_role("status").first).to_have_text("Page 2 of 3")
    reader.get_by_role("button", name="Next page").press("Enter")
    expect(reader.locator("#reader-page")).to_be_focused()  # there is no next page to turn to
    expect(reader.locator("rect")).to_have_count(0)
    reader.get_by_role("button", name="Back to the passage").click()
    expect(reader.get_by_role("status").first).to_have_text("Page 1 of 3")
    expect(reader.locator("rect").first).to_be_in_viewport()
    reader.get_by_role("button", name="Text", exact=True).click()
    expect(reader.locator("mark").first).to_be_in_viewport()
    expect(reader.locator("mark").first).to_contain_text("1,900 kroner a night")
    reader.get_by_role("button", name="Page", exact=True).click()
    expect(reader.locator("rect").first).to_be_in_viewport()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "ref"


def test_a_page_that_cannot_be_had_gives_way_to_the_text(page: Page) -> None:
    page.route("**/pages/*.png*", lambda route: route.fulfill(status=503, json={"detail": "Too busy."}))
    ask(page, IN_A_PDF)
    page.locator("#footnotes button").first.click()
    reader = page.get_by_role("dialog")
    expect(reader.locator("#reader-notice")).to_contain_text("can’t be shown as an image. Too busy.")
    expect(reader.locator("mark").first).to_be_in_viewport()


def test_a_spreadsheet_is_cited_by_its_cells(page: Page) -> None:
    ask(page, IN_A_SHEET)
    row = re.compile(r"^Targets!A(\d+):E\1$")
    footnote = page.locator("#footnotes button").first
    expect(footnote.locator(".place")).to_have_text(row)
    footnote.click()
    reader = page.get_by_role("dialog")
    expect(reader.locator("mark").first).to_be_in_viewport()
    expect(reader.locator("#reader-place")).to_have_text(row)
    expect(reader.get_by_role("button", name="Page", exact=True)).to_be_hidden()


def test_a_key_opens_what_only_its_owner_may_read(page: Page, running_stack: RunningStack) -> None:
    ask(page, CONFIDENTIAL)
    expect(page.locator("#result")).not_to_contain_text("Brenner Chemie paid")
    made = httpx.post(
        f"{running_stack.url}/v1/keys",
        json={"name": "Page test", "user": "tomas", "groups": ["security"]},
        headers={"Authorization": f"Bearer {running_stack.admin_key}"},
    ).json()
    use_key(page, made["key"])
    expect(page.get_by_role("button", name="Administration")).to_be_hidden()  # not an administrator's
    ask(page, CONFIDENTIAL)
    page.locator("#footnotes button").first.click()
    expect(page.get_by_role("dialog").locator("mark").first).to_be_in_viewport()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the original").click()
    assert Path(download.value.path()).stat().st_size > 0


def use_key(page: Page, key: str) -> None:
    page.get_by_role("button", name="Access key").click()
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Access key: set")).to_be_visible()


def test_an_administrator_sees_what_failed_and_tries_it_again(page: Page, running_stack: RunningStack) -> None:
    broken, other = running_stack.documents / "broken.pdf", running_stack.documents / "other.pdf"
    for file in (broken, other):
        file.write_bytes(b"%PDF-1.7\nthe rest of it is lost")
    try:
        running_stack.run("ingest", str(running_stack.documents))
        expect(page.get_by_role("button", name="Administration")).to_be_hidden()  # nobody, so far
        use_key(page, running_stack.admin_key)
        page.get_by_role("button", name="Administration").click()
        page.get_by_role("button", name="Failed documents").click()
        panel = page.get_by_role("dialog")
        expect(panel).to_contain_text("2 documents couldn’t be taken in.")
        failure = panel.get_by_role("listitem").filter(has_text="broken.pdf")
        for said in ("broken.pdf", "can't be read as pdf", "reading it (UnreadableDocument), tried once", "changes"):
            expect(failure).to_contain_text(said)
        broken.write_text("The parrot in reception is called Kolumbus.\n")
        failure.get_by_role("button", name=re.compile(r"Try .*broken\.pdf again")).click()
        expect(panel).to_contain_text("1 document is being tried again.")
        look_until(panel, "1 document couldn’t be taken in.")
        expect(panel.get_by_role("listitem")).to_contain_text("other.pdf")
        other.write_text("The other parrot is called Vespucci.\n")
        panel.get_by_role("button", name="Try all again").click()
        expect(panel).to_contain_text("1 document is being tried again.")
        look_until(panel, "Every document was taken in.")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Administration")).to_be_focused()
    finally:
        broken.unlink()
        other.unlink()
        running_stack.run("ingest", str(running_stack.documents))


def test_a_curator_is_told_why_a_question_finds_a_document(page: Page, running_stack: RunningStack) -> None:
    told = running_stack.json("why", QUESTION, "hr/parental-leave.md", "--as", "ida")
    assert (told["verdict"], told["reader"]["opened_by"], told["words"]) == ("given", ["public"], True)
    assert told["passages"][0]["place"] == 1
    assert {"lexical", "vector", "fused", "neighbours"} <= set(told["passages"][0]["ranks"])
    use_key(page, running_stack.admin_key)
    ask(page, QUESTION)
    page.get_by_role("button", name="Administration").click()
    page.get_by_role("button", name="Documents", exact=True).click()
    page.get_by_label("Name", exact=True).fill("hr/parental-leave.md")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("dialog").get_by_role("listitem").get_by_role("button").click()
    why = page.get_by_role("region", name="Why does a question find it, or not?")
    expect(why.get_by_label("Question")).to_have_value(QUESTION)
    why.get_by_role("button", name="Explain").click()
    expect(why.get_by_role("row").nth(1)).to_contain_text("1, in the answer")


def look_until(panel: Locator, said: str) -> None:
    deadline = time.monotonic() + 120
    while said not in panel.inner_text():
        assert time.monotonic() < deadline, panel.inner_text()
        panel.get_by_role("button", name="Look again").click()
        expect(panel.locator("#desk-said")).to_be_empty()


def test_a_wrong_key_is_said_to_be(page: Page) -> None:
    page.get_by_role("button", name="Access key").click()
    page.get_by_label("Key", exact=True).fill("fn_wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("alert").filter(has_text="unknown, expired or revoked")).to_be_visible()
    page.get_by_label("Key", exact=True).fill("fn_wröng key")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("alert").filter(has_text="no spaces")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Access key", exact=True)).to_be_visible()  # it was not taken


def test_a_key_that_is_revoked_later_is_said_to_be(page: Page, running_stack: RunningStack) -> None:
    administrator = {"Authorization": f"Bearer {running_stack.admin_key}"}
    made = httpx.post(f"{running_stack.url}/v1/keys", json={"name": "Page test"}, headers=administrator).json()
    use_key(page, made["key"])
    httpx.delete(f"{running_stack.url}/v1/keys/{made['id']}", headers=administrator).raise_for_status()
    ask(page, QUESTION)
    expect(page.locator("#notices")).to_contain_text("unknown, expired or revoked")
    expect(page.get_by_role("button", name="Enter a key")).to_be_visible()


def test_a_filter_narrows(page: Page) -> None:
    page.get_by_text("Narrow it down").click()
    page.get_by_role("button", name=re.compile(r"^PDF, \d+ document")).click()
    ask(page, QUESTION)
    expect(page.locator("#result")).not_to_contain_text("26 weeks")
    page.get_by_role("button", name="Clear all").click()
    ask(page, QUESTION)
    expect(page.locator("#answer")).to_contain_text("26 weeks")


def test_an_empty_question(page: Page) -> None:
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Write a question first.")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_at_320_pixels_nothing_is_cut_off(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    ask(page, QUESTION)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.locator("#footnotes button").first.click()
    expect(page.get_by_role("dialog").locator("mark").first).to_be_in_viewport()
    assert page.evaluate("document.getElementById('reader').scrollWidth") <= 320
    page.screenshot(path=tmp_path / "narrow.png")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_at_320_pixels_a_page_of_a_pdf_can_be_enlarged(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    reader = open_pdf(page)
    sheets = reader.locator("#reader-page")
    assert sheets.evaluate("room => room.scrollWidth <= room.clientWidth")
    reader.get_by_role("button", name="Larger page").click()
    expect(reader.locator("rect").last).to_be_in_viewport(ratio=0.9)  # from where the leftmost line begins
    assert page.evaluate("document.getElementById('reader').scrollWidth") <= 320
    assert reader.get_by_role("img").evaluate("image => image.clientWidth") >= 500, "it is moved about, not shrunk"
    page.screenshot(path=tmp_path / "narrow-pdf.png")


def test_the_api_is_documented_without_anything_from_elsewhere(page: Page, running_stack: RunningStack) -> None:
    page.goto(f"{running_stack.url}/docs")
    page.get_by_text("/v1/search", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("textbox").last.fill('{"query": "parental leave"}')
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table").get_by_text("total_candidates")).to_be_visible()


PHONE = {"width": 390, "height": 844}
SOURCE = {"chunk_id": "c", "document_id": "d", "uri": "file:///a.md", "page": None, "heading_path": []}


def answered(page: Page, text: str, quotes: list[tuple[int, str]], key: str = "", **done: object) -> None:
    """Ask, and have the service answer with this text and cite these quotes by their sources' numbers.

    ``key``: the words of each quote that answer, where it has them.
    """
    sources = [{**SOURCE, "number": number, "ordinal": number, "title": f"Source {number}"} for number in (1, 2, 3)]
    cited = [
        {
            **SOURCE, "number": number, "ordinal": number, "quote": quote, "quote_start": 100 * number + at,
            "quote_end": 100 * number + at + len(quote), "answer_start": text.index(quote),
            "answer_end": text.index(quote) + len(quote), "heading_path": [f"Section {at}"], "boxes": [], "cells": [],
        }
        for at, (number, quote) in enumerate(quotes)
    ]  # fmt: skip
    for one in cited:
        if key and key in str(one["quote"]):
            one["key_start"] = one["quote_start"] + str(one["quote"]).index(key)  # type: ignore[operator]
            one["key_end"] = one["key_start"] + len(key)
    end = {"finish_reason": "stop", "usage": None, "timings_ms": {}, "degraded": [], "notices": [], **done}
    events: list[tuple[str, object]] = [
        ("meta", {"model": "extractive"}), ("stage", {"name": "retrieve", "state": "started"}),
        ("sources", {"sources": sources}), ("token", {"text": text}), *(("citation", one) for one in cited),
        ("done", end),
    ]  # fmt: skip
    stream = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    page.route("**/v1/answers", lambda route: route.fulfill(body=stream, content_type="text/event-stream"))
    ask(page, QUESTION)


def test_footnotes_are_numbered_by_their_source(page: Page) -> None:
    text = "One thing. Another thing. A third thing. A fourth thing."
    quotes = [(3, "One thing."), (1, "Another thing."), (3, "A third thing."), (3, "A fourth thing.")]
    answered(page, text, quotes, notices=["No passage has a word of it."])
    assert page.locator("#answer .ref").all_inner_texts() == ["3", "1", "3", "3"]
    notes = page.locator("#footnotes > li")
    expect(notes).to_have_count(2)
    assert page.locator("#footnotes .n").all_inner_texts() == ["1", "3", "", ""]
    assert page.locator("#footnotes .title").all_inner_texts() == ["Source 1", "Source 3"]
    assert notes.nth(1).locator("q").count() == 3
    assert notes.nth(1).locator(".place").all_inner_texts() == ["Section 0", "Section 2", "Section 3"]
    expect(page.locator("#notices")).to_have_text("No passage has a word of it.")


def test_tables_read_as_tables_and_lists_as_lists(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size(PHONE)
    text = (
        "Rates 🙂 are:\n- City: Rome | Rate: 90\n- City: Oslo | Note: dear\n\nTwo things:\n- <b>first</b>\n- second\n\n"
        "1. one\n2. two\n\n| a | b |\n|---|---|\n| x | y |\n\nThe end."
    )
    quotes = [(1, "City: Rome | Rate: 90"), (1, "City: Oslo | Note: dear"), (2, "second"), (2, "The end.")]
    answered(page, text, quotes, key="end")
    answer = page.locator("#answer")
    assert answer.locator("p strong").all_inner_texts() == ["end"]
    tables, items = answer.locator("table"), answer.locator("ul > li")
    assert tables.nth(0).locator("th").all_inner_texts() == ["City", "Rate", "Note"]
    rows = tables.nth(0).locator("tr")
    assert [cell.strip() for cell in rows.nth(1).locator("td").all_inner_texts()] == ["Rome", "901", ""]
    assert [cell.strip() for cell in rows.nth(2).locator("td").all_inner_texts()] == ["Oslo", "", "dear1"]
    assert items.all_inner_texts() == ["<b>first</b>", "second2"]
    assert answer.locator("ol > li").all_inner_texts() == ["one", "two"]
    assert tables.nth(1).locator("th, td").all_inner_texts() == ["a", "b", "x", "y"]
    assert answer.locator("p").all_inner_texts() == ["Rates 🙂 are:", "Two things:", "The end.2"]
    assert answer.locator(".ref").all_inner_texts() == ["1", "1", "2", "2"]
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.screenshot(path=tmp_path / "blocks.png", full_page=True)


def test_on_a_phone_marks_can_be_hit_and_pages_fit(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size(PHONE)
    reader = open_pdf(page)
    for mark in page.locator("#answer .ref").all():
        box = mark.bounding_box()
        assert box is not None
        assert box["width"] >= 24
        assert box["height"] >= 24
    sheets = reader.locator("#reader-page")
    assert sheets.evaluate("room => room.scrollWidth <= room.clientWidth")
    assert page.evaluate("document.getElementById('reader').scrollWidth") <= PHONE["width"]
    expect(reader.locator("rect").first).to_be_in_viewport()
    page.screenshot(path=tmp_path / "phone-pdf.png")
    page.keyboard.press("Escape")
    page.screenshot(path=tmp_path / "phone.png", full_page=True)


def test_an_abstention_shows_the_passages_that_came_nearest(page: Page) -> None:
    ask(page, "What is the capital of Mongolia?")
    nearest = page.locator("#nearest-list button").first
    expect(nearest.locator("q")).not_to_be_empty()
    nearest.click()
    expect(page.get_by_role("dialog").locator("mark:visible, rect:visible").first).to_be_in_viewport()


def test_links_are_followed(page: Page, running_stack: RunningStack) -> None:
    first, second = (running_stack.documents / name for name in ("aquarium.md", "fish.md"))
    first.write_text(
        "# The aquarium\n\nThe aquarium on floor seven is fed at nine; see [its fish](fish.md#names), "
        "[the shop](https://example.org/fish), [nothing](gone.md) and [a trap](javascript:alert(1)).\n"
    )
    second.write_text("# Fish\n\nThey are called Ada and Grace.\n")
    try:
        running_stack.run("ingest", str(running_stack.documents))
        ask(page, "When is the aquarium on floor seven fed?")
        page.locator("#footnotes button").first.click()
        reader = page.get_by_role("dialog")
        out = reader.get_by_role("link", name="the shop")
        expect(out).to_have_attribute("href", "https://example.org/fish")
        expect(out).to_have_attribute("rel", "noopener noreferrer")
        expect(reader.locator("#reader-text")).to_contain_text("nothing and a trap")
        assert reader.locator("#reader-text").locator("a, button").all_inner_texts() == ["its fish", "the shop"]
        reader.get_by_role("button", name="its fish").click()
        expect(reader.locator("#reader-text")).to_contain_text("Ada and Grace")
        expect(reader.locator("#reader-title")).to_have_text("Fish")
        expect(reader.locator("#reader-notice")).to_be_empty()
    finally:
        first.unlink()
        second.unlink()
        running_stack.run("ingest", str(running_stack.documents))
