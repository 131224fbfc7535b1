"""What readers do on the page, in a real browser, over a service whose answers are given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.auth.key_records import Grant
from core.filters import All, AnyCase, AnyOf
from core.principal import AccessList
from generation.events import Citation
from ingestion.blobs import parsed_key
from tests.e2e.test_page import CHROMIUM, PATIENCE_MS, QUIET, use_key
from tests.servers.oidc import oidc_server
from tests.unit.api.auth.conftest import signing_in
from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import Stack, an_answer, make_settings
from tests.unit.api.test_follow_ups import a_handbook

FIRST, SECOND = "Words of Hotels.", "Words of Trains and planes."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A document of two passages, and an answer that cites both."""
    made = Stack(make_settings(tmp_path))
    made.add_document("d1", AccessList(groups=frozenset({"hr"})), title="Travel")
    handbook = a_handbook()
    made.blobs.put(parsed_key("d1", "h" * 64), handbook.to_bytes())
    made.retriever.held = {"department": [("HR", 2), ("IT", 1)], "document_type": [("pdf", 3)], "language": [("de", 3)]}
    made.answerer.script = two_citations(handbook.text)
    yield made
    made.catalog.close()


def two_citations(text: str) -> list[Any]:
    said = f"{FIRST} {SECOND}"
    events: list[Any] = []
    for event in an_answer(said):
        if not isinstance(event, Citation):
            events.append(event)
            continue
        for number, quote in enumerate((FIRST, SECOND)):
            at, begins = said.index(quote), text.index(quote)
            spans = {"answer_start": at, "answer_end": at + len(quote), "quote_start": begins}
            events.append(
                replace(event, **spans, quote=quote, quote_end=begins + len(quote), ordinal=number, page=None)
            )
    return events


@pytest.fixture(params=[{}])
def page(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with a key that reads the document; nothing may go wrong in it."""
    faults: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 860}, **request.param})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    with on_a_port(stack) as url:
        opened = context.new_page()
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        opened.add_init_script(f"sessionStorage.setItem('footnote.key', '{key_of(stack)}')")
        opened.goto(url)
        expect(opened.locator("#open-history")).to_be_visible()
        yield opened
        context.close()
    assert faults == []


def key_of(stack: Stack) -> str:
    return stack.keys.create("ida", Grant(user="ida", groups=("hr",)))[1]


def ask(page: Page, question: str = "Where do we sleep?") -> None:
    page.locator("#question").fill(question)
    page.locator("#submit").click()
    expect(page.locator("#tools")).to_be_visible()


def test_filters_are_chips_with_counts(page: Page, stack: Stack) -> None:
    page.get_by_text("Narrow it down").click()
    chip = page.get_by_role("button", name="HR, 2 documents")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="German, 3 documents")).to_be_visible()
    page.get_by_role("button", name="PDF, 3 documents").click()
    taken = page.get_by_role("button", name="Take back Document type: PDF")
    taken.click()
    expect(taken).to_have_count(0)
    ask(page)
    assert stack.answerer.question.filters == All((AnyCase("department", frozenset({"HR"})),))
    page.get_by_role("button", name="Ask only these documents").click()
    expect(page.locator("#question")).to_be_focused()
    expect(page.get_by_role("button", name="Take back Only: Leave policy")).to_be_visible()
    ask(page)
    only = AnyOf("document_id", frozenset({"d1"}))
    assert stack.answerer.question.filters == All((AnyCase("department", frozenset({"HR"})), only))
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator("#chosen li")).to_have_count(0)


def test_all_passages_of_a_source_are_stepped_through_by_keyboard(page: Page) -> None:
    ask(page)
    page.locator("#asked").focus()
    page.keyboard.press("1")
    reader = page.locator("#reader")
    expect(reader.locator("mark")).to_have_text(FIRST)
    expect(reader.locator("#passage-number")).to_have_text("Passage 1 of 2")
    page.keyboard.press("j")
    expect(reader.locator("mark")).to_have_text(SECOND)
    expect(reader.get_by_role("button", name="Next passage")).to_be_disabled()
    page.keyboard.press("k")
    expect(reader.locator("mark")).to_have_text(FIRST)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("Open that footnote")
    page.get_by_label("One key is enough").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(reader).to_be_hidden()


def test_a_question_is_suggested_and_asked(page: Page, stack: Stack) -> None:
    ask(page)
    page.get_by_role("button", name="What does “Travel” say about “Per diems”?").click()
    expect(page.locator("#asked")).to_have_text("What does “Travel” say about “Per diems”?")
    expect(page.locator("#tools")).to_be_visible()
    assert "Per diems" in stack.answerer.question.text
    expect(page.locator("#follow")).not_to_contain_text("Per diems")


def test_an_answer_is_copied_as_markdown_and_as_rich_text(page: Page) -> None:
    ask(page)
    page.get_by_role("button", name="Copy with footnotes").click()
    expect(page.locator("#tools-said")).to_have_text("Copied.")
    plain, rich = page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          const text = async (type) => (await item.getType(type)).text();
          return [await text("text/plain"), await text("text/html")];
        }"""
    )
    assert plain.startswith(f"{FIRST}[^1] {SECOND}[^1]")
    assert re.search(r"^\[\^1\]: \*\*Leave policy\*\*", plain, re.MULTILINE)
    assert "<sup>[1]</sup>" in rich
    assert "<strong>Leave policy</strong>" in rich
    assert FIRST in rich
    page.emulate_media(media="print")
    for gone in ("#ask", ".bar", "#tools"):
        expect(page.locator(gone)).to_be_hidden()
    expect(page.locator("#footnotes")).to_be_visible()


