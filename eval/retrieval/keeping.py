"""Putting a run together from its sets, and keeping it where the history finds it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.settings import Settings
from eval.datasets import DatasetError
from eval.retrieval.record import Run, SetRow, load_run
from eval.retrieval.running import Outcome, Plan

_GIT_TIMEOUT_S = 10
_SECTIONS = ("embedder", "reranker", "chunking", "retrieval")


def make_run(plan: Plan, sets: Sequence[SetRow], *, note: str = "") -> Run:
    """The record of a run that has just ended."""
    now = datetime.now(UTC)
    return Run(
        id=now.strftime("%Y%m%dT%H%M%S.%fZ"),
        created=now,
        commit=commit(Path(__file__).parent),
        note=note,
        settings=_settings(plan.settings),
        baseline=plan.baseline,
        document_score=plan.rule.rule,
        sets=tuple(sets),
    )


def _settings(settings: Settings) -> dict[str, Any]:
    """The settings that shape a result; none of them is a secret."""
    shaping: dict[str, Any] = {name: getattr(settings, name).model_dump(mode="json") for name in _SECTIONS}
    login = {"user", "password", "ca_file", "aws"}
    shaping["index"] = settings.index.model_dump(mode="json", exclude={"opensearch": login})
    return shaping


def commit(folder: Path) -> str:
    """The git commit of a checkout, with ``+changes`` where files differ from it; elsewhere, the version."""
    git = shutil.which("git")
    if git is not None:
        head = _output(git, folder, "rev-parse", "HEAD")
        if head:
            return head + ("+changes" if _output(git, folder, "status", "--porcelain", "--untracked-files=no") else "")
    return f"footnote {version('footnote')}"


def _output(git: str, folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - git itself, with arguments of ours
            [git, "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def write_rankings(outcome: Outcome, folder: Path) -> None:
    """Write each pipeline's rankings as a TREC run file, for other tools: query, Q0, document, rank, score, name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rankings in outcome.rankings.items():
        lines = [line for query, ranking in rankings.items() for line in _lines(query, ranking, name)]
        file = folder / f"{outcome.row.name}.{outcome.row.split}.{name}.trec"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(query: str, ranking: Sequence[str], name: str) -> list[str]:
    return [f"{query}\tQ0\t{doc}\t{place}\t{len(ranking) - place}\t{name}" for place, doc in enumerate(ranking, 1)]


def keep(run: Run, runs: Path) -> Path:
    """Put a copy of the run with the earlier ones."""
    file = runs / f"{run.id}.json"
    run.save(file)
    return file


def kept(runs: Path) -> list[Run]:
    """The runs of a folder, oldest first.

    Raises:
        DatasetError: the folder holds none, or a file in it is not a run.
    """
    found = sorted((load_run(file) for file in runs.glob("*.json")), key=lambda run: (run.created, run.id))
    if not found:
        raise DatasetError(f"{runs} holds no run yet: `footnote eval retrieval` keeps each of its runs there.")
    return found
