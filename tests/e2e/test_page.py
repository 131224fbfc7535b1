"""The page in a real browser, over the whole stack."""

from __future__ import annotations

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
    page.get_by_role("button", name="Footnote 1:").first.click()
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
    expect(page.get_by_role("button", name="Failed documents")).to_be_hidden()  # not an administrator's
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
        expect(page.get_by_role("button", name="Failed documents")).to_be_hidden()  # nobody, so far
        use_key(page, running_stack.admin_key)
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
        expect(page.get_by_role("button", name="Failed documents")).to_be_focused()
    finally:
        broken.unlink()
        other.unlink()
        running_stack.run("ingest", str(running_stack.documents))


def look_until(panel: Locator, said: str) -> None:
    deadline = time.monotonic() + 120
    while said not in panel.inner_text():
        assert time.monotonic() < deadline, panel.inner_text()
        panel.get_by_role("button", name="Look again").click()
        expect(panel.locator("#failure-said")).to_be_empty()


def test_a_wrong_key_is_said_to_be(page: Page) -> None:
    page.get_by_role("button", name="Access key").click()
    page.get_by_label("Key", exact=True).fill("fn_wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("alert").filter(has_text="unknown or revoked")).to_be_visible()
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
    expect(page.locator("#notices")).to_contain_text("unknown or revoked")
    expect(page.get_by_role("button", name="Enter a key")).to_be_visible()


def test_a_filter_narrows(page: Page) -> None:
    page.get_by_text("Narrow it down").click()
    page.get_by_label("Department").fill("No such department")
    ask(page, QUESTION)
    expect(page.locator("#notices")).not_to_be_empty()
    expect(page.locator("#answer")).to_be_empty()
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
def test_at_320_pixels_a_page_of_a_pdf_is_large_enough_to_read(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    reader = open_pdf(page)
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
