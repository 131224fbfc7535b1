"""A lease is extended for as long as its work goes on, whatever an extension meets."""

from __future__ import annotations

import threading

import pytest

from core.errors import StorageUnavailable
from ingestion.tasks.ownership import kept_alive


@pytest.mark.parametrize("failure", [StorageUnavailable("no connection"), RuntimeError("a bug")])
def test_an_extension_that_fails_does_not_end_the_heartbeat(failure: Exception) -> None:
    beats, again = [], threading.Event()

    def extend() -> None:
        beats.append(1)
        if len(beats) == 1:
            raise failure
        again.set()

    with kept_alive(extend, lease_s=0.03):
        assert again.wait(30)
