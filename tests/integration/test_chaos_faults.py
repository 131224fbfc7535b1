"""Two hundred faults in an installation that is used meanwhile, none of which leaves a trace. Slow: `make chaos`."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from contextlib import suppress

import httpx
import pytest

from core.errors import FootnoteError
from ingestion.catalog.records import Run, RunState
from tests.integration.chaos.faults import Fault, drawn
from tests.integration.chaos.installation import READERS, Installation, installed
from tests.integration.chaos.services import wait_for
from tests.integration.chaos.traffic import LONGEST_S, Traffic
from tests.integration.test_chaos_edits import Editor, held, reader_of

FAULTS = int(os.environ.get("CHAOS_FAULTS", "200"))
DOCUMENTS = int(os.environ.get("CHAOS_FILES", "300"))
SEED = int(os.environ.get("CHAOS_SEED", "16"))
KIND = os.environ.get("CHAOS_KIND", "")
"""A regular expression that the names of faults are to match, as ``kill beat``, to look into one of them."""
EDITS = int(os.environ.get("CHAOS_EDITS", "5"))
"""Before each fault."""
CHECK_EVERY = 20
HOLD_S = (1.0, 4.0)
"""How long a fault lasts."""
REST_S = 2.0
HEAL_S = 900
"""What is broken for longer heals by no hands but somebody's."""


@pytest.mark.chaos
def test_faults_lose_double_leak_and_leave_nothing() -> None:
    chance = random.Random(SEED)
    with installed() as at:
        editor = Editor(at.stack.folder, chance, DOCUMENTS)
        source_id = at.stack.add_source().id
        traffic = Traffic(at, lambda: editor.readers, SEED)
        traffic.start()
        began, done, healed = time.monotonic(), Counter[str](), []
        try:
            for number, (name, fault) in enumerate(drawn(at, FAULTS, chance, KIND), 1):
                print(f"{time.monotonic() - began:5.0f} s, {number} of {FAULTS}: {name}", flush=True)
                _suffer(at, editor, source_id, fault, chance)
                done[name] += 1
                if number % CHECK_EVERY == 0 or number == FAULTS:
                    healed.append(_settle_and_check(at, editor, source_id))
                    print(f"      all is as it should be, {healed[-1]:.0f} s after the last fault", flush=True)
        finally:
            traffic.close()
        print(f"{sum(done.values())} faults of {len(done)} kinds, {len(traffic.violations)} violations, ", end="")
        print(f"{time.monotonic() - began:.0f} s; healed within {max(healed):.0f} s; {dict(traffic.ended)}")
        assert traffic.violations == []


def _suffer(at: Installation, editor: Editor, source_id: str, fault: Fault, chance: random.Random) -> None:
    """Edits, a sync that may have begun, a fault, and its end."""
    for _ in range(EDITS):
        editor.act()
    with suppress(FootnoteError):  # what it needs is down
        at.stack.ingestion.sync(source_id)
    time.sleep(chance.uniform(0, REST_S))
    fault.do(at)
    time.sleep(chance.uniform(*HOLD_S))
    fault.undo(at)


def _settle_and_check(at: Installation, editor: Editor, source_id: str) -> float:
    """Wait until a sync that begins now has gone through, and hold what there is against the folder; seconds."""
    began = time.monotonic()
    wait_for(at.healthy, "everything running", HEAL_S)
    asked: list[Run] = []

    def accepted() -> bool:
        with suppress(FootnoteError):
            asked.append(at.stack.ingestion.sync(source_id))
        return bool(asked)

    def over() -> bool:
        with suppress(FootnoteError):
            return at.stack.state(asked[0]).finished_at is not None
        return False

    wait_for(accepted, "a sync to begin", HEAL_S)
    wait_for(over, "the sync's end", HEAL_S)
    took = time.monotonic() - began
    _check(at, source_id)
    editor.forget()
    return took


def _check(at: Installation, source_id: str) -> None:
    catalog = at.stack.ingestion.catalog
    assert catalog.failures.list() == []
    for run in catalog.runs.list(source_id):
        if run.finished_at is not None:
            assert run.state is RunState.FINISHED, run
            assert run.seen == run.unchanged + run.indexed + run.failed + run.deleted + run.superseded, run
    folder = at.stack.folder
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*.md")}
    found = held(at.stack, source_id)
    assert found.keys() == files.keys()
    for name, chunks in found.items():
        [(_, text, readers, _)] = chunks
        assert text.split()[-1] == files[name].read_text().split()[-1], name
        assert readers == (reader_of(files[name]),), name
    for reader in READERS:
        headers = {"Authorization": f"Bearer {at.keys[reader]}"}
        answer = httpx.post(
            f"{at.direct['api']}/v1/search", json={"query": "rule"}, headers=headers, timeout=LONGEST_S, trust_env=False
        )
        assert answer.is_success, answer.text
        assert answer.json()["hits"], answer.text
        assert answer.json()["degraded"] == [], answer.text
