"""What can go wrong with an installation. Each fault is done, lasts some seconds, and is undone, if it isn't a kill."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import psutil
import redis
from sqlalchemy import create_engine, text

from tests.integration.chaos.installation import Installation
from tests.integration.chaos.network import Mode
from tests.integration.chaos.services import PostgreSQL, wait_for

PROCESSES = ("api", "worker", "lister", "broker", "index", "catalog", "blobs")
CHILDREN = {"parser": "worker", "beat": "lister"}
"""Processes of another process."""
LINKS = ("catalog", "broker", "index", "blobs", "embedder", "llm")
_LEASES = ("claimed_until", "lease_until", "not_before", "until", "due_at")
"""Columns that clocks are compared with."""
_DEADLINE_S = 300


def _children(at: Installation, name: str) -> list[psutil.Process]:
    parent = CHILDREN[name]
    found = []
    for pid in at.services[parent].pids()[1:]:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            is_parser = any("ingestion.partitioning.sandbox.child" in part for part in process.cmdline())
            if is_parser == (name == "parser"):
                found.append(process)
    return found


@dataclass(frozen=True)
class Kill:
    """kill -9."""

    who: str

    def do(self, at: Installation) -> None:
        """Kill it as soon as it is there."""
        if self.who in CHILDREN:
            for process in _children(at, self.who)[:1]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            return
        wait_for(lambda: bool(at.services[self.who].pids()), self.who, _DEADLINE_S)
        at.services[self.who].kill()

    def undo(self, at: Installation) -> None:
        """Whoever watches over it starts it again."""


@dataclass(frozen=True)
class Freeze:
    """SIGSTOP, and SIGCONT."""

    who: str

    def do(self, at: Installation) -> None:
        """Freeze it and its children."""
        self._signal(at, signal.SIGSTOP)

    def undo(self, at: Installation) -> None:
        """Let it go on."""
        self._signal(at, signal.SIGCONT)

    def _signal(self, at: Installation, number: signal.Signals) -> None:
        if self.who not in CHILDREN:
            at.services[self.who].signal(number)
            return
        for process in _children(at, self.who):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@dataclass(frozen=True)
class Network:
    """A link that is cut, slow, silent, or answers with errors."""

    link: str
    mode: Mode

    def do(self, at: Installation) -> None:
        """Spoil it."""
        at.links[self.link].set(self.mode)

    def undo(self, at: Installation) -> None:
        """Mend it."""
        at.links[self.link].set("well")


@dataclass(frozen=True)
class FullDisk:
    """A file system without a free block."""

    disk: str

    def do(self, at: Installation) -> None:
        """Fill it."""
        at.disks[self.disk].fill()

    def undo(self, at: Installation) -> None:
        """Make room."""
        at.disks[self.disk].make_room()


@dataclass(frozen=True)
class Index:
    """A state of OpenSearch, put there through its API and taken back."""

    bad: dict[str, object] = field(hash=False)
    good: dict[str, object] = field(hash=False)
    path: str = "/_all/_settings"
    drop_primary: bool = False

    def do(self, at: Installation) -> None:
        """Put it there."""
        with suppress(httpx.TransportError):  # it is down already
            httpx.put(at.direct["index"] + self.path, json=self.bad, timeout=30, trust_env=False)
            if self.drop_primary:
                _drop_primaries(at.direct["index"])

    def undo(self, at: Installation) -> None:
        """Take it back, as soon as it answers."""

        def told() -> bool:
            try:
                answer = httpx.put(at.direct["index"] + self.path, json=self.good, timeout=30, trust_env=False)
                if answer.is_success and self.drop_primary:
                    # What was cancelled often in a row isn't tried again by itself.
                    answer = httpx.post(
                        f"{at.direct['index']}/_cluster/reroute?retry_failed=true", timeout=30, trust_env=False
                    )
            except httpx.TransportError:
                return False
            return answer.is_success

        wait_for(told, "OpenSearch", _DEADLINE_S)


def _drop_primaries(url: str) -> None:
    """With allocation off, a primary that is cancelled stays unassigned: red."""
    shards = httpx.get(f"{url}/_cat/shards?format=json", timeout=30, trust_env=False).json()
    for one in shards:
        if one["prirep"] == "p" and one.get("node"):
            place = {"index": one["index"], "shard": int(one["shard"]), "node": one["node"], "allow_primary": True}
            commands = {"commands": [{"cancel": place}]}
            httpx.post(f"{url}/_cluster/reroute", json=commands, timeout=30, trust_env=False)


@dataclass(frozen=True)
class ForgetfulBroker:
    """FLUSHALL: every message is gone."""

    def do(self, at: Installation) -> None:
        """Flush it."""
        with suppress(redis.RedisError):  # it is down already
            redis.Redis.from_url(at.direct["broker"].replace("http", "redis"), socket_timeout=5).flushall()

    def undo(self, at: Installation) -> None:
        """Nothing brings messages back but the catalog."""


@dataclass(frozen=True)
class RestartedCatalog:
    """PostgreSQL ends in order, as for an update, and starts again: every connection breaks."""

    def do(self, at: Installation) -> None:
        """Stop it."""
        service = at.services["catalog"]
        assert isinstance(service, PostgreSQL)
        service.stop()

    def undo(self, at: Installation) -> None:
        """Whoever watches over it starts it again."""


@dataclass(frozen=True)
class ClockJump:
    """The workers' clocks jump: every lease, delay and date that is due moves the other way.

    Attributes:
        seconds: forward; negative: back.
    """

    seconds: int

    def do(self, at: Installation) -> None:
        """Move what clocks are compared with."""
        engine = create_engine(at.direct["catalog"], connect_args={"connect_timeout": 10})
        with suppress(Exception), engine.begin() as connection:  # it is down already
            for table, column in _dated(connection):
                moved = f'"{column}" - make_interval(secs => {self.seconds})'
                connection.execute(text(f'UPDATE "{table}" SET "{column}" = {moved} WHERE "{column}" IS NOT NULL'))
        engine.dispose()

    def undo(self, at: Installation) -> None:
        """Clocks that have jumped stay where they are."""


def _dated(connection: object) -> list[tuple[str, str]]:
    found = connection.execute(  # type: ignore[attr-defined]
        text(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND column_name = ANY(:names)"
        ),
        {"names": list(_LEASES)},
    )
    return [(row.table_name, row.column_name) for row in found]


Fault = Kill | Freeze | Network | FullDisk | Index | ForgetfulBroker | RestartedCatalog | ClockJump
_NO_BLOCK: dict[str, object] = {"index.blocks.read_only_allow_delete": None}


def every(at: Installation) -> list[tuple[str, Fault]]:
    """Every fault that can be had here, by name."""
    made: list[tuple[str, Fault]] = []
    made += [(f"kill {who}", Kill(who)) for who in (*PROCESSES, *CHILDREN)]
    made += [(f"freeze {who}", Freeze(who)) for who in (*PROCESSES, *CHILDREN)]
    for link in LINKS:
        made += [(f"{mode} {link}", Network(link, mode)) for mode in _modes(link)]
    made += [(f"full disk of {name}", FullDisk(name)) for name, disk in at.disks.items() if disk.real]
    read_only: dict[str, object] = {"index.blocks.read_only_allow_delete": True}
    made.append(("index read-only", Index(read_only, _NO_BLOCK)))
    made.append(("index yellow", Index({"index.number_of_replicas": 1}, {"index.number_of_replicas": 0})))
    off: dict[str, object] = {"persistent": {"cluster.routing.allocation.enable": "none"}}
    on: dict[str, object] = {"persistent": {"cluster.routing.allocation.enable": None}}
    made.append(("index red", Index(off, on, "/_cluster/settings", drop_primary=True)))
    made += [("broker forgets", ForgetfulBroker()), ("catalog restarts", RestartedCatalog())]
    made += [("clocks an hour on", ClockJump(3600)), ("clocks ten seconds back", ClockJump(-10))]
    return made


def _modes(link: str) -> tuple[Mode, ...]:
    return ("cut", "slow", "silent", "errors") if link in ("blobs", "embedder", "llm") else ("cut", "slow", "silent")


def drawn(at: Installation, count: int, chance: random.Random, kind: str = "") -> Iterator[tuple[str, Fault]]:
    """So many of them: all in a random order, and again, so that none is left out for long.

    Args:
        kind: only those in whose names this regular expression is found.
    """
    left = count
    while left > 0:
        some = [(name, fault) for name, fault in every(at) if re.search(kind, name)]
        assert some, f"no fault is called {kind!r}"
        chance.shuffle(some)
        yield from some[:left]
        left -= len(some)
