"""Builds the demo's database of support tickets: ``python -m deploy.demo.tickets FILE``."""

from __future__ import annotations

import csv
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

ROWS = Path(__file__).parent / "sources" / "tickets" / "tickets.csv"


def build(target: Path) -> int:
    """Write the tickets into an SQLite file, in place of what was there; how many there are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    with ROWS.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    with closing(sqlite3.connect(partial)) as connection, connection:
        columns = ", ".join(f"{name} INTEGER PRIMARY KEY" if name == "number" else f"{name} TEXT" for name in names)
        connection.execute(f"CREATE TABLE tickets ({columns})")
        connection.executemany(f"INSERT INTO tickets VALUES ({', '.join('?' * len(names))})", rows)  # noqa: S608
        connection.execute("CREATE INDEX tickets_closed ON tickets (closed)")
    os.replace(partial, target)  # noqa: PTH105 - the one call that replaces atomically on every system
    return len(rows)


if __name__ == "__main__":
    count = build(Path(sys.argv[1]))
    sys.stdout.write(f"Wrote {count} tickets into {sys.argv[1]}.\n")
