"""``python -m api.serve``: one process of the HTTP service, with the settings of its environment."""

from __future__ import annotations

import sys

import uvicorn

from api.app import create_app
from core.errors import ConfigurationError
from core.logs import configure_logs
from core.settings_source import load_settings

SHUTDOWN_S = 10
"""How long open streams may go on after a request to stop."""


def main() -> int:
    """Serve until told to stop; the exit status."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    configure_logs(settings.telemetry)
    uvicorn.run(
        create_app(settings),
        host=settings.api.host,
        port=settings.api.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        proxy_headers=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
