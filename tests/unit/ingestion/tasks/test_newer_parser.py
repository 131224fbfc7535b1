"""Documents that failed, and a parser that is newer."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import UnreadableDocument
from ingestion.connectors.port import Unreadable
from ingestion.partitioning.port import Attachment


def test_a_sync_with_a_newer_parser_tries_failed_documents_again(pipeline: Any) -> None:
    pipeline.source.documents = {"good.txt": "good", "odd.txt": "odd"}
    pipeline.partitioner.error = UnreadableDocument("It can't be read.")
    assert (pipeline.sync().failed, pipeline.source.fetched.count("odd.txt")) == (2, 1)
    pipeline.partitioner.error = None
    assert pipeline.sync().failed == 2  # the same parser: nobody tries again
    pipeline.version.append("fake 2")
    run = pipeline.sync()
    assert (run.seen, run.indexed, run.failed, run.retried) == (2, 2, 0, 2)
    assert pipeline.parts.catalog.failures.list() == []
    assert pipeline.sync().retried == 0


def test_one_that_fails_again_is_not_tried_a_third_time(pipeline: Any) -> None:
    pipeline.source.documents = {"bad.txt": "broken"}
    pipeline.sync()
    pipeline.version.append("fake 2")
    assert (pipeline.sync().retried, pipeline.sync().retried) == (1, 0)
    assert pipeline.source.fetched.count("bad.txt") == 2
    [failure] = pipeline.parts.catalog.failures.list()
    assert failure.first_seen < failure.last_seen


@pytest.mark.parametrize("complete", [True, False])
def test_however_the_source_is_listed(pipeline: Any, complete: bool) -> None:
    pipeline.source.documents = {"bad.txt": "broken"}
    pipeline.sync()
    pipeline.source.complete = complete
    pipeline.version.append("fake 2")
    assert (pipeline.sync().retried, pipeline.sync().retried) == (1, 0)


def test_what_cannot_be_listed_is_not_the_parsers_fault(pipeline: Any) -> None:
    pipeline.source.extra = [Unreadable("a.pdf", "file:///a.pdf", "its sidecar is not YAML")]
    pipeline.sync()
    pipeline.version.append("fake 2")
    assert (pipeline.sync().retried, pipeline.source.fetched) == (0, [])


def test_attachments_that_failed_are_tried_again(pipeline: Any) -> None:
    pipeline.source.documents = {"mail.eml": "see attachment"}
    partition = pipeline.partitioner.partition

    def with_attachment(content: bytes, *, name: str, media_type: str | None = None) -> Any:
        read = partition(content, name=name, media_type=media_type)
        return type(read)(
            elements=read.elements,
            metadata=read.metadata,
            media_type=read.media_type,
            parser=read.parser,
            attachments=(Attachment(name="a.txt", content=b"broken"),) if name == "mail.eml" else (),
        )

    pipeline.partitioner.partition = with_attachment
    assert (run := pipeline.sync()).failed == 1, run
    pipeline.version.append("fake 2")
    run = pipeline.sync()
    assert (run.unchanged, run.failed, run.retried) == (1, 1, 1)


def test_a_retry_by_hand_is_counted_as_one(pipeline: Any) -> None:
    pipeline.source.documents = {"bad.txt": "broken"}
    pipeline.sync()
    retry = pipeline.parts.catalog.retries.begin(pipeline.record.id, 100)
    pipeline.tasks.send("footnote.dispatch", {"source_id": pipeline.record.id})
    pipeline.tasks.run(pipeline.parts)
    run = pipeline.parts.catalog.runs.get(retry.run.id)
    assert (run.seen, run.failed, run.retried) == (1, 1, 1)
