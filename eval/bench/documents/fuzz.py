"""What broken files do to the parser: ``python -m eval.bench fuzz --samples ../shared/data/samples/unstructured``.

Each sample is cut off at ten random places and, once more, gets 1 % of its bytes replaced, all by a seed. Every mutant
goes through the same pool of child processes as a document does. It may be read or refused; it must not hang, end its
child, or fail without a reason.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from core.errors import DocumentError
from core.settings import ParsingSettings
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from ingestion.partitioning.sandbox.process import Child, ChildDied

CUTS = 10
FLIPPED = 0.01
_TOLERANCE_S = 5


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken copy of a sample: ``how`` is ``cut at N`` or ``N bytes replaced``."""

    sample: Path
    how: str
    seed: str

    def content(self) -> bytes:
        """Its bytes: the same each time."""
        original = self.sample.read_bytes()
        number = int(self.how.split()[-1] if self.how.startswith("cut") else self.how.split()[0])
        if self.how.startswith("cut"):
            return original[:number]
        broken, chance = bytearray(original), random.Random(self.seed)
        for place in chance.sample(range(len(broken)), number):
            broken[place] ^= chance.randrange(1, 256)
        return bytes(broken)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: ``read``, ``refused``, ``slow`` (over its time), ``crash`` or ``unexplained``."""

    sample: str
    how: str
    kind: str
    reason: str
    seconds: float


class CountingPartitioner(ChildProcessPartitioner):
    """Counts the children that died of a document, also where a second try went well."""

    died = 0

    def _ask(self, child: Child, head: dict[str, Any], content: bytes) -> dict[str, Any]:
        try:
            return super()._ask(child, head, content)
        except ChildDied:
            self.died += 1
            raise


def mutants(samples: Sequence[Path], seed: int, flipped_only: bool = False) -> Iterator[Mutant]:
    """All mutants of these files."""
    for sample in samples:
        size = sample.stat().st_size
        if size == 0:
            continue
        own = f"{seed}:{sample.name}"
        chance = random.Random(own)
        if not flipped_only:
            for place in range(CUTS):
                yield Mutant(sample, f"cut at {chance.randrange(size)}", f"{own}:{place}")
        yield Mutant(sample, f"{max(1, round(size * FLIPPED))} bytes replaced", own)


def outcome(partitioner: Partitioner, mutant: Mutant, timeout_s: float) -> Outcome:
    """Have one mutant read."""
    began = time.monotonic()
    try:
        partitioner.partition(mutant.content(), name=mutant.sample.name)
        kind, reason = "read", ""
    except DocumentError as error:
        kind, reason = "refused", f"{type(error).__name__}: {error.message}"
        if "parsing.timeout_s" in reason:
            kind = "slow"
        elif "makes the parser crash" in reason:
            kind = "crash"
        elif not error.message.strip():
            kind = "unexplained"
    except Exception as error:  # noqa: BLE001 - what this is looking for
        kind, reason = "unexplained", f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    if seconds > timeout_s * 2 + _TOLERANCE_S:
        kind = "hang"
    return Outcome(mutant.sample.name, mutant.how, kind, reason, round(seconds, 2))


def run(found: Sequence[Mutant], settings: ParsingSettings, *, quiet: bool = False) -> tuple[list[Outcome], int]:
    """Have all of them read, as many at a time as there are children; the outcomes, and how many children died."""
    pool = CountingPartitioner(settings)
    outcomes: list[Outcome] = []
    try:
        with ThreadPoolExecutor(settings.processes) as threads:
            waiting: set[Future[Outcome]] = set()
            for mutant in track(found, "Breaking files", disable=quiet):
                waiting.add(threads.submit(outcome, pool, mutant, settings.timeout_s))
                while len(waiting) > settings.processes:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    outcomes += [one.result() for one in done]
            outcomes += [one.result() for one in waiting]
    finally:
        pool.close()
    return outcomes, pool.died


def _part(told: str) -> tuple[int, int]:
    number, _, of = told.partition("/")
    if not 1 <= int(number) <= int(of):
        raise ValueError(told)
    return int(number), int(of)


def main() -> None:
    """Break, read, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="at most so many mutants, chosen by the seed")
    parser.add_argument("--kinds", nargs="+", help="only samples whose names end so, such as .pdf")
    parser.add_argument(
        "--part", type=_part, default=(1, 1), help="only the Nth of M parts, as N/M: a long run in pieces"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each")
    parser.add_argument("--out", type=Path, help="write every outcome here, a JSON object a line")
    arguments = parser.parse_args()
    samples = sorted(path for path in arguments.samples.rglob("*") if path.is_file())
    if arguments.kinds:
        samples = [path for path in samples if path.suffix.lower() in arguments.kinds]
    found = list(mutants(samples, arguments.seed))
    if arguments.limit is not None and arguments.limit < len(found):
        found = random.Random(arguments.seed).sample(found, arguments.limit)
    number, of = arguments.part
    found = found[number - 1 :: of]
    settings = ParsingSettings(processes=arguments.processes, timeout_s=arguments.timeout)
    outcomes, died = run(found, settings)
    if arguments.out:
        lines = (json.dumps(asdict(one), ensure_ascii=False) for one in outcomes)
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _report(outcomes, died, len(samples))


def _report(outcomes: Sequence[Outcome], died: int, samples: int) -> None:
    counts = Counter(one.kind for one in outcomes)
    print(
        f"{len(outcomes)} mutants of {samples} files: " + ", ".join(f"{n} {kind}" for kind, n in counts.most_common())
    )
    print(f"children that died: {died}")
    slowest = max(outcomes, key=lambda one: one.seconds, default=None)
    if slowest is not None:
        print(f"slowest: {slowest.sample} ({slowest.how}), {slowest.seconds} s, {slowest.kind}")
    bad = [one for one in outcomes if one.kind in ("crash", "hang", "unexplained")]
    for one in outcomes:
        if one.kind not in ("read", "refused"):
            print(f"{one.kind}: {one.sample}, {one.how}, {one.seconds} s: {one.reason}")
    if bad or died:
        sys.exit(1)
