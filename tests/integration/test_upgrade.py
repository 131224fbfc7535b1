"""A running stack is upgraded, and upgraded again, while it lists, reads, embeds and answers. Slow: `make upgrade`.

The older release is the commit that UPGRADE_FROM names, or this program. The newer one is this program with a step more
in its schema, which adds; the one after that takes away what the older one must not lose. In an installation each has
its own hosts: here the workers have names of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from api.supervisor.children import Child, children_of
from api.supervisor.layout import Layout
from ingestion.broker import create_celery
from ingestion.catalog.migrate import SCRIPTS
from tests.integration.stacks import ROOT, Stack, until

PACKAGES = ("core", "retrieval", "ingestion", "generation", "api", "deploy")
ADDS = 'op.add_column("sources", sa.Column("colour", sa.String(9), server_default="red", nullable=False))'
TAKES = 'op.drop_column("sources", "colour")'
BATCH = 12
MISCONFIGURED = 2


def tree_of_commit(commit: str, folder: Path) -> Path:
    """The program as it was at a commit."""
    archive = subprocess.run(["git", "archive", commit, *PACKAGES], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def next_release(tree: Path, folder: Path, step: str, does: str, *, oldest: str | None = None) -> Path:
    """A copy of a program with one step more; for programs that know `oldest`, or all that could go on before."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tree / package, folder / package, ignore=ignored, symlinks=True)
    versions = folder / SCRIPTS.relative_to(ROOT)
    scripts = ScriptDirectory(str(versions))
    head = scripts.get_current_head()
    before = scripts.get_revision(str(head)).module.compatible_from
    (versions / "versions" / f"m{step}_next.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = {step!r}, {head!r}\n"
        f"compatible_from = {oldest or before!r}\ndef upgrade():\n    {does}\n"
    )
    return folder


