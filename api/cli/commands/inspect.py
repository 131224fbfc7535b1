"""``footnote inspect``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli import context
from api.cli.options import json_option, print_json, readable
from core.errors import InvalidRequest, NotFound, StorageUnavailable

if TYPE_CHECKING:
    from core.settings import Settings
    from ingestion.inspection.model import Inspection
    from ingestion.inspection.origin import Located

PAGES = 50


@click.command(epilog="Example:  footnote inspect ~/handbook/travel-policy.pdf --html travel-policy.html")
@click.argument("file", metavar="FILE")
@click.option("--html", metavar="OUT", help="Write all of it to this file: pages, boxes, chunks, windows.")
@click.option("--pages", type=click.IntRange(0), default=PAGES, show_default=True, help="Page images in the HTML.")
@click.option(
    "--source", help="Read FILE by this folder source: its id, its name, or a file with a configuration (YAML, JSON)."
)
@json_option
def inspect(*, file: str, html: str | None, pages: int, source: str | None, as_json: bool) -> None:
    """Show what Footnote sees in FILE: its text, what was left out and why, its facts and who says so, its chunks.

    FILE is read as ingestion would read it, by the rules and sidecars of the folder source that holds it. Nothing has
    to run, and nothing is taken in. A file that ingestion would refuse is refused with the same reason.
    """
    from rich.console import Console  # noqa: PLC0415

    from ingestion.inspection.build import open_inspector  # noqa: PLC0415
    from ingestion.inspection.origin import locate  # noqa: PLC0415

    settings = context.settings()
    target = _target(html)
    console = Console(stderr=True, quiet=as_json)
    configs = _configs(settings, source, console)
    located = locate(Path(readable(file, "The path")), configs, settings)
    if source is not None and not _is_in(located, configs[0]):
        raise InvalidRequest(f"{file} is not a document of --source {source}, which is {configs[0]['path']}.")
    with console.status(f"Reading {located.external_id}"), open_inspector(settings) as inspector:
        inspection = inspector.inspect(located)
    if target is not None:
        from ingestion.inspection.report import to_html  # noqa: PLC0415

        _write(target, to_html(inspection, *_render(inspection, located, settings, pages, console)))
    if as_json:
        print_json(inspection.to_json())
        return
    from api.cli.inspection import show  # noqa: PLC0415

    show(inspection, Console(soft_wrap=False))
    if target is not None:
        click.echo(f"\nWritten to {target}.")


def _target(html: str | None) -> Path | None:
    """Where the report goes.

    Raises:
        InvalidRequest: it can't be there.
    """
    if html is None:
        return None
    target = Path(readable(html, "--html")).expanduser()
    if target.is_dir() or not target.parent.is_dir():
        raise InvalidRequest(f"--html {html} can't be written: name a file in a folder that is there.")
    return target


def _configs(settings: Settings, named: str | None, console: Any) -> list[Mapping[str, Any]]:
    """The configurations of folder sources to look for the file in: the one that was named, or all that are set up."""
    if named is not None:
        path = Path(readable(named, "--source")).expanduser()
        return [_read_config(path) if path.is_file() else _config_of(settings, named)]
    from ingestion.inspection.build import folder_sources  # noqa: PLC0415

    try:
        return [source.config for source in folder_sources(settings)]
    except StorageUnavailable as error:
        console.print(f"The rules of sources aren't known: {error.message}", markup=False, highlight=False)
        return []


def _is_in(located: Located, config: Mapping[str, Any]) -> bool:
    from ingestion.inspection.origin import root_of  # noqa: PLC0415

    return located.source == str(root_of(config))


def _config_of(settings: Settings, named: str) -> Mapping[str, Any]:
    from ingestion.inspection.build import folder_sources  # noqa: PLC0415

    for source in folder_sources(settings):
        if named in (source.id, source.name):
            return source.config
    raise NotFound(
        f"--source {named} is neither a file nor the id or the name of a folder source: `footnote sources list` shows "
        "them."
    )


def _read_config(path: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except OSError as error:
        raise InvalidRequest(f"--source {path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"--source {path} isn't UTF-8.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidRequest(f"--source {path} is neither YAML nor JSON: {' '.join(str(error).split())}.") from None
    if not isinstance(config, dict) or "path" not in config:
        raise InvalidRequest(f"--source {path} must be a folder source's configuration, as 'path: /srv/files'.")
    return config


def _render(
    inspection: Inspection, located: Located, settings: Settings, most: int, console: Any
) -> tuple[dict[int, bytes], list[str]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    from ingestion.inspection.report import page_images  # noqa: PLC0415
    from ingestion.page_images.renderer import PageRenderer  # noqa: PLC0415

    renderer = PageRenderer([password.get_secret_value() for password in settings.parsing.pdf_passwords])
    columns = (TextColumn("Rendering pages"), BarColumn(), MofNCompleteColumn())
    total = min(most, len(inspection.document.pages))
    with closing(renderer), Progress(*columns, console=console, transient=True, disable=not total) as progress:
        bar = progress.add_task("", total=total)
        content = located.content()
        return page_images(inspection, content, renderer, most, lambda done: progress.update(bar, completed=done))


def _write(target: Path, html: str) -> None:
    try:
        target.write_text(html, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"--html {target} can't be written: {error.strerror}.") from error
