"""Conversations on the page, in a real browser, over the whole stack."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.commands import RunningStack
from tests.e2e.test_page import CHROMIUM, PATIENCE_MS, QUESTION, QUIET, ask, use_key

OTHER = "What may a hotel room in Norway cost a night?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


def make_key(stack: RunningStack, user: str) -> str:
    made = httpx.post(
        f"{stack.url}/v1/keys",
        json={"name": user, "user": user},
        headers={"Authorization": f"Bearer {stack.admin_key}"},
        timeout=60,
    )
    return str(made.raise_for_status().json()["key"])


@pytest.fixture(params=["ylva"])
def page(browser: Browser, running_stack: RunningStack, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with a key; nothing may go wrong in it."""
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 1100, "height": 860})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    opened.goto(running_stack.url)
    use_key(opened, make_key(running_stack, request.param))
    expect(opened.get_by_role("button", name="Conversations")).to_be_visible()
    yield opened
    context.close()
    assert faults == []


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def open_history(page: Page) -> None:
    page.get_by_role("button", name="Conversations").click()
    expect(page.get_by_role("dialog")).to_contain_text("conversation")


def test_a_conversation_is_found_again_renamed_and_deleted(page: Page) -> None:
    ask(page, QUESTION)
    expect(page.locator("#tools")).to_be_visible()
    ask(page, OTHER)
    expect(page.locator("#turns button")).to_have_count(2)
    page.reload()  # the address leads to it
    expect(page.locator("#asked")).to_have_text(OTHER)
    expect(page.locator("#answer")).to_contain_text("1,900 kroner")
    expect(page.locator("#colophon")).to_contain_text(" on ")
    page.locator("#turns button").first.click()
    expect(page.locator("#asked")).to_be_focused()
    expect(page.locator("#answer")).to_contain_text("26 weeks")
    page.locator("#footnotes button").first.click()
    expect(page.locator("#reader mark").first).to_be_in_viewport()
    page.keyboard.press("Escape")
    open_history(page)
    panel = page.get_by_role("dialog")
    assert_accessible(page)
    panel.get_by_label("Search titles and questions").fill("PARENTAL leave")
    expect(panel.get_by_role("listitem")).to_have_count(1)
    panel.get_by_role("button", name=re.compile("^Rename How many")).click()
    panel.get_by_label("Title", exact=True).fill("My leave")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="My leave", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#asked")).to_have_text(OTHER)
    open_history(page)
    panel.get_by_role("button", name="Delete My leave").click()
    panel.get_by_role("button", name="Delete My leave").click()
    expect(panel).to_contain_text("Deleted.")
    page.keyboard.press("Escape")
    expect(page.locator("#result")).to_be_hidden()


def test_an_answer_is_rated_copied_asked_again_and_its_question_edited(page: Page) -> None:
    ask(page, QUESTION)
    page.get_by_role("button", name="Not helpful").click()
    page.get_by_label("Something is missing").check()
    assert_accessible(page)
    page.get_by_label("In your own words").fill("And for adoptions?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#tools-said")).to_have_text("Thank you.")
    page.get_by_role("button", name="Copy with footnotes").click()
    expect(page.locator("#tools-said")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "26 weeks" in copied
    assert re.search(r"^\[\^1\]: \*\*.+\*\*", copied, re.MULTILINE)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#answer")).to_contain_text("26 weeks")
    page.get_by_role("button", name="Edit the question").click()
    box = page.get_by_label("What would you like to know?")
    expect(box).to_be_focused()
    expect(box).to_have_value(QUESTION)
    ask(page, OTHER)
    expect(page.locator("#answer")).to_contain_text("1,900 kroner")
    expect(page.locator("#earlier")).to_be_hidden()  # it stands in the place of the first


def test_a_shared_conversation_is_read_by_others_and_a_source_reported(
    page: Page, browser: Browser, running_stack: RunningStack
) -> None:
    ask(page, QUESTION)
    page.get_by_role("button", name="Share").click()
    page.get_by_label("Users, parted by commas").fill("eve")
    assert_accessible(page)
    page.get_by_role("dialog").get_by_role("button", name="Share", exact=True).click()
    expect(page.locator("#share-said")).to_contain_text("#conversation=")
    address = page.locator("#share-said").inner_text().partition("Its address: ")[2]
    other = browser.new_context()
    try:
        reading = other.new_page()
        reading.goto(address)
        expect(reading.locator("#notices")).to_contain_text("no conversation")
        use_key(reading, make_key(running_stack, "eve"))
        expect(reading.locator("#answer")).to_contain_text("26 weeks")
        expect(reading.get_by_role("button", name="Ask again")).to_be_hidden()
        reading.locator("#footnotes button").first.click()
        reading.get_by_role("button", name="This is outdated").click()
        expect(reading.locator("#reader-said")).to_contain_text("Thank you")
    finally:
        other.close()
    listed = running_stack.json("outdated", "list")
    assert [one["readers"] for one in listed["documents"]] == [1]
    page.keyboard.press("Escape")
    use_key(page, running_stack.admin_key)
    page.get_by_role("button", name="Administration").click()
    page.get_by_role("button", name="Failed documents").click()
    page.get_by_role("button", name=re.compile("^Take .* off the list")).click()
    expect(page.locator("#desk-said")).to_have_text("It is off the list.")
    assert running_stack.json("outdated", "list")["total"] == 0


def test_a_stream_that_breaks_goes_on(page: Page, running_stack: RunningStack) -> None:
    """The first response ends in the middle; the rest comes from where it broke off."""
    broken: list[str] = []

    def cut(route: object) -> None:
        response = route.fetch()  # type: ignore[attr-defined]
        blocks = response.text().split("\n\n")
        broken.append(blocks[1])
        route.fulfill(body="\n\n".join(blocks[:2]) + "\n\n", content_type="text/event-stream")  # type: ignore[attr-defined]

    page.route("**/v1/answers", cut)
    ask(page, QUESTION)
    assert len(broken) == 1
    expect(page.locator("#answer")).to_contain_text("26 weeks")
    expect(page.locator("#tools")).to_be_visible()
