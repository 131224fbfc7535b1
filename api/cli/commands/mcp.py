"""``footnote mcp``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import click

from api.cli import context
from api.cli.options import json_option, print_json

if TYPE_CHECKING:
    from api.client import AsyncFootnote

KEY_VARIABLE, URL_VARIABLE = "FOOTNOTE_KEY", "FOOTNOTE_URL"


@click.command(epilog="Example:  FOOTNOTE_KEY=fn_... footnote mcp --url https://footnote.example.com")
@click.option("--url", help=f"The service; default: ${URL_VARIABLE}, else the one of this machine.")
@json_option
def mcp(url: str | None, as_json: bool) -> None:
    """Serve the Model Context Protocol on standard input and output, for an assistant that starts commands.

    It asks the service with the API key in FOOTNOTE_KEY, and finds what that key may read. Without a key it finds what
    is public: this machine's administrator key isn't used. --json prints an assistant's configuration instead.
    """
    url = url or os.environ.get(URL_VARIABLE) or context.url_of(context.settings())
    if as_json:
        variables = {URL_VARIABLE: url, KEY_VARIABLE: "fn_..."}
        print_json({"mcpServers": {"footnote": {"command": "footnote", "args": ["mcp"], "env": variables}}})
        return
    from api.client import AsyncFootnote  # noqa: PLC0415
    from api.mcp.server import build_server  # noqa: PLC0415

    @asynccontextmanager
    async def client_of(_: Any) -> AsyncIterator[AsyncFootnote]:
        async with AsyncFootnote(url, os.environ.get(KEY_VARIABLE) or None) as footnote:
            yield footnote

    build_server(client_of, version("footnote")).run("stdio")
