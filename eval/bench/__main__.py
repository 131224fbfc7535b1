"""Runs a benchmark: ``python -m eval.bench NAME [options]``. ``footnote bench`` has those that need no clone."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

BENCHES = {
    "coverage": "documents",
    "fuzz": "documents",
    "ocr": "documents",
    "parsing": "documents",
    "pdf_boxes": "documents",
    "filtered": "search",
    "footprint": "search",
    "ingest": "search",
    "latency": "search",
    "overload": "search",
    "question_threads": "search",
    "whole_path": "search",
}
"""Every benchmark, and the package that it is in."""


def main() -> int:
    """Run the one that is named; the exit status."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in BENCHES:
        listed = "\n".join(f"  {one}: {_summary(one)}" for one in BENCHES)
        print(f"python -m eval.bench NAME [options]; NAME --help says more. The benchmarks:\n{listed}", file=sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    sys.argv[:2] = [f"python -m eval.bench {name}"]
    return int(_module(name).main() or 0)


def _module(name: str) -> ModuleType:
    return import_module(f"eval.bench.{BENCHES[name]}.{name}")


def _summary(name: str) -> str:
    return str(_module(name).__doc__).partition(":")[0].partition("\n")[0].rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
