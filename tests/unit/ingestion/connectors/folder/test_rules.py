"""Facts by path, their origins, and sidecars of nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Unreadable, Upsert
from tests.listings import Memory, read


def connector(root: Path, *rules: dict[str, Any], **config: Any) -> FolderConnector:
    return FolderConnector(FolderConfig.model_validate({"path": root, "rules": list(rules), **config}), 1_000_000)


def write(path: Path, content: str = "Text.") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def upserts(made: FolderConnector) -> dict[str, Upsert]:
    return {change.external_id: change for change in read(made).changes if isinstance(change, Upsert)}


def test_the_later_rule_counts_fact_by_fact_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "finance/2025/budget.txt")
    write(tmp_path / "other.txt")
    made = connector(
        tmp_path,
        {"match": "finance/**", "department": "Finance", "tags": ["Money"]},
        {"match": "finance/2025/**", "department": "Controlling"},
        department="All",
    )
    found = upserts(made)

    budget = found["finance/2025/budget.txt"].metadata
    assert (budget.department, budget.tags) == ("Controlling", ("money",))
    assert budget.origins == {"department": "rule finance/2025/**", "tags": "rule finance/**"}
    assert found["other.txt"].metadata.department == "All"
    assert found["other.txt"].metadata.origins == {"department": "source settings"}


def test_what_is_written_beside_or_in_a_document_counts_before_rules(tmp_path: Path) -> None:
    write(tmp_path / "a.md", "---\ndepartment: HR\n---\nText.")
    write(tmp_path / "b.txt")
    write(tmp_path / "b.txt.meta.yaml", "department: Legal")
    found = upserts(connector(tmp_path, {"match": "**", "department": "Finance"}))

    assert found["a.md"].metadata.origins["department"] == "front matter"
    assert found["b.txt"].metadata.department == "Legal"
    assert found["b.txt"].metadata.origins["department"] == "sidecar b.txt.meta.yaml"


def test_a_rule_that_matches_nothing_is_warned_of_once(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    rules = {"match": "fiannce/**", "department": "Finance"}, {"match": "**/*.txt", "tags": ["text"]}
    known = Memory()
    warned = []
    for _ in range(2):
        with capture_logs() as logs:
            known = read(connector(tmp_path, *rules), known).known
        warned.append([log["rule"] for log in logs if log["event"] == "folder.rule_matches_nothing"])

    assert warned == [["fiannce/**"], []]


@pytest.mark.parametrize("there", [True, False])
def test_a_sidecar_of_a_missing_file_is_reported(tmp_path: Path, there: bool) -> None:
    write(tmp_path / "x/report.pdf.meta.yaml", "department: HR")
    write(tmp_path / "x/_folder.meta.yaml", "department: All")
    if there:
        write(tmp_path / "x/report.pdf")
    faults = [change for change in read(connector(tmp_path)).changes if isinstance(change, Unreadable)]

    assert [fault.external_id for fault in faults] == ([] if there else ["x/report.pdf.meta.yaml"])
    assert there or "report.pdf, which is not in this folder" in faults[0].reason
