"""Warnings in the catalog: one for each document or withheld file, as long as there is reason for it."""

from __future__ import annotations

from typing import Any

import pytest

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.queue import Ticket
from ingestion.catalog.records import Run, Source, document_id
from ingestion.connectors.port import Upsert, Withheld


@pytest.fixture
def source(catalog: Catalog) -> Source:
    return catalog.sources.create(kind="folder", name="docs", config={}, interval_s=60)


def begin(catalog: Catalog, source: Source) -> Run:
    return catalog.runs.begin(source.id, 900)[0]


def listed(catalog: Catalog, run: Run, revision: str, *names: str) -> list[Any]:
    changes = [
        Upsert(
            external_id=name, uri=name, revision=revision, content_revision=revision, size=1, acl=AccessList.everyone()
        )
        for name in names
    ]
    return catalog.intake.apply(run.id, run.source_id, changes, parser=1)


def parse(catalog: Catalog, source: Source, name: str, warning: str | None) -> None:
    record = catalog.documents.get(document_id(source.id, name))
    catalog.queue.take_pending(source.id, 10, 900)
    work = catalog.queue.claim_for_parsing(Ticket(record.id, record.version), "w", 900)
    assert work is not None
    read = {"content_hash": "h", "chunks": 1, "media_type": "text/plain", "own": Metadata(), "name": name}
    assert catalog.outcomes.parsed(work, "w", **read, warning=warning)


def said(catalog: Catalog, source: Source | None = None) -> dict[str, tuple[str, bool]]:
    found = catalog.warnings.list(source.id if source else None)
    assert catalog.warnings.count(source.id if source else None) == len(found)
    return {one.external_id: (one.message, one.withheld) for one in found}


def test_a_warning_lasts_as_long_as_the_secret(catalog: Catalog, source: Source) -> None:
    run = begin(catalog, source)
    listed(catalog, run, "1", "a.md", "b.md")
    parse(catalog, source, "a.md", "It holds a key.")
    parse(catalog, source, "b.md", None)
    assert said(catalog, source) == {"a.md": ("It holds a key.", False)}
    assert catalog.runs.get(run.id).warned == 1
    [first] = catalog.warnings.list()

    listed(catalog, run, "2", "a.md")
    parse(catalog, source, "a.md", "It holds two keys.")
    [again] = catalog.warnings.list()
    assert (again.message, again.first_seen, again.run_id) == ("It holds two keys.", first.first_seen, run.id)

    listed(catalog, run, "3", "a.md")
    parse(catalog, source, "a.md", None)
    assert said(catalog) == {}
    assert catalog.runs.get(run.id).warned == 0


def test_a_later_run_counts_the_warnings_of_what_is_unchanged(catalog: Catalog, source: Source) -> None:
    run = begin(catalog, source)
    listed(catalog, run, "1", "a.md", "b.md")
    parse(catalog, source, "a.md", "It holds a key.")
    catalog.runs.fail(run.id, "stopped")
    assert catalog.runs.get(run.id).warned == 1  # kept with the run once it is over
    later = begin(catalog, source)
    listed(catalog, later, "1", "a.md", "b.md")
    assert catalog.runs.get(later.id).warned == 1


def test_what_was_withheld_is_said_until_a_listing_does_not_meet_it(catalog: Catalog, source: Source) -> None:
    run = begin(catalog, source)
    met = [Withheld("id_rsa", "a private SSH key"), Withheld("data/", "data of Footnote"), Withheld("", "its own")]
    catalog.warnings.withhold(source.id, run.id, met)
    catalog.warnings.withhold(source.id, run.id, met)  # the listing begins again
    reason = "It was left out, for it is never a document: "
    assert said(catalog) == {
        "id_rsa": (f"{reason}a private SSH key.", True),
        "data/": (f"{reason}data of Footnote.", True),
        "/": (f"{reason}its own.", True),
    }
    assert catalog.runs.get(run.id).warned == 3
    catalog.runs.fail(run.id, "stopped")

    later = begin(catalog, source)
    catalog.warnings.withhold(source.id, later.id, met[:1])
    catalog.warnings.forget_unmet(source.id, later.id)
    assert set(said(catalog)) == {"id_rsa"}
    assert catalog.runs.get(later.id).warned == 1


def test_they_go_with_their_document_and_their_source(catalog: Catalog, source: Source) -> None:
    run = begin(catalog, source)
    listed(catalog, run, "1", "a.md", "b.md")
    for name in ("a.md", "b.md"):
        parse(catalog, source, name, "It holds a key.")
    catalog.removal.forget(catalog.removal.mark_named(source.id, ["a.md"], run.id))
    assert set(said(catalog)) == {"b.md"}
    catalog.sources.begin_delete(source.id)
    assert said(catalog) == {}  # no longer shown, though it goes in the background
    catalog.removal.forget(catalog.removal.mark_all(source.id, 10))
    catalog.runs.fail(run.id, "deleted")
    catalog.warnings.withhold(source.id, run.id, [Withheld("id_rsa", "a key")])
    catalog.sources.remove(source.id)
    assert catalog.warnings.count() == 0


def test_a_folder_is_marked_to_the_letter(catalog: Catalog, source: Source) -> None:
    run = begin(catalog, source)
    names = ["data/a.md", "data/b/c.md", "data/z.zip!/x.md", "Data/a.md", "data.md", "dat%/a.md", "d_ta/a.md"]
    listed(catalog, run, "1", *names)
    for folder, expected in (("data/", 3), ("d_ta/", 1), ("dat%/", 1), ("nothing/", 0)):
        marked = catalog.removal.mark_below(source.id, folder, 10, run.id)
        assert len(marked) == expected
        catalog.removal.forget(marked)
    assert len(catalog.removal.mark_below(source.id, "", 10, run.id)) == 2


def test_secrets_within_documents_that_an_older_version_took_in_are_named(catalog: Catalog, source: Source) -> None:
    run = begin(catalog, source)
    listed(catalog, run, "1", "a.zip")
    outer = document_id(source.id, "a.zip")
    inner = [
        Upsert(external_id=name, uri=name, revision="1", content_revision="1", size=1, acl=AccessList.everyone())
        for name in ("a.zip!/keys/id_rsa", "a.zip!/b.md")
    ]
    (ticket,) = catalog.queue.take_pending(source.id, 1, 60)
    assert ticket.document_id == outer
    work = catalog.queue.claim_for_parsing(ticket, "w", 60)
    assert work is not None
    assert catalog.intake.apply_inner(work, inner, parser=1)
    assert listed(catalog, run, "1", "a.zip") == [Withheld("a.zip!/keys/id_rsa", "a private SSH key")]
