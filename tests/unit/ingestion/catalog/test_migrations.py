"""Programs of two releases on one catalog: who may start on which schema, and what steps may do to who is at work."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, event, text

from core.errors import ConfigurationError, StorageUnavailable
from core.settings import Settings
from ingestion import backup
from ingestion.blobs import open_blobs
from ingestion.catalog import migrate as migrating
from ingestion.catalog.build import database_of, open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.database import Database
from ingestion.catalog.migrate import SCRIPTS, SchemaState, alembic_config, migrate, schema_state

NextRelease = Callable[[str, str], AbstractContextManager[None]]
ADDS = 'op.add_column("sources", sa.Column("colour", sa.String(9), nullable=True))'
TAKES = 'op.drop_column("sources", "weight")'
_HARMFUL = re.compile(
    r"\s*(DROP TABLE|ALTER TABLE .* (DROP|RENAME|ALTER) |ALTER TABLE .* ADD COLUMN (?!.*DEFAULT).*NOT NULL"
    r"|CREATE UNIQUE INDEX)",
    re.IGNORECASE,
)
"""What a program that doesn't know of it may stumble over: a column that is gone, or that it doesn't fill."""


STEPS: list[Script] = list(ScriptDirectory(str(SCRIPTS)).walk_revisions())[::-1]
SAYING = STEPS[[step.revision for step in STEPS].index("0029") :]
HEAD = STEPS[-1].revision


def on(database: str) -> pytest.MarkDecorator:
    """One of the two databases, where the other one would tell nothing more."""
    return pytest.mark.parametrize("catalog_settings", [database], indirect=True)


def said_by(module: ModuleType) -> str:
    said = getattr(module, "compatible_from", None)
    assert said, f"{module.__name__}: say compatible_from = the step that the oldest program knows that may work on it"
    return str(said)


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NextRelease:
    """Makes this program the next release: it has one step more, which does so, and is for programs from there."""

    @contextmanager
    def made(does: str, oldest: str) -> Iterator[None]:
        scripts = tmp_path / "migrations"
        shutil.copytree(SCRIPTS, scripts, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        (scripts / "versions" / "m9999_next.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f"revision, down_revision = '9999', {HEAD!r}\ncompatible_from = {oldest!r}\n"
            f"def upgrade():\n    {does}\ndef downgrade():\n    pass\n"
        )
        with monkeypatch.context() as patch:
            patch.setattr(migrating, "SCRIPTS", scripts)
            yield

    return made


def test_an_older_program_starts_on_a_schema_that_a_newer_one_has_only_added_to(
    catalog: Catalog, open_more: Callable[[], Catalog], next_release: NextRelease, tmp_path: Path
) -> None:
    with next_release(ADDS, SAYING[-1].module.compatible_from):
        migrate(catalog.database)
        assert schema_state(catalog.database).current
    assert schema_state(catalog.database) == SchemaState("9999", HEAD, newer=True)
    older = open_more()
    source = older.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    assert catalog.sources.get(source.id) == source
    blobs = open_blobs(Settings(data_dir=tmp_path))
    with pytest.raises(ConfigurationError, match="use the newer one for backups"):
        backup.back_up(catalog.database, blobs, tmp_path / "backup", datetime.now(UTC), lambda *_: None)


@on("sqlite")
def test_an_older_program_refuses_a_schema_that_lacks_what_it_uses(
    catalog: Catalog, open_more: Callable[[], Catalog], next_release: NextRelease
) -> None:
    with next_release(TAKES, "9999"):
        migrate(catalog.database)
    with pytest.raises(ConfigurationError, match=r"at 9999, for programs that know step 9999.*run that newer version"):
        open_more()


@on("sqlite")
def test_in_production_an_old_schema_is_left_to_the_migration(catalog: Catalog, next_release: NextRelease) -> None:
    with next_release(ADDS, HEAD):
        with pytest.raises(ConfigurationError, match=rf"at {HEAD}, this Footnote needs 9999: run `footnote migrate`"):
            migrate(catalog.database, only_new=True)
        migrate(catalog.database)
        migrate(catalog.database, only_new=True)


def test_processes_in_production_fill_an_empty_catalog_and_change_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    settings = Settings(data_dir=tmp_path / "d")
    monkeypatch.setattr("ingestion.catalog.build.migrate", lambda _, only_new: asked.append(only_new))
    production = settings.model_copy(update={"environment": "production"})
    for given, upgrade in ((settings, False), (production, False), (production, True)):
        open_catalog(given, upgrade=upgrade).close()
    assert asked == [False, True, False]
    database = database_of(settings)
    migrate(database, only_new=True)
    assert schema_state(database).current
    database.close()


@on("sqlite")
def test_a_step_that_is_taken_back_takes_back_its_word(catalog: Catalog, next_release: NextRelease) -> None:
    with next_release("pass", "9999"):
        migrate(catalog.database)
        with catalog.database.write() as connection:
            command.downgrade(alembic_config(connection), HEAD)
    with catalog.database.read() as connection:
        noted = connection.execute(text("SELECT compatible_from FROM schema_compatibility")).scalars().all()
    assert noted == [STEPS[-1].module.compatible_from]


@on("postgresql")
def test_while_a_step_waits_for_a_table_nobody_waits_long_behind_it(
    catalog: Catalog, next_release: NextRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_LOCK_WAIT_S", 0.1)
    monkeypatch.setattr(migrating, "_TRIES", 2)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        assert catalog.sources.list() == [], "others read between two tries"
        if len(pauses) == 2:
            reader.close()

    with next_release(ADDS, HEAD):
        reader = catalog.database.engine.connect()
        reader.execute(text("SELECT count(*) FROM sources"))
        with pytest.raises(StorageUnavailable, match=r"in use all the time.*run `footnote migrate` again"):
            migrate(catalog.database, pause=pause)
        migrate(catalog.database, pause=pause)
        assert schema_state(catalog.database).current
    assert pauses == [migrating._PAUSE_S] * 2


def test_steps_say_for_which_programs_they_are_and_never_fewer() -> None:
    places = {step.revision: place for place, step in enumerate(STEPS)}
    least = 0
    for step in SAYING:
        oldest = said_by(step.module)
        assert least <= places[oldest] <= places[step.revision], f"compatible_from of {step.revision}"
        least = places[oldest]


def harm(statements: list[str]) -> list[str]:
    return [one for one in statements if _HARMFUL.match(one)]


def test_a_step_that_older_programs_may_stumble_over_is_not_for_them() -> None:
    assert harm(["CREATE TABLE a (b INT NOT NULL)", "ALTER TABLE a ADD COLUMN c INT DEFAULT '0' NOT NULL"]) == []
    for statement in ("ALTER TABLE a DROP COLUMN b", "ALTER TABLE a ADD COLUMN b INT NOT NULL", "\nDROP TABLE a"):
        assert harm([statement]), statement
    database = Database("sqlite://")
    done: dict[str, list[str]] = {}
    with database.write() as connection:
        _step_by_step(connection, database.engine, done)
    database.close()
    for step in SAYING[1:]:
        if harm(done[step.revision]):
            assert said_by(step.module) != said_by(STEPS[STEPS.index(step) - 1].module), (
                f"{step.revision} takes away what programs use that don't know it ({harm(done[step.revision])}): "
                "say in compatible_from which step the oldest one knows that doesn't"
            )


def _step_by_step(connection: Connection, engine: Engine, done: dict[str, list[str]]) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    command.upgrade(alembic_config(connection), SAYING[0].revision)
    for step in SAYING[1:]:
        statements.clear()
        command.upgrade(alembic_config(connection), step.revision)
        done[step.revision] = list(statements)
