"""What ``footnote index`` asks of the evaluation. Named, not imported, by ``api/cli/gating.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.cli.shared import extra, runs_folder, settings
from eval.progress import bars

if TYPE_CHECKING:
    from eval.datasets import Collection
    from eval.retrieval.generations import Judged

Weigh = Callable[[str, str], dict[str, Any]]
"""Takes the names of the generation that is served and of the one that may replace it."""


def open_gate(
    questions: Path,
    *,
    qrels: Path | None = None,
    reader: tuple[str | None, Sequence[str]] = (None, ()),
    allow_equal: bool = False,
    latency_ratio: float = 1.25,
    quiet: bool = False,
) -> Weigh:
    """Read judged questions now, so that a fault in them is known before anything is built.

    Args:
        questions: JSONL as for ``footnote eval retrieval --live``, or a folder in the BEIR layout.
        reader: user and groups.
        allow_equal, latency_ratio: the rule's, as of ``footnote eval gate``; a ratio of 0 looks at quality alone.
        quiet: print no figures.

    Raises:
        DatasetError: a fault in a file, with its line.
        ConfigurationError: the evaluation's extra isn't installed.
    """
    with extra():
        from core.principal import Principal  # noqa: PLC0415
        from eval.retrieval.gate import Rule  # noqa: PLC0415 - numpy, scipy
        from eval.retrieval.generations import Judged  # noqa: PLC0415 - trec_eval
    collection, documents = live_collection(questions, qrels)
    judged = Judged(
        settings=settings(),
        collection=collection,
        documents=documents,
        principal=Principal(reader[0], frozenset(reader[1])),
        rule=Rule(allow_equal=allow_equal, latency_ratio=latency_ratio or None),
    )

    return _weighing(judged, quiet)


def _weighing(judged: Judged, quiet: bool) -> Weigh:
    from eval.cli.gate import show_decision  # noqa: PLC0415
    from eval.retrieval import keeping  # noqa: PLC0415
    from eval.retrieval.generations import compare  # noqa: PLC0415

    def weigh(before: str, after: str) -> dict[str, Any]:
        with bars() as progress:
            run, decision = compare(judged, before, after, progress)
        kept = keeping.keep(run, runs_folder(None, judged.settings))
        if not quiet:
            show_decision(decision)
        return {"passes": decision.passes, **asdict(decision), "run": str(kept)}

    return weigh


def live_collection(
    questions: Path, qrels: Path | None = None, *, allow_missing: bool = False
) -> tuple[Collection, int]:
    """Judged questions about the knowledge base in use, and how many documents it has. Raises DatasetError."""
    from eval.retrieval.live import names_of, read_judged  # noqa: PLC0415
    from ingestion.catalog.build import open_catalog  # noqa: PLC0415

    catalog = open_catalog(settings())
    try:
        names = names_of(catalog)
    finally:
        catalog.close()
    return read_judged(questions, names, qrels=qrels, allow_missing=allow_missing), len(names)
