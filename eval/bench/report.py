"""What the reports of all benchmarks are made of: tables as Markdown, files of JSON, and the machine's name."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table, for a terminal and for a page alike."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write_json(value: Any, file: Path | None) -> None:
    """Write figures where they were asked for, whole or not at all."""
    if file is not None:
        part = file.with_suffix(".part")
        part.write_text(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        part.replace(file)


def machine() -> dict[str, Any]:
    """What figures depend on beside the code."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": [round(one, 1) for one in os.getloadavg()],
        "system": platform.platform(),
    }


def machine_line() -> str:
    """The same for a heading."""
    about = machine()
    return f"{about['processor']}, {about['cores']} cores, {about['memory_gb']:g} GB, load {about['load'][0]:g}"


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
