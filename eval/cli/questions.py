"""``footnote eval questions``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from core.errors import InvalidRequest
from core.principal import Principal
from core.settings import Settings
from eval.answers.questions import fingerprint
from eval.cli.judge import chosen
from eval.cli.shared import FILE, json_option, print_json, settings
from eval.judging.asking import Asker
from eval.judging.budget import Budget
from eval.progress import bars
from eval.question_sets import keeping
from eval.question_sets.by_model import KINDS
from eval.question_sets.checking import Checker
from eval.question_sets.making import Made, Wanted, asking_prompt, make
from eval.question_sets.staleness import stale
from generation.build import build_support
from ingestion.catalog.build import open_catalog
from retrieval.build import build_retriever

_PARTIAL = 3


@click.command(
    epilog="Example:  footnote eval questions --out set.jsonl --sheet set.csv, then --out set.jsonl --read set.csv"
)
@click.option("--out", type=FILE, required=True, help="The set, JSONL; with --read and --stale the one that is there.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Questions, by rule and by model.")
@click.option("--seed", type=int, default=0, show_default=True, help="Draws documents: the same seed, the same ones.")
@click.option("--source", metavar="ID", help="Only documents of this source.")
@click.option("--as", "user", metavar="USER", help="Only of what this user may read; without it, what is public.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="... who is in this group. Repeatable.")
@click.option("--writer", metavar="NAME", help="One of judging.judges, which writes questions that rules can't.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Of the writer's. Repeatable.")
@click.option("--budget-tokens", type=click.IntRange(1), help="Stop after so many tokens of the writer.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Stop after so much money, by its prices.")
@click.option("--sheet", type=FILE, help="Write a CSV for people to accept or mend the questions, too.")
@click.option("--read", "answered", type=FILE, help="Read such a sheet back into the set instead.")
@click.option("--asked", is_flag=True, help="Draw what readers asked instead, personal data taken out.")
@click.option("--stale", "check", is_flag=True, help="Tell which questions were made from documents that changed.")
@json_option
def questions(
    *,
    out: Path,
    limit: int,
    seed: int,
    source: str | None,
    user: str | None,
    groups: tuple[str, ...],
    writer: str | None,
    kinds: tuple[str, ...],
    budget_tokens: int | None,
    budget: float | None,
    sheet: Path | None,
    answered: Path | None,
    asked: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Make a set of questions from the knowledge base in use, each found again and borne out by its passage.

    Without a writer they are of headings, definitions, table cells and dates. The set knows the versions of the
    documents that it was made from. It holds their text: keep it as you keep them.
    """
    if answered or check:
        if answered and (check or sheet):
            raise InvalidRequest("--read goes with --out alone: with neither --sheet nor --stale.")
        (_read if answered else _stale)(out, answered or out, as_json=as_json)
        return
    if kinds and not writer:
        raise InvalidRequest("--kind is of what a model writes: name one with --writer.")
    if asked and (writer or source):
        raise InvalidRequest("--asked draws what readers asked: with neither --writer nor --source.")
    if sheet and sheet.exists():
        raise InvalidRequest(f"{sheet} is there already and may hold verdicts. Choose another name, or move it away.")
    before = keeping.read_set(out)[1] if out.exists() else None
    current = settings()
    wanted = Wanted(limit, seed, _reader(current, user, groups), kinds or tuple(KINDS), source)
    budgeted = Budget(budget_tokens, budget)
    asker = chosen(current, [writer], budgeted, money=budget is not None)[0].asker if writer else None
    made = _drawn(wanted, current) if asked else _made(wanted, current, asker)
    manifest = _manifest(made, wanted, before, _by(asker, asked=asked))
    keeping.write_set(made.questions, out, manifest)
    if sheet:
        keeping.write_sheet(made.questions, sheet)
    if as_json:
        print_json({**manifest.model_dump(mode="json"), "set": str(out), "stopped": made.stopped})
    else:
        click.echo(_told(manifest, out, sheet))
    if made.stopped:
        click.echo(made.stopped, err=True)
        raise SystemExit(_PARTIAL)