NOTES = {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"# N"}


def test_a_document_is_uploaded_for_oneself_alone(page: Page) -> None:
    page.get_by_role("button", name="My documents").click()
    page.get_by_label("Files to upload").set_input_files(NOTES)
    panel = page.locator("#uploads")
    expect(panel.get_by_role("listitem")).to_contain_text("notes.md")
    expect(panel).to_contain_text("1 document of at most 100, up to 50 MB each")
    panel.get_by_label("Files to upload").set_input_files({"name": "id_rsa", "mimeType": "text/plain", "buffer": b"x"})
    expect(page.locator("#upload-said")).to_contain_text("never a document")
    panel.get_by_role("button", name="Delete notes.md").click()
    expect(panel.get_by_role("listitem")).to_have_count(0)


@pytest.mark.parametrize("page", [{"viewport": {"width": 1500, "height": 860}}], ids=["wide"], indirect=True)
def test_conversations_stay_beside_the_page_where_there_is_room(page: Page) -> None:
    page.locator("#open-history").click()
    ask(page, "Where do we sleep?")
    listed = page.locator("#history-list").get_by_role("button", name="Where do we sleep?", exact=True)
    expect(listed).to_be_visible()
    page.locator("#new-conversation").click()
    listed.click()
    expect(page.locator("#asked")).to_have_text("Where do we sleep?")
    expect(listed).to_be_visible()
    page.locator("#close-history").click()
    expect(listed).to_be_hidden()


VIEWS = {
    "filters": lambda page: page.locator("#filter-title").click(),
    "answer": ask,
    "passage": lambda page: page.locator("#footnotes button").first.click(),
    "sharing": lambda page: page.locator("#open-share").click(),
    "conversations": lambda page: page.locator("#open-history").click(),
    "uploads": lambda page: page.locator("#open-uploads").click(),
    "keyboard": lambda page: page.locator("#open-help").click(),
    "key": lambda page: page.locator("#open-key").click(),
}
WAYS = {
    "wide": {"viewport": {"width": 1500, "height": 860}, "locale": "en-GB"},
    "phone-dark-german": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "locale": "de-DE"},
    "zoomed": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2, "forced_colors": "active"},
}


