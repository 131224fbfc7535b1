"""The work in the background of the service: warming up until it is warm, and writing down when keys were used."""

from __future__ import annotations

import anyio
import anyio.to_thread

from api.wiring import Services
from core.errors import FootnoteError
from core.logs import get_logger

log = get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 15.0
FLUSH_S = 60.0


class Warmth:
    """Loads what asking needs, trying again until it is there.

    Attributes:
        warm: whether everything that asking needs is loaded.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.warm = False

    async def run(self) -> None:
        """Warm up; returns when warm."""
        wait = FIRST_RETRY_S
        while not self.warm:
            try:
                # Abandoned on shutdown: loading a model can't be interrupted, and must not hold the process up.
                await anyio.to_thread.run_sync(self._services.warm_up, abandon_on_cancel=True)
                self.warm = True
                log.info("service.warm")
            except FootnoteError as error:
                log.warning("service.not_warm", reason=error.message, retry_in_s=wait)
                await anyio.sleep(wait)
                wait = min(2 * wait, LONGEST_RETRY_S)


async def keep_key_usage(services: Services) -> None:
    """Write down the configuration's keys at once, and each minute when keys were last used."""
    while True:
        await anyio.to_thread.run_sync(flush_keys, services)
        await anyio.sleep(FLUSH_S)


def flush_keys(services: Services) -> None:
    """Write down what the process knows of keys, if the catalog can be written now."""
    try:
        services.keys.get().flush()
    except FootnoteError as error:
        log.warning("keys.usage_not_written", reason=error.message)
