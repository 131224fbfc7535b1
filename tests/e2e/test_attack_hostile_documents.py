"""Hostile documents, taken in by the whole stack and read on its page in a real browser: nothing of them runs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.e2e.commands import RunningStack
from tests.e2e.hostile_documents import ELSEWHERE, HostileDocument, documents
from tests.e2e.test_page import CHROMIUM, PATIENCE_MS, QUIET, ask, use_key

DEADLINE_S = 120
MOST_OPENED = 3
"""Of the documents that hold a word: an archive has many."""
DECEPTIVE = re.compile("[\u00ad\u200b\u2060-\u2064\u202a-\u202e\u2066-\u206f\ufeff\U000e0000-\U000e0fff]")

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
STATE = """() => ({
  canary: window.canary ?? localStorage.getItem("canary"),
  violations: window.violations,
  title: document.title,
  place: location.href,
  text: document.body.innerText,
  strange: [...document.querySelectorAll(
    "iframe, object, embed, base, video, math, template, meta[http-equiv], style, [style], [onerror], [onload],"
    + " [onclick], [onmouseover], [ontoggle], [onfocus], a[href^='javascript'], a[href^='data'],"
    + " script:not([src^='/page/']), link:not([href^='/page/']), img:not([src^='/page/']):not([src^='blob:']),"
    + " form:not(#ask):not(#key-form):not(#why):not(#share-form):not(#review-form)",
  )].map((element) => element.outerHTML.slice(0, 200)),
})"""
OPEN = """(place) => import("/page/reader.js").then((reader) => reader.openReader(place, () => {}))"""


@dataclass
class Watched:
    """A page, what it must not do, and where it must stay."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def look(self, document: HostileDocument, where: str, view: str = "") -> str:
        """The page's text, once nothing of a document has got beyond being text."""
        state = self.page.evaluate(STATE)
        told = f"{where}, document {document.word} ({document.kind}) with {[one.id for one in document.payloads]}"
        assert state["canary"] is None, told
        assert (state["violations"], state["strange"]) == ([], []), told
        assert (state["title"], state["place"]) == ("Footnote", f"{self.url}/{view}"), told
        assert self.faults == [], told
        text: str = state["text"]
        assert not DECEPTIVE.search(text), told
        return text


@pytest.fixture(scope="module")
def hostile(running_stack: RunningStack, attack_cases: int) -> Iterator[list[HostileDocument]]:
    """The documents, taken in; gone again at the end."""
    made = documents(attack_cases)
    folder = running_stack.home / "hostile"
    folder.mkdir()
    for document in made:
        (folder / document.name).write_bytes(document.content)
    running_stack.run("ingest", str(folder))
    yield made
    running_stack.run("sources", "remove", str(folder), "--yes")
    deadline = time.monotonic() + DEADLINE_S
    while found(running_stack, made[0]):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def watched(running_stack: RunningStack) -> Iterator[Watched]:
    with sync_playwright() as playwright, launched(playwright, running_stack) as page:
        yield page


@contextmanager
def launched(playwright: Any, stack: RunningStack) -> Iterator[Watched]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    context = browser.new_context(viewport={"width": 1100, "height": 860}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH)
    watched = Watched(context.new_page(), stack.url)
    watch(context, watched)
    watched.page.goto(stack.url)
    yield watched
    browser.close()


def watch(context: BrowserContext, watched: Watched) -> None:
    """Note whatever leaves the page or stands in its way."""
    page, faults = watched.page, watched.faults
    ours = (watched.url, f"blob:{watched.url}")
    context.on("request", lambda sent: None if sent.url.startswith(ours) else faults.append(f"request {sent.url}"))
    context.on("page", lambda _: faults.append("a window was opened"))
    page.on("dialog", lambda dialog: (faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: faults.append(f"error {error}"))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)


def found(stack: RunningStack, document: HostileDocument) -> list[dict[str, Any]]:
    """Where a document, or what lies in it, is found by its word: the first passage of each."""
    body = {"query": f"{document.word} stone", "limit": 50}
    hits = httpx.post(f"{stack.url}/v1/search", json=body, timeout=60).raise_for_status().json()["hits"]
    places = {hit["document_id"]: hit for hit in reversed(hits) if re.search(rf"\b{document.word}\b", hit["text"])}
    return list(places.values())[:MOST_OPENED]


@pytest.mark.attack
def test_nothing_in_a_document_runs_on_the_page(
    hostile: list[HostileDocument], running_stack: RunningStack, watched: Watched
) -> None:
    page, opened = watched.page, set()
    for document in hostile:
        ask(page, f"Who keeps the code of the {document.word} stone?")
        watched.look(document, "answered")
        first = page.locator("#footnotes button, #nearest-list button").first
        first.click()
        read(page)
        watched.look(document, "its first footnote")
        page.keyboard.press("Escape")
        for hit in found(running_stack, document):
            names = ("document_id", "ordinal", "title", "page", "heading_path")
            page.evaluate(OPEN, {name: hit[name] for name in names})
            read(page)
            text = watched.look(document, "opened")
            opened.add(document.kind)
            if document.kind in (".txt", ".csv"):
                missing = [one.id for one in document.payloads if one.id not in text]
                assert not missing, f"{document.name} is shown without {missing}"
            page.keyboard.press("Escape")
            check_original(running_stack, hit["document_id"])
    assert opened >= {".md", ".html", ".txt", ".csv", ".eml", ".pdf", ".docx", ".xlsx", ".xml", ".zip"}


def read(page: Page) -> None:
    """Wait until the panel shows its document."""
    reader = page.get_by_role("dialog")
    expect(reader).to_be_visible()
    expect(reader.locator("#reader-text")).not_to_contain_text("Opening the document")
    expect(reader.locator("#reader-page")).not_to_have_attribute("aria-busy", "true")


def check_original(stack: RunningStack, document_id: str) -> None:
    """What was taken in is given back as a file to keep, in which nothing may run."""
    response = httpx.get(f"{stack.url}/v1/documents/{document_id}/original", timeout=60).raise_for_status()
    assert response.headers["content-disposition"].startswith("attachment;")
    assert re.match(r"sandbox(;|$)", response.headers["content-security-policy"])
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.attack
def test_an_original_is_kept_and_not_shown(
    hostile: list[HostileDocument], running_stack: RunningStack, watched: Watched, tmp_path: Path
) -> None:
    page, seen = watched.page, set()
    for document in hostile:
        places = [] if document.kind in seen else found(running_stack, document)[:1]
        for place in places:
            seen.add(document.kind)
            original = f"{running_stack.url}/v1/documents/{place['document_id']}/original"
            with page.expect_download() as download:
                page.evaluate("url => { location.href = url; }", original)
            download.value.save_as(tmp_path / document.word)
            assert (tmp_path / document.word).stat().st_size > 0
            watched.look(document, "its original")
    assert len(seen) >= 10


@pytest.mark.attack
def test_the_names_of_what_failed_are_names(
    hostile: list[HostileDocument], running_stack: RunningStack, watched: Watched
) -> None:
    page = watched.page
    broken = [document for document in hostile if document.name.endswith(".broken.pdf")]
    use_key(page, running_stack.admin_key)
    page.get_by_role("button", name="Administration").click()
    page.get_by_role("button", name="Failed documents").click()
    expect(page.get_by_role("dialog").locator(".failed li").first).to_be_visible()
    text = watched.look(broken[0], "the failures", "#desk=failures")
    for document in broken[:20]:
        assert document.payloads[0].id in text
    assert ELSEWHERE in text  # a name that would load something, if it were more than a name
