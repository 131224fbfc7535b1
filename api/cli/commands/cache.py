"""``footnote cache``."""

from __future__ import annotations

import asyncio

import click

from api.cli import context
from api.cli.options import json_option, print_json
from core.errors import Unavailable


@click.group()
def cache() -> None:
    """The answers that are kept to be given again."""


@cache.command("clear", epilog="Example:  footnote cache clear")
@json_option
def clear_(as_json: bool) -> None:
    """Forget all answers that are kept, of every reader."""
    import redis  # noqa: PLC0415 - --help can do without

    from generation.caching.store import clear  # noqa: PLC0415
    from ingestion.broker import cache_url  # noqa: PLC0415

    try:
        count = asyncio.run(clear(cache_url(context.settings())))
    except (redis.RedisError, OSError) as error:
        message = f"The answer cache doesn't answer ({type(error).__name__}): check cache.url, or run: footnote up."
        raise Unavailable(message) from error
    if as_json:
        print_json({"forgotten": count})
    else:
        click.echo(f"Forgotten: {count} entries.")
