from __future__ import annotations

from typing import Any

from core.principal import AccessList
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.cursors import Start
from ingestion.connectors.port import Change, Page, Unreadable, Upsert


def source(catalog: Catalog) -> str:
    return catalog.sources.create(kind="folder", name="a", config={}, interval_s=60).id


def enter(catalog: Catalog, source_id: str, *changes: Change) -> None:
    run, _ = catalog.runs.begin(source_id, 60)
    catalog.intake.apply(run.id, source_id, changes, parser=1)  # type: ignore[arg-type]


def upsert(name: str, note: dict[str, Any] | None, revision: str = "1") -> Upsert:
    acl = AccessList.everyone()
    return Upsert(external_id=name, uri=name, revision=revision, content_revision="1", size=1, acl=acl, note=note)


def test_pages_count_for_their_run_and_the_last_for_the_next(catalog: Catalog) -> None:
    mine = source(catalog)
    cursors = catalog.cursors
    assert cursors.start(mine, "r1") == Start({})
    cursors.save(mine, "r1", Page(changes=(), cursor={"at": 1}))
    assert cursors.start(mine, "r1") == Start({"at": 1})
    assert cursors.start(mine, "r2") == Start({})
    cursors.save(mine, "r1", Page(changes=(), cursor={"at": 2}, complete=True))
    assert cursors.start(mine, "r1") == Start({"at": 2}, listed=True)
    cursors.conclude(mine, {"at": 2})
    assert cursors.start(mine, "r2") == Start({"at": 2})
    assert cursors.start(mine, "r1") == Start({"at": 2})
    catalog.sources.update(mine, config={"new": True})
    assert cursors.start(mine, "r2") == Start({})
    catalog.sources.remove(mine)


def test_notes_stand_with_their_documents(catalog: Catalog) -> None:
    mine = source(catalog)
    enter(catalog, mine, upsert("a", {"etag": "x"}), upsert("b", None), upsert("x/c", {"n": 1}))
    known = catalog.known(mine)
    assert known.notes(["a", "b", "nothing"]) == {"a": {"etag": "x"}}
    assert known.unknown(["a", "b", "nothing"]) == {"nothing"}
    assert dict(known.below("")) == {"a": {"etag": "x"}, "b": {}, "x/c": {"n": 1}}
    assert dict(known.below("x/")) == {"x/c": {"n": 1}}
    assert dict(known.below("X/")) == {}
    assert not catalog.known("another").notes(["a"])


def test_a_note_is_kept_up_to_date_though_the_document_is_not_changed(catalog: Catalog) -> None:
    mine = source(catalog)
    enter(catalog, mine, upsert("a", {"etag": "x"}))
    enter(catalog, mine, upsert("a", {"etag": "y"}))
    assert catalog.known(mine).notes(["a"]) == {"a": {"etag": "y"}}
    enter(catalog, mine, upsert("a", {"etag": "z"}, revision="2"))
    assert catalog.known(mine).notes(["a"]) == {"a": {"etag": "z"}}


def test_what_could_not_be_read_is_unknown_until_it_can(catalog: Catalog) -> None:
    mine = source(catalog)
    enter(catalog, mine, upsert("a", {"etag": "x"}))
    enter(catalog, mine, Unreadable("a", "a", "its readers can't be told"))
    known = catalog.known(mine)
    assert known.unknown(["a"]) == {"a"}
    assert known.notes(["a"]) == {}
    assert [name for name, _ in known.below("")] == ["a"]
