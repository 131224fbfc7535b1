"""A sync takes out what an older version published of Footnote's own secrets, whatever else it lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Connector, Sink, Withheld
from ingestion.connectors.registry import open_connector
from tests.secrets import FOOTNOTE_KEY, GITHUB_TOKEN, private_key


@pytest.fixture
def folder(pipeline: Any, settings: Settings) -> Path:
    """A project with a data directory in it, as its pipeline's source."""
    root = settings.data_dir.parent
    config = {"path": str(root), "include": ["**/*.md", "data/*.key", "data/logs/*", "id_rsa"]}
    pipeline.parts.catalog.sources.update(pipeline.record.id, config=config)
    for number in range(3):
        (root / f"{number}.md").write_text(f"words {number}")
    (root / "id_rsa").write_text("secret words")
    (root / "data" / "admin.key").write_text(FOOTNOTE_KEY)
    logs = root / "data" / "logs"
    logs.mkdir(parents=True)
    for number in range(20):
        (logs / f"{number}.log").write_text(f"logged {number}")
    return root


def use(pipeline: Any, connector: Any) -> None:
    object.__setattr__(pipeline.parts._makers, "connector", connector)


def as_it_was(_: str, config: Mapping[str, Any], __: Settings, ___: str) -> Connector:
    """A connector that knows nothing of secrets, with the notes of its time."""

    class Old(FolderConnector):
        def fetch(self, external_id: str, into: Sink) -> None:
            into.write((folder / external_id).read_bytes())

    folder = Path(config["path"])
    connector = Old(FolderConfig.model_validate(config), 1_000_000)
    connector._scanner._withheld = lambda *_: None  # type: ignore[method-assign]
    connector._scanner._data = lambda *_: None  # type: ignore[method-assign]
    return connector


def texts(pipeline: Any) -> set[str]:
    return {chunk.text for chunk in pipeline.index.chunks.values()}


def test_the_next_sync_removes_what_is_secret(pipeline: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr("ingestion.connectors.folder.connector.secret_by_content", lambda *_: None)
        before.setattr("ingestion.connectors.folder.connector._READING", 1)
        use(pipeline, as_it_was)
        run = pipeline.sync()
    assert (run.indexed, run.failed) == (25, 0)
    assert {FOOTNOTE_KEY, "secret words", "logged 7"} < texts(pipeline)

    use(pipeline, open_connector)
    run = pipeline.sync()

    # 22 of 25 are gone: more than a listing may lack. It doesn't lack them, it says what they are.
    assert (run.state, run.deleted, run.unchanged, run.error) == ("finished", 22, 3, None)
    assert texts(pipeline) == {"words 0", "words 1", "words 2"}
    assert run.warned == 2
    said = {one.external_id: one.message for one in pipeline.parts.catalog.warnings.list()}
    assert set(said) == {"data/", "id_rsa"}
    assert said["id_rsa"] == "It was left out, for it is never a document: a private SSH key."


def test_what_is_withheld_goes_even_if_the_rest_can_not_be_listed(pipeline: Any) -> None:
    pipeline.source.documents = {name: f"text of {name}" for name in ("a.md", "keys/id_rsa", "keys/b.md")}
    pipeline.sync()
    pipeline.source.documents = {"a.md": "text of a.md"}
    pipeline.source.extra = [Withheld("keys/", "a folder of keys")]
    pipeline.source.complete = False
    run = pipeline.sync()
    assert (run.deleted, run.unchanged, run.warned) == (2, 1, 1)
    assert texts(pipeline) == {"text of a.md"}
    pipeline.source.extra = []
    pipeline.sync()
    assert pipeline.parts.catalog.warnings.count() == 1  # an incomplete listing may just not have come to it
    pipeline.source.complete = True
    pipeline.sync()
    assert pipeline.parts.catalog.warnings.count() == 0


def test_a_secret_inside_an_archive_of_before_goes_with_the_next_sync(pipeline: Any) -> None:
    from core.metadata import Metadata
    from core.principal import AccessList
    from ingestion.catalog.records import Work
    from ingestion.connectors.port import Upsert

    pipeline.source.documents = {"a.zip": "text"}
    pipeline.sync()
    inner = Upsert(
        external_id="a.zip!/.env", uri="x", revision="1", content_revision="1", size=1, acl=AccessList.everyone()
    )
    catalog = pipeline.parts.catalog
    record = catalog.documents.get(pipeline.id_of("a.zip"))
    nothing: dict[str, Any] = {"source_metadata": Metadata(), "own_metadata": Metadata(), "parsed_hash": None}
    outer = Work(record=record, parsed_chunks=0, indexed_version=None, attempts=1, run_id=None, **nothing)
    assert catalog.intake.apply_inner(outer, [inner], parser=1)
    run = pipeline.sync()
    assert (run.unchanged, run.deleted, run.warned) == (1, 1, 1)
    assert [one.external_id for one in catalog.warnings.list()] == ["a.zip!/.env"]


def test_a_document_with_a_secret_is_taken_in_and_warned_of(pipeline: Any) -> None:
    from dataclasses import replace

    from ingestion.partitioning.secrets import find_secrets

    plain = pipeline.partitioner.partition

    def partition(content: bytes, **told: Any) -> Any:
        read = plain(content, **told)
        return replace(read, secrets=tuple(find_secrets(read.elements)))

    pipeline.partitioner.partition = partition
    pipeline.source.documents = {"a.md": f"Our token is {GITHUB_TOKEN}", "b.md": "none", "c.md": f"x {private_key()}"}
    run = pipeline.sync()
    assert (run.indexed, run.failed, run.warned) == (3, 0, 2)
    messages = {one.external_id: one.message for one in pipeline.parts.catalog.warnings.list()}
    assert messages == {
        "a.md": "It holds a GitHub token: line 1 of its text.",
        "c.md": "It holds a private key: line 1 of its text.",
    }
    pipeline.source.documents["a.md"] = "Our token is gone"
    assert pipeline.sync().warned == 1
