"""``footnote conversations``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli import context
from api.cli.options import Reader, json_option, print_json, reader_options, say
from core.errors import InvalidRequest


@click.group()
def conversations() -> None:
    """List, show, export and delete the questions and answers that are kept for you."""


@conversations.command("list", epilog="Example:  footnote conversations list --search leave --as ida")
@click.option("--search", default="", help="Only those with this in their title or a question.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many.")
@reader_options
@json_option
def list_(search: str, limit: int, reader: Reader, as_json: bool) -> None:
    """List your conversations, the latest first, each with its id."""
    found = context.client(reader).request("GET", "/v1/conversations", q=search or None, limit=limit)
    if as_json:
        print_json(found)
        return
    for one in found["conversations"]:
        say(f"{one['id']}  {one['updated_at'][:16].replace('T', ' ')}  {one['title']}")
    left = found["total"] - len(found["conversations"])
    if left > 0:
        click.echo(f"... and {left} more: --limit shows them.")
    if not found["kept"]:
        click.echo("None are kept: Footnote is set up so, or you have neither a name nor a key.")
    elif not found["total"]:
        click.echo("No conversations.")


@conversations.command(epilog="Example:  footnote conversations show 3f2a90c1b7de4c52a1f0b8e6d4c7a915")
@click.argument("conversation")
@reader_options
@json_option
def show(conversation: str, reader: Reader, as_json: bool) -> None:
    """Show CONVERSATION (an id, or `latest`) with what you may read of it now."""
    found = _detail(conversation, reader)
    if as_json:
        print_json(found)
    else:
        say(_markdown(found), nl=False)


@conversations.command(epilog="Example:  footnote conversations export latest --to leave.md")
@click.argument("conversation")
@click.option("--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="A file; else it is printed.")
@reader_options
@json_option
def export(conversation: str, form: str, to: Path | None, reader: Reader, as_json: bool) -> None:
    """Export CONVERSATION (an id, or `latest`): Markdown with footnotes, or JSON with citations (also by --json)."""
    found = _detail(conversation, reader)
    if to is None:
        if as_json or form == "json":
            print_json(found)
        else:
            say(_markdown(found), nl=False)
        return
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(_json(found) if as_json or form == "json" else _markdown(found))
    except FileExistsError:
        raise InvalidRequest(f"{to} is there already: name another file with --to.") from None
    except OSError as error:
        raise InvalidRequest(f"{to} can't be written: {error.strerror}.") from None
    click.echo(f"Wrote {to}.")


@conversations.command(epilog="Example:  footnote conversations delete 3f2a90c1b7de4c52a1f0b8e6d4c7a915")
@click.argument("conversation", required=False)
@click.option("--all", "everything", is_flag=True, help="All of yours.")
@reader_options
@json_option
def delete(conversation: str | None, everything: bool, reader: Reader, as_json: bool) -> None:
    """Delete CONVERSATION (its id), or all of yours, with what was said of their answers."""
    if everything == (conversation is not None):
        raise click.UsageError("Name a conversation, or give --all.")
    gone = context.client(reader).request("DELETE", "/v1/conversations" + ("" if everything else f"/{conversation}"))
    if as_json:
        print_json(gone)
    else:
        click.echo("Deleted 1 conversation." if gone["deleted"] == 1 else f"Deleted {gone['deleted']} conversations.")


def latest_id(client: Any) -> str:
    """The id of the reader's latest conversation.

    Raises:
        InvalidRequest: there is none.
    """
    found = client.request("GET", "/v1/conversations", limit=1)["conversations"]
    if not found:
        raise InvalidRequest("There is no conversation to go on with: ask without --continue first.")
    return str(found[0]["id"])


def _detail(conversation: str, reader: Reader) -> Any:
    client = context.client(reader)
    return client.request("GET", f"/v1/conversations/{latest_id(client) if conversation == 'latest' else conversation}")


def _markdown(found: Any) -> str:
    from api.conversations.markdown import markdown_of  # noqa: PLC0415 - pydantic, which --help can do without
    from api.schemas.conversations import ConversationDetail  # noqa: PLC0415

    return markdown_of(ConversationDetail.model_validate(found))


def _json(found: Any) -> str:
    import orjson  # noqa: PLC0415

    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"
