"""What broken files do to the parser: each may be read or refused, with a reason; none hangs or ends its child.

Each sample is cut off at ten random places and, once more, gets 1 % of its bytes replaced, all by a seed. Every mutant
goes through a pool of child processes, as a document does. ``make attack CASES=20000`` breaks every sample.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.errors import DocumentError
from core.settings import ParsingSettings
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from ingestion.partitioning.sandbox.process import Child, ChildDied

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "samples" / "unstructured"
SEED, CUTS, FLIPPED = 11, 10, 0.01
TIMEOUT_S, TOLERANCE_S = 60, 5
CASES_TO_A_MUTANT = 8
"""A mutant takes about as long as so many cases of other attacks."""
LARGEST = 300_000
"""Bytes of a sample that is broken unless many cases are asked for."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken copy of a sample: ``how`` is ``cut at N`` or ``N bytes replaced``."""

    sample: Path
    how: str
    seed: str

    def content(self) -> bytes:
        """Its bytes: the same each time."""
        original = self.sample.read_bytes()
        if self.how.startswith("cut"):
            return original[: int(self.how.split()[-1])]
        broken, chance = bytearray(original), random.Random(self.seed)
        for place in chance.sample(range(len(broken)), int(self.how.split()[0])):
            broken[place] ^= chance.randrange(1, 256)
        return bytes(broken)


class CountingPartitioner(ChildProcessPartitioner):
    """Counts the children that died of a document, also where a second try went well."""

    died = 0

    def _ask(self, child: Child, head: dict[str, Any], content: bytes) -> dict[str, Any]:
        try:
            return super()._ask(child, head, content)
        except ChildDied:
            self.died += 1
            raise


def mutants(samples: Sequence[Path]) -> Iterator[Mutant]:
    """All mutants of these files."""
    for sample in samples:
        size = sample.stat().st_size
        if size == 0:
            continue
        own = f"{SEED}:{sample.name}"
        chance = random.Random(own)
        for place in range(CUTS):
            yield Mutant(sample, f"cut at {chance.randrange(size)}", f"{own}:{place}")
        yield Mutant(sample, f"{max(1, round(size * FLIPPED))} bytes replaced", own)


def fault(partitioner: CountingPartitioner, mutant: Mutant) -> str | None:
    """What is wrong with how a mutant ends; None if nothing is."""
    began = time.monotonic()
    try:
        partitioner.partition(mutant.content(), name=mutant.sample.name)
    except DocumentError as error:
        slow_or_crashed = "parsing.timeout_s" in error.message or "makes the parser crash" in error.message
        if slow_or_crashed or len(error.message.strip()) <= 20:
            return error.message or "no reason"
    except Exception as error:  # noqa: BLE001 - what this is looking for
        return f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    return f"took {seconds:.0f} s" if seconds > TIMEOUT_S * 2 + TOLERANCE_S else None


@pytest.mark.attack
def test_broken_files_are_read_or_refused_and_never_end_a_child(attack_cases: int) -> None:
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not there")
    wanted = max(1, attack_cases // CASES_TO_A_MUTANT)
    samples = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    every = list(mutants(samples))
    some = every if wanted >= len(every) else [one for one in every if one.sample.stat().st_size < LARGEST]
    chosen = random.Random(SEED).sample(some, min(wanted, len(some)))
    pool = CountingPartitioner(ParsingSettings(timeout_s=TIMEOUT_S))
    try:
        found = {f"{one.sample.name}, {one.how} (seed {one.seed})": fault(pool, one) for one in chosen}
    finally:
        pool.close()

    assert {name: what for name, what in found.items() if what} == {}
    assert pool.died == 0
