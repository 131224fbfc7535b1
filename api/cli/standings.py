"""How sources stand, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from api.cli.commands.ingest import counted

_PLANNED = {
    "new": "new",
    "changed": "changed",
    "permissions": "with other permissions or metadata only",
    "deleted": "deleted",
    "unreadable": "unreadable, and hidden as long as they are",
}


def standing_lines(source: dict[str, Any]) -> Iterator[str]:
    """What a source holds, what goes on, and when it was and will be synced."""
    documents = ", ".join(f"{count} {state}" for state, count in sorted(source["documents"].items())) or "none"
    weight = f"; weight {source['weight']}" if source["weight"] != 1 else ""
    yield f"documents: {documents}; {source['passages']} passages{weight}"
    if source["paused_at"]:
        yield f"paused since {moment(source['paused_at'])}: `footnote sources resume` lets it go on"
    if waits := source["waits"]:
        since, until = moment(waits["since"]), moment(waits["until"])
        yield f"doesn't answer since {since}, tried again at {until}: {waits['reason']}"
    for run in source["active"]:
        yield _going(run)
    yield _last(source["last_sync"])
    if source["lag_s"] is not None:
        yield f"everything from before {moment(source['last_success_at'])} is known"
    if source["next_sync_at"]:
        yield f"next sync: {moment(source['next_sync_at'])}"


def plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    """What a dry run found."""
    for kind, said in _PLANNED.items():
        found = plan[kind]
        yield f"{found['count']} {said}"
        yield from (f"    {name}" for name in found["first"])
        if found["count"] > len(found["first"]) > 0:
            yield f"    ... and {found['count'] - len(found['first'])} more"
    yield f"{plan['unchanged']['count']} unchanged"
    if plan["refused"]:
        yield "So many deletions would be refused: `footnote sources sync SOURCE --confirm-delete` lets them be."


def moment(iso: str) -> str:
    """A time as people write it, in UTC."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"


def _going(run: dict[str, Any]) -> str:
    left = f", {timedelta(seconds=round(run['eta_s']))} left" if run["eta_s"] else ""
    rate = f" at {run['rate']:.2g} documents a second" if run["rate"] else ""
    waits = f"; waits: {run['waiting']}" if run["waiting"] else ""
    going = f"{run['kind']} {run['phase'] or run['state']}: {counted(run)}; {run['open']} on their way"
    return f"{going}{rate}{left}{waits}"


def _last(run: dict[str, Any] | None) -> str:
    if run is None:
        return "never synced"
    why = f": {run['error']}" if run["error"] else ""
    return f"last sync: {run['state']}, begun {moment(run['started_at'])}; {counted(run)}{why}"
