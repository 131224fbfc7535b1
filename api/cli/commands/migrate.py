"""``footnote migrate``."""

from __future__ import annotations

import click

from api.cli import context
from api.cli.options import json_option, print_json
from core.errors import Conflict


@click.command(epilog="Example:  footnote migrate --check")
@click.option("--check", is_flag=True, help="Change nothing; the exit status is 1 where something is to be done.")
@json_option
def migrate(check: bool, as_json: bool) -> None:
    """Bring the catalog's schema up to date.

    Every process does that by itself when it starts; with environment = "production" none does, and this is run once
    before a new version starts. A catalog that a newer Footnote has changed is left as it is where this one can work
    with it, and refused otherwise.
    """
    from ingestion.catalog.build import database_of, open_catalog  # noqa: PLC0415 - --help can do without
    from ingestion.catalog.migrate import schema_state  # noqa: PLC0415

    settings = context.settings()
    if not check:
        open_catalog(settings, upgrade=True).close()
    database = database_of(settings)
    try:
        state = schema_state(database)
    finally:
        database.close()
    if as_json:
        print_json({"present": state.present, "latest": state.latest, "current": state.current, "newer": state.newer})
    elif state.newer:
        click.echo(f"A newer Footnote has brought the catalog's schema to {state.present}; this one can work with it.")
    elif state.current:
        click.echo(f"The catalog's schema is up to date, at {state.present}.")
    if check and not state.current:
        has = f"at {state.present}" if state.present else "not there yet"
        raise Conflict(f"The catalog's schema is {has}, this Footnote needs {state.latest}. Run:  footnote migrate")
