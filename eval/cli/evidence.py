"""``footnote eval evidence``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from core.errors import InvalidRequest
from core.settings import EmbedderSettings, Settings
from eval.answers.evidence_figures import Bin, Figure, Scores, answer_figures, support_figures
from eval.bench.report import machine_line, markdown, write_json
from eval.cli.shared import FILE, FOLDER, json_option, print_json
from eval.progress import bars
from generation.evidence_model.model import EvidenceModel
from generation.verification.overlap import OverlapSupport
from retrieval.embedding.build import build_embedder


@click.command(epilog="Example:  footnote eval evidence --model models/evidence  (docs/evidence.md)")
@click.option("--data", type=FOLDER, default=Path("../shared/data"), show_default=True)
@click.option("--model", type=FOLDER, help="A folder of `footnote train evidence`.")
@click.option("--task", type=click.Choice(["answers", "supports"]), help="Only this one; without it, both.")
@click.option("--without", is_flag=True, help="What the embedder and shared words are worth, without the model.")
@click.option("--most", default=1600, show_default=True, help="Questions of each set, evenly spread.")
@click.option("--threads", default=1, show_default=True, help="Of the CPU.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
@json_option
def evidence(
    *,
    data: Path,
    model: Path | None,
    task: str | None,
    without: bool,
    most: int,
    threads: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the evidence model on test sets of SelQA, PolicyQA, FM2 and SciFact, and on WiCE's development set."""
    if (model is None) != without:
        raise InvalidRequest("Name a folder with --model, or measure what there is --without one.")
    figures: list[Figure] = []
    bins: dict[str, list[Bin]] = {}
    with bars() as progress:
        if task in (None, "answers"):
            scores = EvidenceModel("answers", model, threads=threads).probabilities if model else _cosines()
            found, bins["answers"] = answer_figures(data, scores, most, progress)
            figures += found
        if task in (None, "supports"):
            scores = EvidenceModel("supports", model, threads=threads).probabilities if model else _overlap()
            found, bins["supports"] = support_figures(data, scores, progress)
            figures += found
    told = {
        "figures": [asdict(one) for one in figures],
        "reliability": {name: [asdict(one) for one in tenths] for name, tenths in bins.items()},
    }
    write_json(told, out)
    if as_json:
        print_json(told)
        return
    click.echo(machine_line())
    click.echo(markdown(("figure", "cases", "value (95 % interval)"), [(f.name, f.cases, f.value) for f in figures]))
    for name, tenths in bins.items():
        click.echo(f"\n{name}: how often what has about this probability is so\n")
        rows = [(f"{one.told:.2f}", f"{one.true:.2f}", one.pairs) for one in tenths]
        click.echo(markdown(("told", "true", "pairs"), rows))


def _embedder_settings() -> Settings:
    return Settings(embedder=EmbedderSettings(threads=1))


def _cosines() -> Scores:
    embedder = build_embedder(_embedder_settings())

    def scores(pairs: Sequence[tuple[str, str]]) -> list[float]:
        asked = list(dict.fromkeys(one for one, _ in pairs))
        vectors = dict(zip(asked, (embedder.embed_query(one) for one in asked), strict=True))
        texts = embedder.embed_passages([other[:900] for _, other in pairs])
        return [(1 + float(vectors[one] @ text)) / 2 for (one, _), text in zip(pairs, texts, strict=True)]

    return scores


def _overlap() -> Scores:
    model = OverlapSupport(build_embedder(_embedder_settings()))
    return lambda pairs: [model.probabilities(one, [other])[0] for one, other in pairs]
