"""Room on the disk of the data directory."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from core.errors import StorageUnavailable
from core.settings import Settings

LOW_BYTES = 16_000_000
"""Below this, one of those who write there (catalog, queue, index, blobs) is about to fail, or does already."""


def check_room(data_dir: Path) -> None:
    """Return when there is room to work with.

    Raises:
        StorageUnavailable: the disk is full, or nearly; or the folder can't be looked at.
    """
    try:
        free = shutil.disk_usage(data_dir).free
    except OSError as error:
        raise StorageUnavailable(f"data_dir {data_dir} can't be looked at: {error.strerror}.") from error
    if free < LOW_BYTES:
        raise StorageUnavailable(
            f"The disk of {data_dir} is full ({free / 1e6:.1f} MB left): free some space. Questions are answered "
            "meanwhile; documents wait, and go on by themselves."
        )


RESERVE_BYTES = 8_000_000
"""What content leaves free, so that on a full disk permissions and deletions can still be written."""


def check_reserve(settings: Settings) -> None:
    """Return when there is room for content.

    Raises:
        StorageUnavailable: what is left on the data directory's disk is for permissions and deletions.
    """
    if settings.catalog.url is not None and settings.blobs.url is not None and settings.index.kind != "embedded":
        return  # nothing is written there
    with suppress(OSError):
        free = shutil.disk_usage(settings.data_dir).free
        if free < RESERVE_BYTES:
            raise StorageUnavailable(
                f"The disk of {settings.data_dir} is full ({free / 1e6:.1f} MB left, which are kept for permissions "
                "and deletions): free some space. Documents wait, and go on by themselves."
            )
