"""What the check of sentences catches, what it doubts wrongly, and what it costs: ``footnote bench verification``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from core.chunk import Chunk
from core.settings import EmbedderSettings, Settings
from core.verification_settings import EvidenceSettings
from eval.answers.corruption import KINDS, Case, cases
from eval.answers.evidence import auroc, fit_logistic, training_claims, wice_dev
from eval.bench.report import machine_line, markdown, write_json
from eval.bench.timing import conditions, milliseconds
from eval.cli.shared import FILE, FOLDER
from eval.metrics import latency, share
from eval.progress import Progress, bars, tracked
from generation.build import build_support
from generation.verification.claims import Written
from generation.verification.overlap import OverlapSupport
from generation.verification.port import SupportModel
from generation.verification.verifier import Verifier
from retrieval.embedding.build import build_embedder

_DATA = Path("../shared/data")
_TIMED = 200


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and its verdict."""

    case: Case
    verdict: str
    reasons: tuple[str, ...]

    @property
    def doubted(self) -> bool:
        """Whether readers are told that it isn't, or not wholly, supported."""
        return self.verdict in ("partial", "unsupported")


@click.command(epilog="Example:  footnote bench verification --split held  (docs/answers.md)")
@click.option("--handbooks", type=FOLDER, default=_DATA / "handbooks", show_default=True)
@click.option("--evidence", type=FOLDER, default=_DATA / "evidence", show_default=True)
@click.option("--corrupted", default=1000, show_default=True, help="Sentences with one thing in them changed.")
@click.option("--seed", default=7, show_default=True)
@click.option("--split", type=click.Choice(["tune", "held"]), help="Only this half of the files.")
@click.option("--wice/--no-wice", default=True, help="Also score WiCE's development set.")
@click.option("--beside/--idle", default=True, help="Measure times beside a busy process too, or idle only.")
@click.option("--words", is_flag=True, help="By shared words alone, as when models are down.")
@click.option("--model", type=FOLDER, help="An evidence model beside shared words, as evidence.model.")
@click.option("--show", is_flag=True, help="Print what was judged wrongly.")
@click.option("--fit", is_flag=True, help="Only fit the support model's weights to FM2 and WiCE's training parts.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
def verification(
    *, handbooks: Path, evidence: Path, corrupted: int, seed: int, split: str | None, wice: bool, beside: bool,
    words: bool, model: Path | None, show: bool, fit: bool, out: Path | None,
) -> None:  # fmt: skip
    """Judge sentences of real handbooks: untouched, in other words, and with one thing changed."""
    embedder = build_embedder(Settings(embedder=EmbedderSettings(threads=1)))
    support = (
        OverlapSupport(None)
        if words
        else build_support(EvidenceSettings(model=str(model) if model else None), embedder)
    )
    with bars() as progress:
        if fit:
            click.echo(_fitted(OverlapSupport(embedder), evidence, progress))
            return
        given = [one for one in cases(handbooks, corrupted=corrupted, seed=seed) if split in (None, one.split)]
        judged = [_judged(one, support) for one in tracked(given, "judging", progress)]
        area = _wice(evidence, support, progress) if wice else None
        timed = conditions(lambda: latency(_times(given, support)), beside=beside)
    if show:
        for one in judged:
            if one.doubted != (one.case.kind in KINDS):
                click.echo(
                    f"{one.case.kind} {one.verdict} {'; '.join(one.reasons)}\n  {one.case.source}\n  {one.case.text}"
                )
    rows = [(kind, *_counted(kind, judged)) for kind in (*KINDS, "untouched", "paraphrase")]
    bad, good = ([one for one in judged if (one.case.kind in KINDS) == wanted] for wanted in (True, False))
    rows += [("caught, all kinds", *_shares(bad)), ("false alarms, all", *_shares(good))]
    click.echo(f"{machine_line()}; seed {seed}, {split or 'both halves'}\n")
    click.echo(markdown(("sentences", "told to be doubtful", "of them unsupported"), rows))
    if area is not None:
        click.echo(f"\nAUROC on WiCE dev, supported against partly and not: {area:.3f}")
    click.echo(
        "\n" + markdown(("condition", "p50 / p95 ms a sentence"), [(name, str(ms)) for name, ms in timed.items()])
    )
    write_json({"rows": rows, "wice_dev_auroc": area, "ms": {name: str(ms) for name, ms in timed.items()}}, out)


def _judged(case: Case, model: SupportModel) -> Judged:
    found = Verifier(case.chunks, model).judge(_written(case.text), [1])
    return Judged(case, found.verdict, found.reasons)


def _written(text: str) -> Written:
    return Written(text, 0, len(text))


def _counted(kind: str, judged: Sequence[Judged]) -> tuple[str, str]:
    return _shares([one for one in judged if one.case.kind == kind])


def _shares(mine: Sequence[Judged]) -> tuple[str, str]:
    return (
        share(sum(one.doubted for one in mine), len(mine)),
        share(sum(one.verdict == "unsupported" for one in mine), len(mine)),
    )


def _times(given: Sequence[Case], model: SupportModel) -> list[float]:
    """Of sentences that no look at the words settles; their passages have been read, as for an answer's later ones."""
    found = []
    for case in [one for one in given if one.kind != "untouched"][:_TIMED]:
        verifier = Verifier(case.chunks, model)
        verifier.judge(_written(case.source), [1])
        for number in range(1, len(case.chunks) + 1):
            verifier.judge(_written("Nothing at all is said of zebras."), [number])
        found.append(milliseconds(lambda one=case, by=verifier: by.judge(_written(one.text), [1])))  # type: ignore[misc]
    return found


def _wice(folder: Path, model: SupportModel, progress: Progress) -> float:
    best: dict[str, float] = {}
    label: dict[str, bool] = {}
    for one in tracked(wice_dev(folder), "WiCE", progress):
        text = one.passage
        chunk = Chunk(id="c", document_id="d", source_id="s", uri="", ordinal=0, text=text, start=0, end=len(text))
        support = Verifier([chunk], model).judge(_written(one.text), [1]).support
        best[one.id] = max(best.get(one.id, 0.0), support)
        label[one.id] = label.get(one.id, False) or one.supported
    return auroc(list(best.values()), list(label.values()))


def _fitted(model: OverlapSupport, folder: Path, progress: Progress) -> str:
    claims = training_claims(folder)
    features = np.array([model.features(one.text, one.passage) for one in tracked(claims, "features", progress)])
    labels = [one.supported for one in claims]
    by_words, by_both = fit_logistic(features[:, :2], labels), fit_logistic(features, labels)
    lines = [
        f"{name}: {tuple(round(float(w), 2) for w in found)}"
        for name, found in (("words", by_words), ("both", by_both))
    ]
    areas = [auroc(list(features[:, at]), labels) for at in range(features.shape[1])]
    return "\n".join([*lines, f"AUROC of each feature: {[round(one, 3) for one in areas]}, {len(claims)} claims"])
