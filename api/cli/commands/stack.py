"""``footnote up``, ``down`` and ``status``."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import click

from api.cli import context
from api.cli.client import Client
from api.cli.options import json_option, print_json, say
from api.cli.standings import standing_lines
from api.supervisor import control
from api.supervisor.layout import Layout, StackState, is_up
from core.errors import FootnoteError, NotAuthenticated, Unavailable

if TYPE_CHECKING:
    from core.settings import Settings

PATIENCE_S = 10.0
"""How long `footnote up` waits for something that is down before it says so."""


@click.command(epilog="Example:  footnote up && footnote ingest ~/handbook")
@click.option("--foreground", is_flag=True, help="Stay attached; Ctrl-C stops everything.")
@json_option
def up(foreground: bool, as_json: bool) -> None:
    """Start Footnote on this machine: the queue, the worker and the service with its page.

    It keeps running after the command ends, and restarts a process that dies. Stop it with `footnote down`. When
    something that it needs is down, such as OpenSearch, it stays up and waits for that; the exit status is 1 then.
    """
    settings = context.settings()
    layout = Layout.of(settings)
    if is_up(layout):
        _renew_admin_key(settings, layout)
        _say_up(layout, as_json, already=True)
        return
    supervisor = control.launch(layout)
    try:
        _wait(settings, layout, supervisor, quiet=as_json)
    except _UpButNotReady as error:
        if not foreground:
            raise
        click.echo(f"{error.message}", err=True)
    except (FootnoteError, KeyboardInterrupt):
        _end(supervisor)
        raise
    _say_up(layout, as_json, already=False)
    if foreground:
        _attend(supervisor)


def _renew_admin_key(settings: Settings, layout: Layout) -> None:
    """Replace the key in ``admin.key`` if the running service refuses it."""
    from api.supervisor.admin_key import ensure_admin_key, read_admin_key  # noqa: PLC0415

    key = read_admin_key(layout)
    try:
        if key is not None:
            Client(control.service_url(settings, layout), key).request("GET", "/v1/me")
            return
    except NotAuthenticated:
        click.echo(f"The service refuses the key in {layout.admin_key_file}: a new one takes its place.", err=True)
    except FootnoteError:
        return  # it can't tell now, and says so to whatever is asked of it
    ensure_admin_key(settings, layout)


class _UpButNotReady(Unavailable):
    """Every process runs, and something that isn't ours to start is down."""


class _Patience:
    """Asks a service what it waits for, and stops waiting for what is down and not merely starting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._down_since: float | None = None

    def __call__(self, url: str) -> str | None:
        state = context.client_of(self._settings, url).readiness()
        if state is None:
            return "the service"
        if state["ready"]:
            return None
        required = [one for one in state["dependencies"].values() if one["required"]]
        if not any(one["state"] == "down" for one in required):
            self._down_since = None
        elif self._down_since is None:
            self._down_since = time.monotonic()
        elif time.monotonic() > self._down_since + PATIENCE_S:
            raise _UpButNotReady(
                f"Footnote is up at {url}, but can't answer yet: {_unready(state)} It goes on by itself once that is "
                "put right; `footnote status` shows how it stands, `footnote down` stops it."
            )
        return f"the service ({_unready(state)})"


def _wait(settings: Settings, layout: Layout, supervisor: subprocess.Popen[bytes], *, quiet: bool) -> None:
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True, quiet=quiet).status("Starting Footnote") as display:
        control.wait_until_ready(
            layout, supervisor, _Patience(settings), lambda what: display.update(f"Starting Footnote: {what}")
        )


def _unready(state: dict[str, Any]) -> str:
    """What the service waits for, of what it can't do without."""
    faults = [
        f"{name} {said}"
        for name, said in _dependencies(state).items()
        if state["dependencies"][name]["required"] and not said.startswith("ok")
    ]
    return "; ".join(faults)


def _dependencies(state: dict[str, Any]) -> dict[str, str]:
    """Each dependency that /readyz names, with its state and what there is to say of it."""
    return {name: _said(one) for name, one in state["dependencies"].items()}


def _said(dependency: dict[str, Any]) -> str:
    # While the catalog is down, no key can be verified, and nobody is told more than the states.
    unsaid = "the service's log says why" if dependency["state"] == "down" else None
    detail = dependency.get("detail") or unsaid
    return f"{dependency['state']}: {detail}" if detail else str(dependency["state"])


