"""The widget in a page of another origin, in a real browser, under a policy without inline scripts and styles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.errors import IndexUnavailable
from tests.e2e.test_page import CHROMIUM, PATIENCE_MS, QUIET
from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import Stack, an_answer, make_settings


class Intranet:
    """A page with the tag; ``service`` is where its script comes from."""

    def __init__(self) -> None:
        self.service = ""
        intranet = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = (
                    "<!doctype html><html lang=en><title>Intranet</title><main><h1>Intranet</h1>"
                    f"<script src='{intranet.service}/page/widget.js' data-label='Ask us'></script></main></html>"
                ).encode()
                self.send_response(200)
                self.send_header("content-type", "text/html")
                policy = f"default-src 'none'; script-src {intranet.service}; connect-src {intranet.service}"
                self.send_header("content-security-policy", policy)
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture(scope="module")
def intranet() -> Iterator[Intranet]:
    made = Intranet()
    threading.Thread(target=made.http.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def stack(tmp_path: Path, intranet: Intranet) -> Iterator[Stack]:
    made = Stack(make_settings(tmp_path, allowed_origins=[intranet.origin]))
    made.answerer.script = an_answer()
    yield made
    made.catalog.close()


@pytest.fixture
def page(browser: Browser, intranet: Intranet, stack: Stack) -> Iterator[Page]:
    """The intranet's page; its policy and its scripts must have nothing to complain about."""
    faults: list[str] = []
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    with on_a_port(stack) as intranet.service:
        opened.goto(intranet.origin)
        yield opened
        context.close()
    assert faults == []


def test_with_the_keyboard_alone_and_nothing_for_axe(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_label("Ask us")).to_be_focused()
    page.keyboard.type("How many days of leave?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The answer is complete, with 1 source.")
    expect(page.locator("footnote-ask .answer")).to_contain_text("Everybody has 28 days of leave.")
    mark = page.get_by_role("button", name="Source 1: Leave policy")
    mark.focus()
    page.keyboard.press("Enter")
    note = page.get_by_role("listitem")
    expect(note).to_be_focused()
    expect(note).to_contain_text("Leave policy, page 2")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_what_goes_wrong_is_said(page: Page, stack: Stack) -> None:
    stack.answerer.script = [*an_answer()[:4], IndexUnavailable("The index is down.")]
    page.get_by_label("Ask us").fill("How many days of leave?")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_have_text("The index is down.")


def test_a_page_that_is_not_listed_is_not_answered(browser: Browser, intranet: Intranet, tmp_path: Path) -> None:
    stack = Stack(make_settings(tmp_path, allowed_origins=["https://intranet.example.com"]))
    stack.answerer.script = an_answer()
    context = browser.new_context()
    page = context.new_page()
    with on_a_port(stack) as intranet.service:
        page.goto(intranet.origin)
        page.get_by_label("Ask us").fill("How many days of leave?")
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_role("status")).to_have_text("The answers can’t be reached just now.")
        asked = httpx.options(
            f"{intranet.service}/v1/answers",
            headers={"Origin": intranet.origin, "Access-Control-Request-Method": "POST"},
        )
        context.close()
    stack.catalog.close()
    assert "access-control-allow-origin" not in asked.headers
    assert stack.answerer.question is None
