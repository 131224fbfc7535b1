"""``footnote backup`` and ``footnote restore``."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.cli import context
from api.cli.options import json_option, print_json

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ingestion.backup import Manifest

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(epilog="Example:  footnote backup /backups/footnote")
@click.argument("folder", type=_FOLDER)
@json_option
def backup(folder: Path, as_json: bool) -> None:
    """Write the catalog and the documents' originals into FOLDER; again into the same, only new originals are copied.

    Everything may go on meanwhile. The index isn't in it: it is built anew from the rest. Nor is the key of the
    sources' secrets: keep it elsewhere. See docs/deploy/backup.md.
    """
    manifest = _run(folder, into=True, quiet=as_json)
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    rows = sum(part.rows for part in manifest.tables.values())
    click.echo(f"{folder} holds {rows:,} rows and {manifest.blobs:,} files, of which {manifest.copied:,} are new.")
    if manifest.missing:
        click.echo(f"{manifest.missing:,} files were gone: documents that were being read. They are read again.")


@click.command(epilog="Example:  footnote restore /backups/footnote")
@click.argument("folder", type=_FOLDER)
@json_option
def restore(folder: Path, as_json: bool) -> None:
    """Put the backup in FOLDER into a catalog and a blob store that are empty: those that the settings name.

    Stop Footnote first. Once it runs again, it compares the catalog with the index, and fills or mends that.
    """
    manifest = _run(folder, into=False, quiet=as_json)
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    rows = sum(part.rows for part in manifest.tables.values())
    click.echo(
        f"Restored {rows:,} rows and {manifest.blobs:,} files of {manifest.made_at:%Y-%m-%d %H:%M} UTC. Start it with: "
        "footnote up. API keys that were revoked since are good again: revoke them before you let people in."
    )


def _run(folder: Path, *, into: bool, quiet: bool) -> Manifest:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    import api.auth.key_records  # noqa: F401, PLC0415 - declares a table of the catalog
    from ingestion.backup import back_up  # noqa: PLC0415
    from ingestion.backup import restore as put_back  # noqa: PLC0415
    from ingestion.blobs import open_blobs  # noqa: PLC0415
    from ingestion.catalog.build import database_of, open_catalog  # noqa: PLC0415

    settings = context.settings()
    open_catalog(settings).close()  # brings its tables up to date
    blobs = open_blobs(settings)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    shown = Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True)
    with closing(database_of(settings)) as database, shown:
        bars: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = shown.add_task(what, total=total or None)
            shown.update(bars[what], completed=done, total=total or None)

        if into:
            return back_up(database, blobs, folder, datetime.now(UTC), progress)
        return put_back(database, blobs, folder, progress)
