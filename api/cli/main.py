"""The entry point, and the list of commands with where each is found."""

from __future__ import annotations

import importlib
import sys

import click

from core.errors import FootnoteError

COMMANDS = {
    "up": ("api.cli.commands.stack", "Start Footnote on this machine."),
    "down": ("api.cli.commands.stack", "Stop it."),
    "status": ("api.cli.commands.stack", "Show what is running, its memory and its health."),
    "ingest": ("api.cli.commands.ingest", "Take in folders and files, and keep them in sync."),
    "ask": ("api.cli.commands.ask", "Ask a question; the answer has footnotes."),
    "conversations": ("api.cli.commands.conversations", "List, show, export and delete your conversations."),
    "search": ("api.cli.commands.search", "Show the passages that a question finds, with ranks and scores."),
    "why": ("api.cli.commands.why", "Say why a question finds a document, or does not."),
    "mcp": ("api.cli.commands.mcp", "Serve assistants that speak the Model Context Protocol."),
    "sources": ("api.cli.commands.sources", "Add, list, check, sync and remove sources."),
    "index": ("api.cli.commands.index", "Build the search index anew beside the old one, swap it in, roll back."),
    "failures": ("api.cli.commands.failures", "List and retry documents that couldn't be taken in."),
    "outdated": ("api.cli.commands.outdated", "List the documents that readers say are outdated."),
    "reviews": ("api.cli.commands.reviews", "Have people review answers, and collect what they find."),
    "inspect": ("api.cli.commands.inspect", "Show what Footnote sees in a file: text, boxes, facts, chunks."),
    "cache": ("api.cli.commands.cache", "Forget the answers that are kept."),
    "keys": ("api.cli.commands.keys", "Create, rotate, list and revoke API keys."),
    "migrate": ("api.cli.commands.migrate", "Bring the catalog's schema up to date, before a new version starts."),
    "usage": ("api.cli.commands.usage", "Show who used how much of the language model, and its cost."),
    "audit": ("api.cli.commands.audit", "Show what administrators did, and when."),
    "canary": ("api.cli.commands.canary", "Show how a candidate stands beside what is set, and take it back."),
    "backup": ("api.cli.commands.backup", "Write the catalog and the originals into a folder."),
    "restore": ("api.cli.commands.backup", "Put a backup into an empty catalog and blob store."),
    "plan": ("api.cli.commands.plan", "What an installation needs and costs, before there is one."),
    "doctor": ("api.cli.commands.doctor", "Look at what is needed on this machine, and what is missing."),
    "opensearch": ("api.cli.commands.opensearch", "Run a local OpenSearch node without Docker."),
    "train": ("eval.cli.train", "Train a reranker on your own text, and promote it only through the gate."),
    "eval": ("eval.cli.main", "Measure retrieval, compare runs, gate changes."),  # only named: api imports no eval
    "bench": ("eval.cli.bench", "Measure speed at scale, and beside other libraries."),
}


# click names the arguments of these methods.
# ruff: noqa: ARG002


class _LazyGroup(click.Group):
    """Knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Begin with:  footnote up, then footnote ingest FOLDER, then footnote ask 'QUESTION'",
)
@click.version_option(package_name="footnote", message="footnote %(version)s")
def cli() -> None:
    """Answers from your company's own documents, every claim with a footnote you can open.

    Settings come from footnote.toml in the working directory and from FOOTNOTE_ environment variables.
    """


def main() -> None:
    """Run the command line; an error of ours becomes one message on standard error and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that can't show a character of a document must not end the answer.
            stream.reconfigure(errors="replace")
    try:
        cli(prog_name="footnote")
    except FootnoteError as error:
        click.echo(f"Error: {error.told_operators}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
