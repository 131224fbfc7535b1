"""Footnote doesn't publish its own secrets: a data directory within the folder that is ingested, and a real worker."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from api.auth.key_records import ADMINISTRATOR
from api.auth.keys import KeyStore
from core.clock import SystemClock
from core.errors import InvalidRequest
from ingestion.catalog.records import RunState
from tests.integration.stacks import started
from tests.secrets import GITHUB_TOKEN, private_key


def test_nothing_of_footnotes_own_is_found(home: Path) -> None:
    data = home / "documents" / "data"
    with started(home, data_dir=data) as stack:
        _, key = KeyStore(stack.ingestion.catalog.engine, SystemClock()).create("administrator", ADMINISTRATOR)
        stack.write("data/admin.key", f"{key}\n")
        stack.write("data/logs/api.log", "confidential question")
        stack.write("footnote.toml", 'admin_key = "confidential"')
        stack.write("keys/id_rsa", "confidential")
        stack.write("server.pem", f"confidential\n{private_key()}")
        stack.write("travel.md", f"# Travel\n\nTrains are booked with {GITHUB_TOKEN}.")
        with zipfile.ZipFile(stack.folder / "old.zip", "w") as archive:
            archive.writestr("home/.env", "confidential")
            archive.writestr("rules.md", "# Rules\n\nBicycles are welcome.")
        for path in (stack.folder, data, data / "logs"):
            with pytest.raises(InvalidRequest, match="data directory"):
                stack.ingestion.check_source("folder", {"path": str(path)}, items=0)
        # As an older version, or another data_dir, let it be made.
        config = {"path": str(stack.folder), "include": ["**/*", "data/**", "keys/*"], "exclude": []}
        source = stack.ingestion.catalog.sources.create(kind="folder", name="all", config=config, interval_s=3600)

        run = stack.sync(source)

        assert (run.state, run.indexed, run.failed, run.warned) == (RunState.FINISHED, 3, 0, 6)
        assert sorted(stack.found("trains bicycles old")) == ["old.zip", "old.zip!/rules.md", "travel.md"]
        for secret in (key, "confidential", "administrator", "BEGIN RSA PRIVATE KEY"):
            assert stack.found(secret) == []
        messages = {one.external_id: one.message for one in stack.ingestion.catalog.warnings.list(source.id)}
        assert set(messages) == {"data/", "footnote.toml", "keys/id_rsa", "old.zip", "server.pem", "travel.md"}
        assert messages["old.zip"].startswith("home/.env in it was left out")
        assert messages["travel.md"] == "It holds a GitHub token: line 3 of its text."
        log = stack.log.read_text()
        assert "sync.withheld" in log
        assert all(secret not in log for secret in (key, GITHUB_TOKEN))


def test_a_source_that_left_the_allowed_roots_is_not_listed(home: Path) -> None:
    with started(home, sources={"allowed_roots": [str(home / "documents")]}) as stack:
        stack.write("hr/leave.md", "# Leave\n\nThirty days of vacation.")
        outside = home / "elsewhere"
        outside.mkdir()
        (outside / "plan.md").write_text("# Plan\n\nConfidential.")
        source = stack.ingestion.create_source("folder", "hr", {"path": str(stack.folder / "hr")})
        assert stack.sync(source).indexed == 1

        (stack.folder / "hr").rename(stack.folder / "moved")
        (stack.folder / "hr").symlink_to(outside)
        run = stack.sync(source)

        assert run.state is RunState.FAILED
        assert "outside of sources.allowed_roots" in (run.error or "")
        assert stack.found("confidential") == []
        assert stack.found("vacation") == ["leave.md"]  # a fault of the source hides nothing