class Release:
    """The processes of one release on a stack."""

    def __init__(self, name: str, tree: Path, stack: Stack) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.name, self._tree, self._stack = name, tree, stack
        layout = Layout.of(stack.settings)
        layout.make()
        known = {child.name: child for child in children_of(stack.settings, layout, self.port)}
        self._children = {part: self._own(known[part]) for part in ("worker", "lister", "api")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def _own(self, child: Child) -> Child:
        names = {"@%h": f"@{self.name}", "beat-schedule": f"beat-{self.name}"}
        command = tuple(re.sub("|".join(names), lambda found: names[found[0]], part) for part in child.command)
        return replace(child, command=command, environment={**child.environment, "PYTHONPATH": str(self._tree)})

    def start(self, *parts: str) -> None:
        """Start these processes, and wait until they are there."""
        for part in parts or tuple(self._children):
            self.processes[part] = self._stack.start_child(self._children[part], self._tree)
        for part in parts or tuple(self._children):
            until(lambda part=part: self._ready(part), f"{part} of {self.name}", 600)  # type: ignore[misc]

    def _ready(self, part: str) -> bool:
        process = self.processes[part]
        assert process.poll() is None, f"{part} of {self.name} ended:\n{self.log}"
        if part != "api":
            return f"{part}@{self.name}" in tasks_done(self._stack)
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False, timeout=60).is_success
        except httpx.HTTPError:
            return False

    def stop(self, part: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End a process, as an orchestrator does; or kill it."""
        process = self.processes.pop(part)
        os.killpg(process.pid, how) if how is signal.SIGKILL else process.send_signal(how)
        process.wait(60)

    def migrate(self) -> None:
        """What is run before a release starts."""
        program = "import sys; from api.cli.main import main; sys.exit(main())"
        environment = {**os.environ, **self._stack.environment, "PYTHONPATH": str(self._tree)}
        subprocess.run([sys.executable, "-c", program, "migrate"], cwd=self._tree, env=environment, check=True)

    def refused(self, part: str) -> None:
        """A process that is started ends before it takes any work."""
        process = self._stack.start_child(self._children[part], self._tree)
        assert process.wait(120) == MISCONFIGURED, self.log

    @property
    def log(self) -> str:
        return self._stack.log.read_text()[-5000:]


def tasks_done(stack: Stack) -> dict[str, int]:
    """How many tasks each worker has done."""
    app = create_celery(lambda: stack.settings)
    said = app.control.inspect(timeout=1).stats() or {}
    return {name: sum(one["total"].values()) for name, one in said.items()}


class Readers:
    """Somebody who asks all the time, of whichever APIs are in rotation, as a load balancer spreads it."""

    def __init__(self) -> None:
        self.rotation: list[int] = []
        self.came: Counter[str] = Counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        with httpx.Client(trust_env=False, timeout=120) as client:
            number = 0
            while not self._over.wait(0.05):
                for port in list(self.rotation):
                    number += 1
                    with suppress(ValueError):
                        self.came[self._one(client, f"http://127.0.0.1:{port}/v1", number)] += 1

    def _one(self, client: httpx.Client, url: str, number: int) -> str:
        question = f"What is rule number {number % BATCH} about?"
        try:
            if number % 2:
                answer = client.post(f"{url}/search", json={"query": question})
            else:
                answer = client.post(f"{url}/answers", json={"question": question})
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        right = f"topic{number % BATCH}" in answer.text
        return (
            "right" if answer.status_code == httpx.codes.OK and right else f"{answer.status_code} {answer.text[:200]}"
        )

    def none_failed(self) -> None:
        """Nobody was told anything but what they asked for."""
        assert set(self.came) == {"right"}, self.came

    def close(self) -> None:
        self._over.set()
        self._thread.join(90)


@pytest.fixture
def stack(home: Path, postgresql_url: str, opensearch_url: str) -> Iterator[Stack]:
    name = f"upgrade_{uuid.uuid4().hex}"
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    index = {"kind": "opensearch", "name": name.replace("_", "-"), "opensearch": {"url": opensearch_url}}
    catalog = {"url": postgresql_url.replace("/postgres?", f"/{name}?")}
    made = Stack(home, catalog=catalog, index=index, sync={"embed_chunks": 8})
    try:
        made.start_broker()
        yield made
    finally:
        made.close()


@pytest.fixture
def readers() -> Iterator[Readers]:
    asking = Readers()
    yield asking
    asking.close()


@pytest.mark.upgrade
def test_nobody_notices_two_upgrades(stack: Stack, readers: Readers, tmp_path: Path) -> None:
    commit = os.environ.get("UPGRADE_FROM")
    trees = [tree_of_commit(commit, tmp_path / "old") if commit else ROOT]
    trees.append(next_release(ROOT, tmp_path / "new", "9998", ADDS))
    trees.append(next_release(trees[-1], tmp_path / "newest", "9999", TAKES, oldest="9998"))
    old, new, newest = (Release(name, tree, stack) for name, tree in zip(("old", "new", "newest"), trees, strict=True))
    started: list[Release] = []
    try:
        _upgrade(stack, readers, (old, new, newest), started)
    finally:
        for release in started:
            for part in list(release.processes):
                release.stop(part, signal.SIGKILL)


def _upgrade(
    stack: Stack, readers: Readers, releases: tuple[Release, Release, Release], started: list[Release]
) -> None:
    old, new, newest = releases
    started.append(old)
    old.start()
    stack.write_rules(range(BATCH))
    source = stack.add_source()
    assert stack.sync(source).indexed == BATCH
    readers.rotation = [old.port]

    # The schema is changed under the old processes, in mid-sync; two of them are put onto other hosts meanwhile.
    stack.write_rules(range(BATCH, 3 * BATCH))
    run = stack.ingestion.sync(source.id)
    stack.wait(run, lambda now: now.indexed > 0, "the first documents")
    new.migrate()
    for part in ("worker", "lister"):
        old.stop(part, signal.SIGKILL)
        old.start(part)
    assert stack.finish(run).indexed == 2 * BATCH

    # Both releases work side by side.
    started.append(new)
    new.start()
    readers.rotation = [old.port, new.port]
    stack.write_rules(range(3 * BATCH, 6 * BATCH))
    assert stack.sync(source).indexed == 3 * BATCH
    done = tasks_done(stack)
    assert done["worker@old"] > 0 < done["worker@new"], done

    # The old one goes, in the middle of work; then the new schema loses what only it knew.
    stack.write_rules(range(6 * BATCH, 8 * BATCH))
    run = stack.ingestion.sync(source.id)
    stack.wait(run, lambda now: now.indexed > 0, "the first documents")
    readers.rotation = [new.port]
    for part in ("lister", "worker", "api"):
        old.stop(part)
    newest.migrate()
    assert stack.finish(run).indexed == 2 * BATCH
    for part in ("worker", "api"):
        old.refused(part)
    new.stop("worker", signal.SIGKILL)
    new.start("worker")
    stack.write_rules(range(8 * BATCH, 9 * BATCH))
    assert stack.sync(source).indexed == BATCH
    readers.close()
    readers.none_failed()
    stack.assert_indexed_once(9 * BATCH)
    print(f"\n{9 * BATCH} documents, {readers.came.total()} questions, tasks {done}, none lost, none failed")