def _say_up(layout: Layout, as_json: bool, *, already: bool) -> None:
    state = StackState.read(layout.state_file)
    if state is None:
        raise Unavailable(
            f"A supervisor runs, but {layout.state_file} can't be read: `footnote down`, then `footnote up`."
        )
    if as_json:
        print_json({"url": state.url, "already_up": already, "data_dir": str(layout.data_dir)})
        return
    click.echo(f"Footnote is {'already ' if already else ''}up at {state.url}")
    click.echo(f"Its data and logs are in {layout.data_dir}; `footnote down` stops it.")


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    """Stop a supervisor that never became ready, so that the next try starts clean."""
    supervisor.terminate()
    try:
        supervisor.wait(control.STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()


def _attend(supervisor: subprocess.Popen[bytes]) -> None:
    def pass_on(signum: int, _: object) -> None:
        supervisor.send_signal(signum)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    if supervisor.wait() != 0:
        raise Unavailable("Footnote's supervisor ended with an error: see `footnote status` and its log.")


@click.command(epilog="Example:  footnote down")
@json_option
def down(as_json: bool) -> None:
    """Stop the service, the worker and the queue, in this order, and wait until they have ended.

    Nothing is lost: documents, the index and tasks that wait are all on disk.
    """
    from rich.console import Console  # noqa: PLC0415

    layout = Layout.of(context.settings())
    with Console(stderr=True, quiet=as_json).status("Stopping Footnote") as display:
        stopped = control.stop(layout, lambda what: display.update(f"Stopping Footnote: {what}"))
        left = [] if stopped else control.tidy(layout)
    if as_json:
        print_json({"stopped": stopped or bool(left)})
    elif left:
        pids = ", ".join(map(str, left))
        click.echo(f"Footnote's supervisor had been killed. What it left is ended now (process {pids}).")
    else:
        click.echo("Footnote is down." if stopped else "Footnote wasn't running here.")


@click.command(epilog="Example:  footnote status --json")
@json_option
def status(as_json: bool) -> None:
    """Show each process with its memory, the service's own view of what it depends on, and how the sources stand.

    Exits with status 1 when Footnote isn't running or isn't ready.
    """
    layout = Layout.of(context.settings())
    stack = control.describe(layout)
    if stack is None and (left := control.leftover_pids(layout)):
        raise Unavailable(
            f"Footnote's supervisor was killed and left {len(left)} processes behind: `footnote up` ends them and "
            "starts anew, `footnote down` ends them."
        )
    client = context.client()
    ready = client.readiness()
    sources = _sources(client) if ready is not None else []
    if as_json:
        print_json({"running": stack is not None, "stack": stack, "readiness": ready, "sources": sources})
    elif stack is not None:
        _show(stack)
    if stack is None and ready is None:
        raise Unavailable("Footnote isn't running here: start it with `footnote up`.")
    if ready is None:
        raise Unavailable(f"The service doesn't answer: read {layout.log_of('api')}.")
    if not as_json:
        for name, said in _dependencies(ready).items():
            click.echo(f"{name:<12} {said}")
        for source in sources:
            say(f"{source['name']}")
            for line in standing_lines(source):
                say(f"    {line}")
    if not ready["ready"]:
        raise Unavailable(f"The service isn't ready: {_unready(ready)}.")


def _sources(client: Client) -> list[dict[str, Any]]:
    """How the sources stand; none for somebody who may not know, or while the catalog is down: readiness says that."""
    try:
        return list(client.request("GET", "/v1/sources")["sources"])
    except FootnoteError:
        return []


def _show(stack: dict[str, Any]) -> None:
    click.echo(f"Footnote at {stack['url']}, up since {stack['started_at']}")
    for process in stack["processes"]:
        again = f", restarted {process['restarts']} times ({process['last_exit']})" if process["restarts"] else ""
        megabytes = process["memory_bytes"] / 1e6
        click.echo(f"{process['name']:<12} {process['state']:<9} {megabytes:7.0f} MB  pid {process['pid']}{again}")
    total = sum(process["memory_bytes"] for process in stack["processes"])
    click.echo(f"{'total':<12} {'':<9} {total / 1e6:7.0f} MB")
