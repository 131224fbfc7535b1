"""From a recipe to a reranker that passed the gate, or didn't. Every step is kept, and goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import StorageUnavailable
from core.settings import Settings
from eval.datasets import DatasetError
from eval.progress import Progress
from eval.retrieval.keeping import commit, keep
from eval.retrieval.record import RUN_FILE
from eval.retrieval.report import write_report
from eval.training.card import FACTS, write_card
from eval.training.fitting import Fitted, Limits, fit
from eval.training.gating import Judged, gate_sets, judge
from eval.training.groups import Group, split
from eval.training.mining import drawn
from eval.training.preparing import Candidates, prepare
from eval.training.recipe import Recipe
from eval.training.sections import limited
from eval.training.student import check_base, load_student
from retrieval.embedding.precision import choose_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training as it was asked for.

    Attributes:
        recipe_file: copied beside the model.
        work: where everything is kept until it is done, and what goes on from there.
        out: where a model that passes goes; not there yet.
        cache, runs: where evaluations keep indexes and runs.
        stop_after_s: stop at the next step after so long; the same call goes on.
    """

    recipe: Recipe
    recipe_file: Path
    settings: Settings
    work: Path
    out: Path
    cache: Path
    runs: Path
    progress: Progress
    stop_after_s: float | None = None
    stale: bool = False
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. ``judged``: None where it stopped for now. ``model``: where the model is, promoted or rejected."""

    judged: Judged | None
    model: Path | None
    report: Path | None
    facts: dict[str, Any]


def train(job: Job) -> Outcome:
    """Mine, teach, train, judge; promote or reject.

    Raises:
        DatasetError: the recipe's data can't be used.
        ConfigurationError: a model isn't one.
        StorageUnavailable: the disk is full.
        FootnoteError: a model or an index isn't usable.
    """
    try:
        return _train(job)
    except OSError as error:
        raise StorageUnavailable(
            f"{job.work} or {job.out} can't be written ({error.strerror or error}): make room, and run the same "
            "command again; it goes on where it was."
        ) from error


def _train(job: Job) -> Outcome:
    base = check_base(job.recipe.base)
    job.work.mkdir(parents=True, exist_ok=True)
    sets = gate_sets(job.recipe.gate, job.settings, job.recipe.fitting.seed)
    asked = [one.collection for one in sets.values()]
    candidates = prepare(
        job.recipe, job.settings, asked, work=job.work, cache=job.cache, progress=job.progress, stale=job.stale
    )
    train_on, dev, facts = _sides(job, candidates)
    model = job.work / f"model-{facts['id']}"
    rejected = _rejected(job, model)
    if rejected.is_dir() and not model.is_dir():  # trained before, and judged by another gate or on other sets
        shutil.copytree(rejected, model.with_suffix(".part"), dirs_exist_ok=True)
        model.with_suffix(".part").rename(model)
    if not (model / FACTS).is_file():
        fitted = _fit(job, base, (train_on, dev), facts, model)
        if not fitted.finished:
            return Outcome(None, None, None, {**facts, "steps": fitted.steps})
    facts = json.loads((model / FACTS).read_text(encoding="utf-8"))
    judged = judge(
        model,
        float(facts["dev"]["weight"]),
        job.recipe.gate,
        sets,
        job.settings,
        cache=job.cache,
        progress=job.progress,
        stale=job.stale,
    )
    return settle(job, model, facts, judged)


def _sides(job: Job, candidates: Candidates) -> tuple[list[Group], list[Group], dict[str, Any]]:
    """The groups to train on, those to measure on, and what is to be recorded of them."""
    recipe = job.recipe
    seed = recipe.fitting.seed
    train_on, dev = split(candidates.groups, recipe.fitting.dev, seed)
    dev = _thinned(dev, recipe.fitting.dev_questions, seed)
    cut = drawn(train_on, recipe.mining, recipe.teacher, seed)
    if not cut.groups or not dev:
        raise DatasetError(
            f"{len(candidates.groups)} questions found something relevant; {len(cut.groups)} are left to train on and "
            f"{len(dev)} to measure on. That is too few: add sources, or raise mining.depth or mining.margin."
        )
    sources = {}
    for name, one in candidates.facts.items():
        sources[name] = {
            **one,
            "trained": sum(group.source == name for group in cut.groups),
            "dev": sum(group.source == name for group in dev),
        }
    shape = recipe.model_dump(mode="json", exclude={"gate": {"sets", "alpha", "latency_ratio", "max_drop"}})
    digest = hashlib.sha256(json.dumps([shape, candidates.key], sort_keys=True).encode()).hexdigest()[:12]
    facts = {
        "id": digest,
        "base": recipe.base,
        "commit": commit(Path(__file__).parent),
        "sources": sources,
        "left_out": {"not_surely_negative": dict(cut.left_out)},
        "embedder": candidates.embedder,
    }
    return cut.groups, dev, facts


def _thinned(groups: Sequence[Group], most: int, seed: int) -> list[Group]:
    """At most so many groups, of all sources alike as far as they go."""
    queues = {
        source: limited([group.id for group in groups if group.source == source], None, seed)
        for source in sorted({group.source for group in groups})
    }
    chosen: list[tuple[str, str]] = []
    while len(chosen) < most and any(queues.values()):
        chosen += [(source, queue.pop(0)) for source, queue in queues.items() if queue]
    kept = set(chosen[:most])
    return [group for group in groups if (group.source, group.id) in kept]


def _fit(
    job: Job, base: str, sides: tuple[Sequence[Group], Sequence[Group]], facts: dict[str, Any], model: Path
) -> Fitted:
    train_on, dev = sides
    checkpoints = job.work / f"checkpoints-{facts['id']}"
    for other in job.work.glob("checkpoints-*"):
        if other != checkpoints:  # of another recipe: nothing goes on from there
            shutil.rmtree(other)
    machine = job.settings.embedder
    student = load_student(base, job.recipe.max_tokens, device=choose_device(machine.device), threads=machine.threads)
    deadline = job.began + job.stop_after_s if job.stop_after_s is not None else None
    fitted = fit(student, train_on, dev, recipe=job.recipe, limits=Limits(checkpoints, deadline), progress=job.progress)
    if fitted.mixed is None:
        return fitted
    unfinished = model.with_suffix(".part")
    student.save_pretrained(str(unfinished))
    dev_facts = {
        "questions": len(dev),
        "before": fitted.mixed.before,
        "by_weight": {f"{weight:g}": value for weight, value in fitted.mixed.by_weight.items()},
        "weight": fitted.mixed.best,
    }
    whole = {
        **facts,
        "steps": fitted.steps,
        "history": fitted.history,
        "dev": dev_facts,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": job.recipe.model_dump(mode="json"),
    }
    shutil.copy(job.recipe_file, unfinished / "recipe.toml")
    (unfinished / FACTS).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    unfinished.rename(model)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return fitted


def settle(job: Job, model: Path, facts: dict[str, Any], judged: Judged) -> Outcome:
    """Write card, run and report, and put the model where it belongs."""
    judged.run.save(job.work / RUN_FILE)
    keep(judged.run, job.runs)
    report = write_report(judged.run, job.work / "report.html")
    write_card(model, facts, judged)
    rejected = _rejected(job, model)
    shutil.rmtree(rejected, ignore_errors=True)  # the same model, judged before
    place = job.out if judged.decision.passes else rejected
    _move(model, place)
    shutil.copy(report, place / "gate.html")
    shutil.copy(job.work / RUN_FILE, place / "gate.json")
    with (job.work / "history.jsonl").open("a", encoding="utf-8") as history:
        row = {"model": str(place), "promoted": judged.decision.passes, "run": judged.run.id, "id": facts["id"]}
        history.write(json.dumps(row) + "\n")
    return Outcome(judged, place, report, facts)


def _rejected(job: Job, model: Path) -> Path:
    return job.work / "rejected" / model.name


def _move(model: Path, place: Path) -> None:
    """Put a model's folder in its place, whole or not at all, over file systems too."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.parent / f".{place.name}.part"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(model, beside)
    with suppress(FileNotFoundError):
        place.rmdir()  # an empty folder that was made for it
    beside.rename(place)
    shutil.rmtree(model)
