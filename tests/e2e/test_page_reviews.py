"""Reviewing on the page, by keyboard, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from api.auth.key_records import Grant
from core.principal import AccessList
from core.roles import Role
from tests.e2e.test_page import CHROMIUM, PATIENCE_MS, QUIET, use_key
from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import ADMIN_KEY, Stack, an_answer, make_settings

ANN = Grant(user="ann", groups=("hr",), roles=(Role.REVIEWER, Role.READER))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    settings = make_settings(tmp_path)
    review = settings.review.model_copy(update={"weekly": 10})
    made = Stack(settings.model_copy(update={"review": review}))
    made.add_document("d1", AccessList(groups=frozenset({"hr"})))
    made.answerer.script = an_answer("Everybody has **28 days** 🌴 of leave.")
    yield made
    made.catalog.close()


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """The page of a service whose only answer, Ida's, was drawn for review; nothing may go wrong in it."""
    _, ida = stack.keys.create("ida", Grant(user="ida", groups=("hr",)))
    faults: list[str] = []
    with on_a_port(stack) as url, sync_playwright() as playwright:
        asked = {"question": "How much leave?"}
        httpx.post(f"{url}/v1/answers", json=asked, headers={"Authorization": f"Bearer {ida}"}, timeout=60)
        httpx.post(f"{url}/v1/reviews/sample", headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=60)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(viewport={"width": 1100, "height": 860})
        context.set_default_timeout(PATIENCE_MS)
        opened = context.new_page()
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        opened.goto(url)
        yield opened
        browser.close()
    assert faults == []


def test_an_answer_is_reviewed_by_keyboard(page: Page, stack: Stack) -> None:
    expect(page.get_by_role("button", name="Reviews")).to_be_hidden()
    use_key(page, stack.keys.create("ann", ANN)[1])
    page.get_by_role("button", name="Reviews").click()
    dialog = page.get_by_role("dialog", name="Reviews")
    expect(dialog).to_contain_text("How much leave?")
    expect(dialog.locator(".claims .title")).to_have_text("Everybody has **28 days** 🌴 of leave.")
    expect(dialog.locator(".claims q")).to_have_text("Everybody has 28 days of leave.")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.keyboard.type("54")
    dialog.get_by_role("button", name="Save and next").click()
    expect(page.locator("#review-said")).to_contain_text("Score each criterion")
    page.keyboard.type("?3")
    expect(dialog.get_by_role("button", name="Save and next")).to_be_focused()
    dialog.get_by_label("What is to be mended").select_option("writing")
    dialog.get_by_label("Comment").fill("It has 4 stars.")
    dialog.get_by_role("button", name="Save and next").click()
    expect(dialog).to_contain_text("Nothing is left for you to review.")
    [review] = stack.catalog.reviews.list(10)
    assert review.scores == {"groundedness": 5, "relevance": 4, "coherence": None, "faithfulness": 3}
    assert (review.reviewer, review.cause, review.comment) == ("user:ann", "writing", "It has 4 stars.")


def test_who_is_no_reviewer_is_offered_none(page: Page, stack: Stack) -> None:
    with page.expect_response("**/v1/me"):
        use_key(page, stack.keys.create("bob", Grant(user="bob", groups=("hr",)))[1])
    expect(page.get_by_role("button", name="Conversations")).to_be_visible()  # it is offered after the other ones
    expect(page.get_by_role("button", name="Reviews")).to_be_hidden()


def test_weeks_are_shown_to_reviewers_and_reports_to_administrators(page: Page, stack: Stack) -> None:
    share = {"value": 0.25, "low": 0.1, "high": 0.4}
    shares = dict.fromkeys(("failed", "abstained", "unsupported", "thumbs_down", "cached"), share)
    weeks = [{"monday": "2026-03-02", "answers": 60, "p95_ms": 1200, **shares}]
    told = {"published_at": "2026-03-09T08:00:00Z", "weeks": weeks, "topics": None, "oldest": []}
    stack.catalog.published.publish("drift", "week", json.dumps(told).encode())
    stack.catalog.published.publish("answers", "asked", b"<p>24 weeks</p>")
    quality = page.get_by_role("button", name="Quality")
    expect(quality).to_be_hidden()
    use_key(page, stack.keys.create("ann", ANN)[1])
    quality.click()
    dialog = page.get_by_role("dialog", name="Quality of answers")
    expect(dialog.get_by_role("row")).to_have_count(2)
    expect(dialog).to_contain_text("25.0 %")
    expect(dialog).not_to_contain_text("Reports of answers")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    dialog.get_by_role("button", name="Close").click()
    use_key(page, ADMIN_KEY)
    quality.click()
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="asked").click()
    assert saved.value.suggested_filename == "asked.html"
    assert saved.value.path().read_bytes() == b"<p>24 weeks</p>"
