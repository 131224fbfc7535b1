"""The desk of curators, auditors and administrators, in a real browser: by keyboard, narrow, dark, in high contrast."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect, sync_playwright

from api.auth.key_records import Grant
from core.errors import SourceUnavailable
from core.principal import AccessList
from core.roles import Role
from core.usage_settings import Price
from ingestion.catalog.usage import UsageOf, Used
from tests.e2e.test_page import CHROMIUM, PATIENCE_MS, QUIET, use_key
from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import ADMIN_KEY, Stack, make_settings

CURATOR = Grant(user="zoe", groups=("hr",), roles=(Role.CURATOR, Role.READER))
VIEWS = ["Sources", "Failed documents", "Documents", "Keys", "Roles", "Limits", "Usage", "Audit log", "Health"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = make_settings(tmp_path_factory.mktemp("desk"))
    prices = settings.usage.model_copy(update={"prices": (Price(model="m", input=2, output=8),)})
    made = Stack(settings.model_copy(update={"usage": prices}))
    made.add_document("d1", AccessList(groups=frozenset({"hr"})), facts={"title": "Leave", "department": "HR"})
    source = made.catalog.sources.list()[0]
    made.fail_document(source.id, "broken.pdf", "It has no pages.")
    made.catalog.usage.add({UsageOf(date.today(), "k1", "HR", "m"): Used(3, 1_000_000, 500_000)})
    yield made
    made.catalog.close()


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    with on_a_port(stack) as found:
        yield found


@pytest.fixture(params=["wide", "narrow"])
def page(url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, wide and light, or narrow, dark and in German; nothing may go wrong in it."""
    faults: list[str] = []
    wide = request.param == "wide"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(
            viewport={"width": 1200 if wide else 360, "height": 860},
            color_scheme="light" if wide else "dark",
            locale="en-GB" if wide else "de-DE",
        )
        context.set_default_timeout(PATIENCE_MS)
        opened = context.new_page()
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        opened.goto(url)
        yield opened
        browser.close()
    assert faults == []


def desk_of(page: Page, key: str) -> Locator:
    use_key(page, key)
    page.get_by_role("button", name="Administration").click()
    desk = page.get_by_role("dialog", name="Administration")
    expect(desk).to_be_visible()
    return desk


def view(desk: Locator, name: str) -> Locator:
    desk.get_by_role("navigation").get_by_role("button", name=name, exact=True).click()
    expect(desk.get_by_role("heading", name=name, exact=True)).to_be_visible()
    return desk


