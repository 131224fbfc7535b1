"""The supervisor process: ``python -m api.supervisor``, started by ``footnote up``."""

from __future__ import annotations

import os
import signal
import sys

from api.supervisor.admin_key import ensure_admin_key
from api.supervisor.children import children_of, choose_port, reachable
from api.supervisor.layout import Layout, StackState, exclusive
from api.supervisor.supervisor import Supervisor, end_leftovers
from api.wiring import check_settings
from core.clock import SystemClock
from core.data_dir import in_data_dir
from core.errors import FootnoteError
from core.logs import configure_logs, get_logger
from core.settings import Settings
from core.settings_source import load_settings

log = get_logger(__name__)


def supervise(settings: Settings) -> int:
    """Run the stack until told to stop; returns the exit status."""
    layout = Layout.of(settings)
    layout.make()
    with exclusive(layout.lock_file) as mine:
        if not mine:
            log.error("already running", data_dir=str(layout.data_dir))
            return 1
        # Before anything of theirs is needed: they have the port, the queue's socket and the index.
        if ended := end_leftovers(layout):
            log.warning("leftovers ended", pids=ended)
        state = StackState(os.getpid(), "", SystemClock().now().isoformat(timespec="seconds"))
        try:
            supervisor = _prepare(settings, layout, state)
        except FootnoteError as error:
            state.phase, state.error = "failed", error.message
            with in_data_dir(layout.data_dir):
                state.write(layout.state_file)
            return 1
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, supervisor.handle_signal)
        supervisor.run()
    return 0


def _prepare(settings: Settings, layout: Layout, state: StackState) -> Supervisor:
    check_settings(settings)  # before a process is started that would end over them
    port, host = choose_port(settings), reachable(settings.api.host)
    state.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with in_data_dir(layout.data_dir):
        state.write(layout.state_file)
    ensure_admin_key(settings, layout)
    return Supervisor(children_of(settings, layout, port), layout, state)


def main() -> int:
    """Read the settings and run; see :func:`supervise`. What stops it is the last that it says."""
    try:
        settings = load_settings()
        configure_logs(settings.telemetry)
        return supervise(settings)
    except FootnoteError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
