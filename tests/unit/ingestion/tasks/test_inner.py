"""Attachments and members of archives: documents of their own, that live and die with the one that they lie in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.lazy import Lazy
from core.principal import AccessList
from ingestion.connectors.port import Delete, Unreadable
from ingestion.partitioning.content import Content
from ingestion.partitioning.port import Attachment, Partition
from ingestion.partitioning.version import parser_version
from tests.unit.ingestion.tasks.conftest import Pipeline
from tests.unit.ingestion.tasks.fakes import FakePartitioner, whole


class NestingPartitioner(FakePartitioner):
    """A JSON object is a document whose values are attached to it under their keys; objects nest."""

    def partition(self, content: Content, *, name: str, media_type: str | None = None) -> Partition:
        content = whole(content)
        if not content.startswith(b"{"):
            return super().partition(content, name=name, media_type=media_type)
        inner = json.loads(content)
        found = super().partition(f"The list of {name}".encode(), name=name)
        attached = tuple(
            Attachment(name=key, content=value.encode() if isinstance(value, str) else json.dumps(value).encode())
            for key, value in inner.items()
        )
        return replace(found, attachments=attached)


@pytest.fixture
def nesting(pipeline: Pipeline) -> Pipeline:
    reader = NestingPartitioner()
    pipeline.partitioner = reader
    pipeline.parts._partitioner = Lazy("partitioner", lambda: reader)
    return pipeline


def put(pipeline: Pipeline, name: str, inner: dict[str, object]) -> None:
    pipeline.source.documents[name] = json.dumps(inner)


def test_attachments_become_documents_that_count(nesting: Pipeline) -> None:
    put(nesting, "mail.eml", {"offer.pdf": "The offer.", "terms.txt": "The terms."})
    done = nesting.sync()

    assert (done.seen, done.indexed) == (3, 3)
    assert nesting.index.texts() == ["The list of mail.eml", "The offer.", "The terms."]
    offer = nesting.document("mail.eml!/offer.pdf")
    assert (offer.parent_id, offer.uri) == (nesting.id_of("mail.eml"), "file:///mail.eml!/offer.pdf")
    assert nesting.source.fetched == ["mail.eml"]

    again = nesting.sync()
    assert (again.seen, again.unchanged) == (3, 3)
    assert nesting.source.fetched == ["mail.eml"]


def test_they_have_the_permissions_of_the_document_that_they_lie_in(nesting: Pipeline) -> None:
    nesting.source.acls["mail.eml"] = AccessList.from_terms(["group:hr"])
    put(nesting, "mail.eml", {"all.zip": {"offer.pdf": "The offer."}})
    nesting.sync()
    assert {chunk.acl for chunk in nesting.index.chunks.values()} == {("group:hr",)}

    nesting.source.acls["mail.eml"] = AccessList.from_terms(["user:ida"])
    done = nesting.sync()
    assert (done.seen, done.indexed) == (3, 3)
    assert {chunk.acl for chunk in nesting.index.chunks.values()} == {("user:ida",)}
    assert nesting.source.fetched == ["mail.eml"], "no bytes are read for that"


def test_nobody_sees_them_while_the_outer_permissions_cannot_be_read(nesting: Pipeline) -> None:
    put(nesting, "mail.eml", {"offer.pdf": "The offer."})
    nesting.sync()
    content = nesting.source.documents.pop("mail.eml")
    nesting.source.extra = [Unreadable("mail.eml", "file:///mail.eml", "The sidecar is not YAML.")]
    done = nesting.sync()
    assert (done.seen, done.failed) == (2, 2)
    assert {chunk.acl for chunk in nesting.index.chunks.values()} == {()}

    nesting.source.extra, nesting.source.documents["mail.eml"] = [], content
    done = nesting.sync()
    assert (done.seen, done.indexed) == (2, 2)
    assert {chunk.acl for chunk in nesting.index.chunks.values()} == {("public",)}


def test_only_what_changed_within_is_read_again_and_what_went_goes(nesting: Pipeline) -> None:
    put(nesting, "mail.eml", {"a.txt": "One.", "b.txt": "Two.", "c.zip": {"d.txt": "Three."}})
    assert nesting.sync().indexed == 5
    before = nesting.document("mail.eml!/a.txt").version
    put(nesting, "mail.eml", {"a.txt": "One.", "b.txt": "Two and a half."})
    done = nesting.sync()

    assert nesting.index.texts() == ["One.", "The list of mail.eml", "Two and a half."]
    assert nesting.document("mail.eml!/a.txt").version == before
    assert (done.seen, done.indexed, done.unchanged, done.deleted) == (5, 2, 1, 2)


@pytest.mark.parametrize("named", [True, False])
def test_they_go_with_the_document_that_they_lie_in(nesting: Pipeline, named: bool) -> None:
    nesting.source.documents["stays.txt"] = "I stay."
    put(nesting, "mail.eml", {"all.zip": {"offer.pdf": "The offer."}})
    nesting.sync()
    del nesting.source.documents["mail.eml"]
    if named:
        nesting.source.complete, nesting.source.extra = False, [Delete("mail.eml")]
    done = nesting.sync()

    assert done.deleted == 3
    assert nesting.index.texts() == ["I stay."]


def test_an_incremental_listing_leaves_them_alone(nesting: Pipeline) -> None:
    put(nesting, "mail.eml", {"offer.pdf": "The offer."})
    nesting.sync()
    nesting.source.documents, nesting.source.complete = {"new.txt": "New."}, False
    nesting.sync()

    assert "The offer." in nesting.index.texts()


def test_a_broken_one_is_a_failure_of_its_own(nesting: Pipeline) -> None:
    put(nesting, "mail.eml", {"good.txt": "Good.", "bad.txt": "broken"})
    done = nesting.sync()

    assert (done.seen, done.indexed, done.failed) == (3, 2, 1)
    assert [failure.external_id for failure in nesting.parts.catalog.failures.list()] == ["mail.eml!/bad.txt"]
    again = nesting.sync()
    assert (again.seen, again.unchanged, again.failed) == (3, 2, 1)


def test_what_lies_too_deep_is_recorded_and_not_unpacked(nesting: Pipeline) -> None:
    put(nesting, "1.zip", {"2.zip": {"3.zip": {"4.zip": {"5.txt": "Deep."}}}})
    done = nesting.sync()

    assert (done.seen, done.indexed, done.failed) == (5, 4, 1)
    failure = nesting.parts.catalog.failures.list()[0]
    assert failure.external_id == "1.zip!/2.zip!/3.zip!/4.zip!/5.txt"
    assert "parsing.max_depth = 3" in failure.message
    again = nesting.sync()
    assert (again.seen, again.unchanged, again.failed) == (5, 4, 1)
    assert nesting.parts.catalog.failures.list()[0].message == failure.message


@pytest.mark.parametrize("limit", ["max_depth", "max_inner"])
def test_a_higher_limit_has_it_read(nesting: Pipeline, limit: str) -> None:
    set_limits(nesting, **{"max_depth": 9, limit: 3})
    put(nesting, "1.zip", {"2.zip": {"3.zip": {"4.zip": {"5.txt": "Deep."}}}})
    assert (nesting.sync().failed, "Deep." in nesting.index.texts()) == (1, False)

    set_limits(nesting, **{limit: 4})
    done = nesting.sync()
    assert (done.seen, done.failed, done.retried) == (5, 0, 1)
    assert "Deep." in nesting.index.texts()
    assert nesting.source.fetched == ["1.zip"], "it is read from what was kept"


def set_limits(pipeline: Pipeline, **limits: int) -> None:
    """As a restart with other settings does."""
    settings = pipeline.parts.settings
    parsing = settings.parsing.model_copy(update=limits)
    pipeline.parts.settings = settings.model_copy(update={"parsing": parsing})
    pipeline.version.append(parser_version(parsing))


def test_archives_of_archives_have_a_limit_together(nesting: Pipeline) -> None:
    set_limits(nesting, max_inner=7)
    put(nesting, "bomb.zip", {f"{n}.zip": {f"{m}.txt": f"{n} {m}" for m in range(3)} for n in range(3)})
    done = nesting.sync()

    assert (done.seen, done.indexed, done.failed) == (7, 5, 2)
    failure = nesting.parts.catalog.failures.list()[0]
    assert failure.external_id.startswith("bomb.zip!/")
    assert "parsing.max_inner = 7" in failure.message
    again = nesting.sync()
    assert (again.seen, again.unchanged, again.failed) == (7, 5, 2)
    nesting.source.documents["bomb.zip"] += " "
    once_more = nesting.sync()
    assert (once_more.seen, once_more.failed) == (7, 2), "what it holds doesn't count twice when it is read again"