@pytest.mark.parametrize("page", WAYS.values(), ids=WAYS, indirect=True)
def test_axe_finds_nothing_in_any_view(page: Page) -> None:
    for direction in ("ltr", "rtl"):
        page.evaluate("to => { document.documentElement.dir = to; }", direction)
        for name, show in VIEWS.items():
            show(page)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, f"{name} is {wide} pixels too wide, {direction}"
            page.keyboard.press("Escape")


@pytest.mark.parametrize("page", [{"locale": "de-AT"}], ids=["german"], indirect=True)
def test_the_page_speaks_the_languages_of_its_reader(page: Page) -> None:
    assert page.evaluate("document.documentElement.lang") == "de"
    ask(page)
    expect(page.locator("#announcer")).to_contain_text("Die Antwort ist vollständig, mit 1 Fußnote.")
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("button", name="Conversations")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_first_view_is_small(page: Page) -> None:
    """What the page loads before anything is asked, as it travels."""
    page.reload()
    expect(page.locator("#open-history")).to_be_visible()
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".map(({ name, encodedBodySize }) => [name, encodedBodySize])"
    )
    assert sum(size for _, size in sizes) < 100_000
    assert not [name for name, _ in sizes if "sources.js" in name]  # loaded once somebody may see sources


def test_a_sign_in_that_failed_is_told_in_words(page: Page) -> None:
    page.goto(f"{page.url.partition('#')[0]}#sign-in=refused")
    page.reload()
    expect(page.locator("#notices")).to_contain_text("didn’t let you in")
    assert "#" not in page.url


def test_a_key_is_offered_anew_to_the_next_reader(page: Page, stack: Stack) -> None:
    """What one reader chose isn't left to the next."""
    ask(page)
    page.get_by_role("button", name="Ask only these documents").click()
    use_key(page, stack.keys.create("bob", Grant(user="bob", groups=("it",)))[1])
    expect(page.locator("#chosen li")).to_have_count(0)


def test_conversations_of_who_signed_in_are_at_the_side_too(browser: Browser, tmp_path: Path) -> None:
    """With the session's cookie and no key: what changes something carries the session's token."""
    with oidc_server() as provider:
        provider.people = {"ann": {"email": "ann@example.com", "email_verified": True, "groups": ["hr"]}}
        stack = signing_in(tmp_path, provider.url)
        hosts = stack.settings.api.model_copy(update={"allowed_hosts": ("localhost", "127.0.0.1")})
        stack.settings = stack.settings.model_copy(update={"api": hosts})
        stack.answerer.script = an_answer()
        with on_a_port(stack) as url:
            context = browser.new_context()
            context.set_default_timeout(PATIENCE_MS)
            context.add_cookies([{"name": "footnote", "value": session_of("ann", url), "url": url}])
            page = context.new_page()
            page.goto(url)
            expect(page.locator("#sign-out")).to_be_visible()
            ask(page, "How much leave?")
            page.locator("#open-history").click()
            page.get_by_role("button", name="Rename How much leave?").click()
            page.get_by_label("Title", exact=True).fill("My leave")
            page.keyboard.press("Enter")
            page.get_by_role("button", name="Delete My leave").click()
            page.get_by_role("button", name="Delete My leave").click()
            expect(page.locator("#history-count")).to_have_text("Deleted.")
            context.close()
        stack.catalog.close()


def session_of(user: str, url: str) -> str:
    """The cookie of a session that begins with the provider's form."""
    with httpx.Client(timeout=60) as client:
        form = client.get(client.get(f"{url}/auth/login").headers["location"]).text
        back = client.post(form.split('action="')[1].split('"')[0], data={"user": user}).headers["location"]
        client.get(f"{url}{back.removeprefix('http://localhost')}")
        return client.cookies["footnote"]
