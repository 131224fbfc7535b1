"""What OpenSearch's errors become."""

from __future__ import annotations

import pytest

from core.errors import ConfigurationError, FootnoteError, IndexUnavailable, StorageUnavailable
from retrieval.index.opensearch.failures import from_status, reason

FLOOD = (
    "cluster_block_exception: index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, "
    "index has read-only-allow-delete block];"
)


@pytest.mark.parametrize(
    ("status", "why", "kind", "words"),
    [
        (401, "Unauthorized", ConfigurationError, "index.opensearch.password"),
        (403, "no permissions for [indices:data/write/bulk]", ConfigurationError, "role"),
        (404, "index_not_found_exception: no such index [x]", ConfigurationError, "no such index"),
        (413, "", ConfigurationError, "bulk_bytes"),
        (400, "Vector dimension mismatch", ConfigurationError, "Vector dimension mismatch"),
        (429, "rejected execution", IndexUnavailable, "overloaded"),
        (503, "not initialized", IndexUnavailable, "starting"),
        (500, "boom", IndexUnavailable, "boom"),
        (429, FLOOD, StorageUnavailable, "Free space"),
        (403, FLOOD, StorageUnavailable, "Free space"),
    ],
)
def test_statuses(status: int, why: str, kind: type[FootnoteError], words: str) -> None:
    error = from_status(status, why, "http://search:9200")
    assert type(error) is kind
    assert words in error.message
    assert error.where == "http://search:9200"
    assert "http" not in error.message, "messages reach readers"


def test_a_reason_never_quotes_a_document() -> None:
    info = {
        "type": "mapper_parsing_exception",
        "reason": "failed to parse field [page] in document with id '1'. Preview of field's value: 'secret\nsalary'",
        "caused_by": {"type": "x", "reason": "For input string"},
    }
    for shape in (info, {"error": info}, {"error": {"root_cause": [info], **info}}):
        words = reason(shape)
        assert "secret" not in words
        assert "salary" not in words
        assert "failed to parse field [page]" in words
        assert "For input string" in words
    assert reason("Unauthorized") == "Unauthorized"
