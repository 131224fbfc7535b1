from __future__ import annotations

from typing import Any

import pytest

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.connectors.port import Upsert


@pytest.mark.parametrize(
    ("external_id", "title", "called"),
    [
        ("hr/leave.md", "Leave", "leave.md"),
        ("hr/leave.md", "notes.csv", "leave.md"),
        ("drive-1/01ABCDEF", "Leave.md", "Leave.md"),
        ("drive-1/01ABCDEF", "a/b/Leave.md", "Leave.md"),
        ("drive-1/01ABCDEF", "Leave", "01ABCDEF"),
        ("drive-1/01ABCDEF", "Version 1.2", "01ABCDEF"),
    ],
)
def test_a_file_goes_by_its_id_or_where_that_tells_no_kind_by_its_title(
    pipeline: Any, external_id: str, title: str, called: str
) -> None:
    names = []
    read = pipeline.partitioner.partition

    def noted(content: Any, *, name: str, media_type: str | None = None) -> Any:
        names.append(name)
        return read(content, name=name, media_type=media_type)

    pipeline.partitioner.partition = noted
    pipeline.source.documents = {external_id: "words"}
    metadata, acl = Metadata(title=title), AccessList.everyone()
    listed = Upsert(
        external_id=external_id, uri="x", revision="1", content_revision="1", size=1, acl=acl, metadata=metadata
    )
    pipeline.source._changes = lambda: iter([listed])
    assert pipeline.sync().indexed == 1
    assert names == [called]