def _reader(current: Settings, user: str | None, groups: tuple[str, ...]) -> Principal:
    catalog = open_catalog(current)
    try:
        found = Principal(user, frozenset(groups))
        return replace(found, synced=catalog.memberships.groups_of(user))
    finally:
        catalog.close()


def _drawn(wanted: Wanted, current: Settings) -> Made:
    from eval.question_sets.asked import asked_questions  # noqa: PLC0415 - of the pii extra
    from generation.guarding.presidio import PresidioFinder  # noqa: PLC0415 - the same

    catalog = open_catalog(current)
    try:
        finder = PresidioFinder(current.guard.pii)
        return asked_questions(catalog, current, finder, wanted.reader, limit=wanted.limit, seed=wanted.seed)
    finally:
        catalog.close()


def _made(wanted: Wanted, current: Settings, asker: Asker | None) -> Made:
    retriever = build_retriever(current)
    support = build_support(current.evidence, retriever.embedder)
    checker = Checker(retriever, retriever.embedder, support, wanted.reader)
    try:
        with bars() as progress:
            return make(wanted, current, checker, asker, progress)
    finally:
        retriever.close()


def _by(asker: Asker | None, *, asked: bool) -> tuple[str, ...]:
    """Who made a set."""
    if asked:
        return ("readers",)
    if asker is None:
        return ("rules",)
    own = asker.settings
    return ("rules", f"{own.called} ({own.model}, {asking_prompt().version}, seed {own.seed})")


def _manifest(
    made: Made, wanted: Wanted, before: keeping.Manifest | None, made_by: tuple[str, ...]
) -> keeping.Manifest:
    return keeping.Manifest(
        version=before.version + 1 if before else 1,
        fingerprint=fingerprint(made.questions),
        before=before.fingerprint if before else "",
        created=datetime.now(UTC),
        made_by=made_by,
        seed=wanted.seed,
        reader=tuple(sorted(wanted.reader.terms)),
        documents=made.documents,
        kinds=Counter(one.kind for one in made.questions),
        dropped=made.dropped,
        failures=made.failures,
    )


def _read(out: Path, sheet: Path, *, as_json: bool) -> None:
    asked, before = keeping.read_set(out)
    kept, counts, comments = keeping.read_sheet(sheet, asked)
    about: dict[str, Any] = {
        "version": before.version + 1,
        "fingerprint": fingerprint(kept),
        "before": before.fingerprint,
        "created": datetime.now(UTC),
        "kinds": Counter(one.kind for one in kept),
        "comments": comments,
        **counts,
    }
    manifest = before.model_copy(update=about)
    keeping.write_set(kept, out, manifest)
    if as_json:
        print_json({**manifest.model_dump(mode="json"), "set": str(out)})
    else:
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        click.echo(f"{out}, version {manifest.version}: {len(kept)} questions ({said}).")


def _stale(out: Path, _: Path, *, as_json: bool) -> None:
    found = stale(keeping.read_set(out)[0], settings())
    if as_json:
        print_json([{"id": one, "why": why} for one, why in found.items()])
    else:
        for one, why in found.items():
            click.echo(f"{one}: {why}")
        click.echo(f"{len(found)} questions of {out} are stale.")
    if found:
        raise SystemExit(1)


def _told(manifest: keeping.Manifest, out: Path, sheet: Path | None) -> str:
    lines = [
        f"{out}, version {manifest.version} ({manifest.fingerprint}): {sum(manifest.kinds.values())} questions from "
        f"{manifest.documents} documents: {', '.join(f'{count} {kind}' for kind, count in manifest.kinds.items())}."
    ]
    for what, counts in (("Dropped", manifest.dropped), ("Failures of the writer", manifest.failures)):
        if counts:
            lines.append(f"{what}: {', '.join(f'{count} {why}' for why, count in counts.items())}.")
    if sheet:
        lines.append(f"{sheet}: fill in `verdict`, then: footnote eval questions --out {out} --read {sheet}")
    return "\n".join(lines)
