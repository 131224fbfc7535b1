"""``python -m api.serve``: one process of the HTTP service, with the settings of its environment."""

from __future__ import annotations

import ctypes
import os
import socket
import sys

import uvicorn

from api.app import create_app
from api.connections import guarded
from api.wiring import check_settings
from core.errors import ConfigurationError
from core.logs import configure_logs
from core.settings_source import load_settings
from core.telemetry import BUILD
from core.tracing import set_up_tracing
from core.version import footnote_version
from ingestion.catalog.build import check_catalog

SHUTDOWN_S = 10
"""How long open streams may go on after a request to stop."""


_ARENA_MAX, _ARENAS = -8, 2
"""glibc's M_ARENA_MAX, and what it is set to."""


def main() -> int:
    """Serve until told to stop; the exit status."""
    share_arenas()
    try:
        settings = load_settings()
        check_settings(settings)
        check_catalog(settings)
        set_up_tracing(settings.telemetry, "api")
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    configure_logs(settings.telemetry)
    BUILD.info({"version": footnote_version()})
    try:
        bound = _bind(settings.api.host, settings.api.port)
    except OSError as error:
        place = f"port {settings.api.port} of {settings.api.host}"
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        sys.stderr.write(f"Footnote can't serve on {place}: {reason}. Free it, or set api.port or api.host.\n")
        return 1
    config = uvicorn.Config(
        create_app(settings),
        http=guarded(settings.api),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[bound])
    return 0


def share_arenas() -> None:
    """Have threads take memory from the same few arenas, where the C library is glibc.

    It would give each thread an arena of its own, up to eight times the cores, and each would keep the most that the
    model ever needed in its thread.
    """
    if "MALLOC_ARENA_MAX" not in os.environ and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_ARENA_MAX, _ARENAS)


def _bind(host: str, port: int) -> socket.socket:
    """Take the port before anything is loaded: one that is in use is known at once, and said in our own words."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


if __name__ == "__main__":
    sys.exit(main())
