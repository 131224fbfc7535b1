"""Which Footnote answers: the one that this folder's settings mean, or somebody else's on the same port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.supervisor.children import listener
from api.supervisor.layout import Layout, instance_of
from core.errors import Unavailable
from core.settings import Settings

if TYPE_CHECKING:
    import psutil

_ABOUT_A_CALL = frozenset({"api", "telemetry"})
"""Sections that say how a service is reached or watched, and nothing of what it holds."""
_ASK_S = 10.0


def check_instance(settings: Settings, layout: Layout, url: str) -> None:
    """Return when the service there may be asked, before it is sent a key.

    It is refused where the data directory, or a setting, means another one. Where nothing is set at all, whoever has
    the default port is asked, and the user is told who that is.

    Raises:
        Unavailable: it is another Footnote.
        StorageUnavailable: this user may not read the data directory.
    """
    told = _ask(url)
    wanted = None if settings.catalog.url else instance_of(layout.data_dir)
    if told is None or told.get("instance") == wanted:
        return
    found = f"{url}{_whose(url)}"
    if wanted is None and not settings.model_fields_set - _ABOUT_A_CALL:
        click.echo(f"Nothing is set up in this folder: asking the Footnote at {found}.", err=True)
        return
    raise Unavailable(
        f"What answers at {found} isn't the Footnote of these settings, whose data directory is {layout.data_dir}: "
        "start that with `footnote up`, or run the command where the other one's settings are."
    )


def _ask(url: str) -> dict[str, object] | None:
    """What /healthz says, nothing if it isn't Footnote's; None where nobody answers. Without the key."""
    import httpx  # noqa: PLC0415 - a sixth of a second that --help can do without

    try:
        said = httpx.get(f"{url}/healthz", timeout=_ASK_S, trust_env=False).json()
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _whose(url: str) -> str:
    """The process behind the address, as far as the system lets this user see it."""
    import psutil  # noqa: PLC0415

    host, _, port = url.removeprefix("http://").rpartition(":")
    process = listener(int(port)) if host in ("127.0.0.1", "[::1]", "localhost") else None
    if process is None:
        return ""
    try:
        return f" (process {process.pid}, data in {_data_dir(process)})"
    except psutil.Error:
        return f" (process {process.pid})"


def _data_dir(process: psutil.Process) -> str:
    return process.environ().get("FOOTNOTE_DATA_DIR") or f"{process.cwd()}/.footnote"