def sound(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    too_wide = page.evaluate("document.querySelector('#desk .entries').scrollWidth > innerWidth")
    assert not too_wide


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_a_source_is_added_tried_synced_and_removed(page: Page, stack: Stack) -> None:
    desk = desk_of(page, stack.keys.create("zoe", CURATOR)[1])
    expect(desk.get_by_role("navigation").get_by_role("button")).to_have_text(
        ["Sources", "Failed documents", "Documents"]
    )
    desk.get_by_role("button", name="Add a source").click()
    desk.get_by_role("button", name="Add and sync").click()
    expect(desk.get_by_role("alert")).to_contain_text("path is needed")
    desk.get_by_label("Name", exact=True).fill("Handbook")
    desk.get_by_label("path (needed)").fill("/docs/handbook")
    expect(desk.get_by_label("path (needed)")).to_have_accessible_description(re.compile("home of the user"))
    sound(page)
    stack.ingestion.check_fails = SourceUnavailable("The folder isn't there.")
    desk.get_by_role("button", name="Try the settings").click()
    expect(desk).to_contain_text("The source doesn’t answer: The folder isn't there.")
    stack.ingestion.check_fails = None
    desk.get_by_role("button", name="Try the settings").click()
    expect(desk.get_by_role("table")).to_contain_text("public")
    desk.get_by_role("button", name="Add and sync").click()
    row = desk.get_by_role("listitem").filter(has_text="Handbook")
    expect(row).to_contain_text("Now listing")
    row.get_by_role("button", name="Cancel the sync: Handbook").press("Enter")
    expect(row).not_to_contain_text("Now listing")
    row.get_by_role("button", name="Pause: Handbook").click()
    expect(row).to_contain_text("Paused since")
    row.get_by_role("button", name="Resume: Handbook").click()
    row.get_by_role("button", name="Details: Handbook").click()
    desk.get_by_role("button", name="Dry run").click()
    expect(desk.get_by_role("table")).to_contain_text("dry run")
    [made] = [source for source in stack.catalog.sources.list() if source.name == "Handbook"]
    assert dict(made.config) == {"path": "/docs/handbook"}
    sound(page)
    desk.get_by_role("button", name="Change the settings").click()
    desk.get_by_label("department").fill("HR")
    desk.get_by_role("button", name="Save").click()
    expect(desk.locator("#desk-said")).to_have_text("The settings were changed.")
    assert stack.catalog.sources.get(made.id).config["department"] == "HR"
    row.get_by_role("button", name="Details: Handbook").click()
    desk.get_by_role("button", name="Remove the source").click()
    page.get_by_role("alertdialog").get_by_role("button", name="No, leave it").press("Enter")
    assert stack.ingestion.deleted == []
    desk.get_by_role("button", name="Remove the source").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove the source").click()
    expect(desk.locator("#desk-said")).to_contain_text("The source is gone")
    assert stack.ingestion.deleted == [made.id]


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_a_document_is_looked_into_and_why_it_is_found(page: Page, stack: Stack) -> None:
    desk = view(desk_of(page, stack.keys.create("zoe", CURATOR)[1]), "Failed documents")
    expect(desk).to_contain_text("1 at looking at it")
    sound(page)
    view(desk, "Documents")
    desk.get_by_label("Name", exact=True).fill("d1")
    page.keyboard.press("Enter")
    desk.get_by_role("button", name="Leave").click()
    readers = desk.get_by_role("region", name="Who may read it, and why")
    expect(readers.get_by_role("table")).to_contain_text("group:hr")
    readers.get_by_label("User").fill("ann")
    readers.get_by_role("button", name="May they read it?").click()
    expect(readers).to_contain_text("May not read it")
    readers.get_by_label("Groups").fill("it, hr")
    readers.get_by_role("button", name="May they read it?").click()
    expect(readers).to_contain_text("May read it, through group:hr.")
    desk.get_by_role("button", name="Show passage 0").click()
    expect(desk.locator(".passage")).to_contain_text("First words.")
    why = desk.get_by_role("region", name="Why does a question find it, or not?")
    why.get_by_label("Question").fill("How much leave?")
    why.get_by_role("button", name="Explain").press("Enter")
    expect(why).to_contain_text("an answer is written from it")
    expect(why.get_by_role("row").last).to_have_text(re.compile(r"0, page 2.*1.*40.*3.*3, in the answer"))
    sound(page)
    why.get_by_text("With filters, or for somebody else").click()
    why.get_by_label("User").fill("ida")
    why.get_by_role("button", name="Explain").click()
    expect(why.get_by_role("alert")).to_contain_text("keys create --act")


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_an_administrator_makes_rotates_and_revokes_keys_and_reads_the_trail(page: Page, stack: Stack) -> None:
    desk = view(desk_of(page, ADMIN_KEY), "Keys")
    desk.get_by_text("Make a key").click()
    desk.get_by_label("Name", exact=True).fill("Gateway")
    desk.get_by_label("Curator").check()
    desk.get_by_label("It may act for others").check()
    sound(page)
    desk.get_by_role("button", name="Make it").click()
    plain = desk.get_by_label("It is shown this once: keep it now").input_value()
    record = stack.keys.verify(plain)
    assert set(record.grant.roles) == {Role.READER, Role.CURATOR}
    assert (record.grant.may_act, record.grant.expires_at is not None) == (True, True)
    row = desk.get_by_role("listitem").filter(has_text="Gateway")
    row.get_by_role("button", name="Rotate Gateway").click()
    desk.get_by_label("The former one goes on for").select_option("an hour")
    desk.get_by_role("button", name="Rotate", exact=True).last.press("Enter")
    expect(row).to_have_count(2)
    row.first.get_by_role("button", name="Revoke Gateway").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
    expect(desk).to_contain_text("Gateway opens nothing any more.")
    view(desk, "Usage")
    expect(desk.get_by_role("table")).to_contain_text("€6.00")
    view(desk, "Audit log")
    desk.get_by_label("Action").fill("key.revoke")
    desk.get_by_role("button", name="Search").press("Enter")
    expect(desk.get_by_role("row")).to_have_count(2)
    desk.get_by_role("button", name="Verify").click()
    expect(desk).to_contain_text("entries are whole. Note the last one elsewhere")
    with page.expect_download() as download:
        desk.get_by_role("button", name="Export").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert json.loads(lines[-1])["hash"]
    view(desk, "Health")
    expect(desk.get_by_role("table")).to_contain_text("in order")


def test_every_view_at_any_size_and_in_any_colours(page: Page, stack: Stack) -> None:
    german = page.locator("html").get_attribute("lang") == "de"
    page.evaluate("key => sessionStorage.setItem('footnote.key', key)", ADMIN_KEY)
    page.goto(f"{page.url.split('#')[0]}#desk=sources")
    page.reload()
    desk = page.get_by_role("dialog", name="Verwaltung" if german else "Administration")
    for index in range(len(VIEWS)):
        desk.get_by_role("navigation").get_by_role("button").nth(index).press("Enter")
        expect(desk.locator(".view > *").first).to_be_visible()
        sound(page)
    page.emulate_media(forced_colors="active")
    sound(page)
    page.keyboard.press("Escape")
    expect(page.locator("#open-desk")).to_be_focused()


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_a_reader_is_offered_no_desk_and_loads_none_of_it(page: Page, stack: Stack) -> None:
    loaded: list[str] = []
    page.on("request", lambda sent: loaded.append(sent.url))
    with page.expect_response("**/v1/me"):
        use_key(page, stack.keys.create("bob", Grant(user="bob"))[1])
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("button", name="Administration")).to_be_hidden()
    assert not [one for one in loaded if "desk" in one]
