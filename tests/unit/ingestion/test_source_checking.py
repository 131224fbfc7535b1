"""Settings of a source, tried out by a worker: what it finds, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.errors import FootnoteError, InvalidRequest, SourceRefuses, Unavailable
from core.settings import Settings
from ingestion.catalog.source_checks import CHECKS
from ingestion.service import Ingestion, build_ingestion
from ingestion.source_checking import FoundItem, SourceChecker
from ingestion.source_keys import read_keys
from ingestion.source_secrets import MASK, SourceSecrets, masked
from ingestion.tasks.checking import check
from ingestion.tasks.parts import Parts
from tests.secretive_source import KIND, SECRETS, SecretiveConnector, config, secretive

__all__ = ["secretive"]


class Worker:
    """A queue whose tasks are run at once by ``run``."""

    def __init__(self, run: Callable[[str], object]) -> None:
        self._run = run

    def send(self, task: str, arguments: Mapping[str, Any] | None = None, *, delay_s: float = 0) -> None:
        assert task == "footnote.check"
        assert not delay_s
        self._run((arguments or {})["check_id"])

    def has_lost_everything(self) -> bool:
        return False


class Service:
    """A service and a worker on one catalog."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ingestion: Ingestion = build_ingestion(settings)
        self.worker: Callable[[str], object] = self.work
        self.parts = Parts(settings, Worker(self.work))  # type: ignore[arg-type]
        self.now = 0.0
        secrets = SourceSecrets(lambda: read_keys(settings))
        self.ingestion._checker = SourceChecker(
            self.ingestion.catalog.checks,
            Worker(self.send),  # type: ignore[arg-type]
            secrets,
            20,
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )

    def work(self, check_id: str) -> None:
        check(self.parts, check_id)

    def send(self, check_id: str) -> None:
        self.worker(check_id)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def rows(self) -> list[Any]:
        with self.ingestion.catalog.database.read() as connection:
            return list(connection.execute(CHECKS.select()))


@pytest.fixture
def service(tmp_path: Path, secretive: type[SecretiveConnector]) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path / "d"))
    yield made
    made.parts.close()
    made.ingestion.close()


def test_the_first_five_documents_are_named_with_their_readers(service: Service) -> None:
    found = service.ingestion.check_source(KIND, config())
    assert found[0] == FoundItem("https://wiki/page 0", "page 0", ("user:ann@example.com",), None)
    assert len(found) == 5
    assert service.ingestion.check_source(KIND, config(count=0)) == ()
    assert service.ingestion.check_source(KIND, config(token="not-asked"), items=0) == ()
    assert service.rows() == []


def test_what_stands_against_it_is_said_without_its_secrets(service: Service) -> None:
    with pytest.raises(SourceRefuses, match=r"wiki\.example\.com doesn't let us in") as caught:
        service.ingestion.check_source(KIND, config(token="wrong-token"))
    assert caught.value.message.endswith(f"no such token as {MASK}.")
    with pytest.raises(InvalidRequest, match="'token'"):
        service.ingestion.check_source(KIND, config(token="abc"))


def test_a_connector_that_breaks_down_tells_where_and_no_secret(service: Service) -> None:
    with capture_logs() as logs, pytest.raises(FootnoteError, match=r"failed unexpectedly \(RuntimeError\)") as caught:
        service.ingestion.check_source(KIND, config(token="breaks-down"))
    assert "breaks-down" not in repr(logs) + repr(caught.value)
    assert "secretive_source.py" in repr(logs)


def test_while_it_waits_the_database_holds_no_secret(service: Service) -> None:
    def look(check_id: str) -> None:
        files = [file for file in service.settings.data_dir.iterdir() if file.name.startswith("catalog")]
        written = b"".join(file.read_bytes() for file in files)
        assert check_id.encode() in written
        assert not [secret for secret in SECRETS if secret.encode() in written]
        service.work(check_id)
        [row] = service.rows()
        assert row.config == {}

    service.worker = look
    service.ingestion.check_source(KIND, config())


def test_without_a_worker_it_says_so_in_time(service: Service) -> None:
    late: list[str] = []
    service.worker = late.append
    with pytest.raises(Unavailable, match=r"No worker took the check on within 20 s.*queue `check`.*--no-check"):
        service.ingestion.check_source(KIND, config())
    assert 20 <= service.now < 21
    service.work(late[0])  # it comes too late, and does nothing
    assert service.rows() == []


def test_a_source_that_hangs_is_told_from_a_worker_that_is_not_there(service: Service) -> None:
    def hang(check_id: str) -> None:
        assert service.ingestion.catalog.checks.take(check_id)
        assert service.ingestion.catalog.checks.take(check_id) is None  # nobody else takes it on

    service.worker = hang
    with pytest.raises(Unavailable, match="The source didn't answer a worker within 20 s"):
        service.ingestion.check_source(KIND, config())


def test_a_sources_own_settings_are_tried_with_its_secrets(service: Service) -> None:
    source = service.ingestion.create_source(KIND, "Wiki", config())
    assert len(service.ingestion.check_source(None, None, source_id=source.id)) == 5
    changed = {**masked(source.config), "count": 2}
    assert len(service.ingestion.check_source(None, changed, source_id=source.id)) == 2
    with pytest.raises(InvalidRequest, match="'base_url' changes"):
        service.ingestion.check_source(None, {**changed, "base_url": "https://evil.example"}, source_id=source.id)
    with pytest.raises(InvalidRequest, match="Give the kind"):
        service.ingestion.check_source(KIND, None)


def test_a_folder_is_looked_for_on_the_worker(service: Service, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A")
    for path, message in (("nowhere", "does not exist"), ("d", "data directory"), (".", "data directory")):
        with pytest.raises(InvalidRequest, match=message):
            service.ingestion.check_source("folder", {"path": str(tmp_path / path)}, items=0)
    [found] = service.ingestion.check_source("folder", {"path": str(tmp_path / "docs")})
    assert (found.uri.endswith("docs/a.md"), found.readers) == (True, ("public",))


def test_those_that_nobody_fetched_expire(service: Service) -> None:
    checks = service.ingestion.catalog.checks

    def leave(check_id: str) -> None:
        checks.forget = lambda check_id: None  # type: ignore[method-assign, assignment]

    service.worker = leave
    with pytest.raises(Unavailable):
        service.ingestion.check_source(KIND, config())
    [row] = service.rows()
    with service.ingestion.catalog.database.write() as connection:
        connection.execute(CHECKS.update().values(expires_at=row.expires_at.replace(year=2020)))
    del checks.forget
    assert checks.take(row.id) is None
    service.worker = service.work
    service.ingestion.check_source(KIND, config())
    assert service.rows() == []
