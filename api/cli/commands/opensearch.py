"""``footnote opensearch``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from api.cli import context
from api.cli.options import json_option, print_json
from core.data_dir import in_data_dir, make_usable

if TYPE_CHECKING:
    from deploy.opensearch.node import Node

DEFAULT_PORT = 9200
DEFAULT_HEAP_MB = 512


@click.group()
def opensearch() -> None:
    """Run a real OpenSearch node with k-NN on this machine, without Docker. For laptops and tests.

    Use it with index.kind = "opensearch" (FOOTNOTE_INDEX__KIND=opensearch).
    """


@opensearch.command(epilog="Example:  footnote opensearch start && FOOTNOTE_INDEX__KIND=opensearch footnote up")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="Where it listens."
)
@click.option(
    "--heap-mb", type=click.IntRange(256), default=DEFAULT_HEAP_MB, show_default=True, help="Limit of the Java heap."
)
@json_option
def start(port: int, heap_mb: int, as_json: bool) -> None:
    """Start the node; it keeps running. The first start fetches 60 MB from Maven Central.

    Needs a Java Development Kit 17 or newer, and Maven: apt install default-jdk-headless maven
    """
    from rich.console import Console  # noqa: PLC0415

    node = _node(port, heap_mb)
    make_usable(node.home.parent)
    with Console(stderr=True, quiet=as_json).status("Starting OpenSearch") as display:
        node.install(display.update)
        node.start()
    if as_json:
        print_json({"url": node.url, "running": True})
    else:
        click.echo(f"OpenSearch is up at {node.url}; `footnote opensearch stop` stops it.")


@opensearch.command(epilog="Example:  footnote opensearch stop")
@json_option
def stop(as_json: bool) -> None:
    """Stop the node and wait until it has ended. Its data stays."""
    node = _node()
    was_running = node.running
    node.stop()
    if as_json:
        print_json({"stopped": was_running})
    else:
        click.echo("OpenSearch is down." if was_running else "OpenSearch wasn't running here.")


@opensearch.command(epilog="Example:  footnote opensearch status")
@json_option
def status(as_json: bool) -> None:
    """Say whether the node runs and where. Exits with status 1 when it doesn't."""
    node = _node()
    running = node.running
    if as_json:
        print_json({"running": running, "url": node.url if running else None})
    else:
        said = f"OpenSearch runs at {node.url}" if running else "OpenSearch isn't running here"
        click.echo(said + (f", log in {node.log_file}." if running else ": start it with `footnote opensearch start`."))
    if not running:
        raise click.exceptions.Exit(1)


def _node(port: int = DEFAULT_PORT, heap_mb: int = DEFAULT_HEAP_MB) -> Node:
    from api.supervisor.layout import Layout  # noqa: PLC0415
    from deploy.opensearch.node import Node  # noqa: PLC0415

    data_dir = Layout.of(context.settings()).data_dir
    folder = data_dir / "opensearch"
    with in_data_dir(data_dir), contextlib.suppress(FileNotFoundError):
        folder.stat()
    return Node(folder, port, heap_mb=heap_mb)
