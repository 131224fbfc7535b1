"""Readers who search and ask all the time, and note what they are shown and how each request ended."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.integration.chaos.installation import READERS, Installation

LONGEST_S = 60.0
"""No request takes longer, whatever is broken."""
_ENDS = ("done", "error")
_FAULTS = frozenset({429, 502, 503, 504})
"""What a service may say that can't answer now."""


class Traffic:
    """Threads that search, and threads that ask for streams.

    Attributes:
        violations: what may never be: a passage that its reader may not see, a request that doesn't end, an unexpected
            error.
        ended: how requests ended, by kind, and how many passages were shown.

    Args:
        allowed: by path, who might read a file lately.
    """

    def __init__(self, at: Installation, allowed: Callable[[], Mapping[Path, frozenset[str]]], seed: int) -> None:
        self._at = at
        self._allowed = allowed
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.violations: list[str] = []
        self.ended: Counter[str] = Counter()
        work = (self._search, self._search, self._ask)
        self._threads = [
            threading.Thread(target=self._loop, args=(do, random.Random(f"{seed} {number}")))
            for number, do in enumerate(work)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; requests that are under way come to their end."""
        self._ending.set()
        for thread in self._threads:
            thread.join(2 * LONGEST_S)

    def _loop(self, do: Callable[[httpx.Client, random.Random], None], chance: random.Random) -> None:
        url = self._at.direct["api"]
        with httpx.Client(base_url=url, timeout=httpx.Timeout(LONGEST_S, connect=5), trust_env=False) as client:
            while not self._ending.wait(0.1):
                began = time.monotonic()
                with suppress(httpx.TransportError):  # as of a killed service; what can't end has timed out
                    do(client, chance)
                took = time.monotonic() - began
                if took > LONGEST_S:
                    self._violated(f"a request took {took:.0f} s")

    def _search(self, client: httpx.Client, chance: random.Random) -> None:
        reader, headers = self._somebody(chance)
        before = self._allowed()
        asked = {"query": f"rule about topic {chance.randrange(100)}", "limit": 50}
        answer = client.post("/v1/search", json=asked, headers=headers)
        self._note("search", answer.status_code)
        if answer.is_success:
            self._check(reader, answer.json()["hits"], before)

    def _ask(self, client: httpx.Client, chance: random.Random) -> None:
        reader, headers = self._somebody(chance)
        before = self._allowed()
        asked = {"question": f"What is rule {chance.randrange(100)} about?"}
        headers |= {"Accept": "text/event-stream"}
        with client.stream("POST", "/v1/answers", json=asked, headers=headers) as answer:
            self._note("answer", answer.status_code)
            if not answer.is_success:
                answer.read()
                return
            events = [line for line in answer.iter_lines() if line.startswith(("event: ", "data: "))]
        names = [line.removeprefix("event: ") for line in events if line.startswith("event: ")]
        ends = [name for name in names if name in _ENDS]
        self.ended[f"stream {ends[-1] if ends else 'without an end'}"] += 1
        if len(ends) != 1 or names[-1] not in _ENDS:
            self._violated(f"a stream ended with {names[-3:]}, which are {len(ends)} ends")
        for name, data in pairwise(events):
            if name == "event: sources":
                self._check(reader, orjson.loads(data.removeprefix("data: "))["sources"], before)

    def _somebody(self, chance: random.Random) -> tuple[str, dict[str, str]]:
        reader = chance.choice(sorted(READERS))
        return reader, {"Authorization": f"Bearer {self._at.keys[reader]}"}

    def _note(self, kind: str, status: int) -> None:
        self.ended[f"{kind} {status}"] += 1
        if status >= httpx.codes.BAD_REQUEST and status not in _FAULTS:
            self._violated(f"{kind}: {status}")

    def _check(self, reader: str, shown: list[dict[str, Any]], before: Mapping[Path, frozenset[str]]) -> None:
        """Hold what was shown against who might read it since the request began."""
        now = self._allowed()
        self.ended["passages shown"] += len(shown)
        for one in shown:
            path = Path(one["uri"].removeprefix("file://"))
            allowed = before.get(path, frozenset()) | now.get(path, frozenset())
            if not allowed & READERS[reader]:
                self._violated(f"{reader} was shown {path.name}, which is for {sorted(allowed)}")

    def _violated(self, what: str) -> None:
        with self._lock:
            self.violations.append(what)
        print("VIOLATION:", what, flush=True)
