"""The report of a run of answers: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from eval.answers.comparing import Comparison, compare
from eval.answers.figures import figures
from eval.answers.plain import CITED, METRICS, RETRIEVED, SPAN_CITED, UNSUPPORTED, WORDS
from eval.answers.questions import EvalQuestion
from eval.answers.record import AnswersRun, ConfigRow, Figure
from eval.answers.rows import Passage, Row
from eval.answers.tables import STATUSES
from eval.retrieval.plots import history_plot
from eval.retrieval.tables import p_text

_SLICES = ("kind", "department", "type", "language", "split", "rating", "turn")
_SLICED = (RETRIEVED, CITED, SPAN_CITED, WORDS, UNSUPPORTED)
_MOVES, _SHOWN, _AROUND = 10, 60, 240


@dataclass(frozen=True, slots=True)
class Move:
    """A question whose figures moved between the baseline and another configuration, by so much in the mean."""

    asked: EvalQuestion
    by: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A citation with its quote where it stands: the text around it, and the quote itself."""

    number: int
    title: str
    uri: str
    place: str
    before: str
    quote: str
    after: str


def write_report(
    run: AnswersRun,
    questions: Sequence[EvalQuestion],
    rows: Sequence[Row],
    earlier: Sequence[AnswersRun],
    file: Path,
) -> Path:
    """Write the report of a run; where it is.

    Args:
        earlier: the runs of the same set that were kept, oldest first, for the history.
    """
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("eval.answers", "."), PackageLoader("eval.retrieval", ".")]),
        autoescape=True,  # questions, answers and passages are anybody's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_key = {row.key: row for row in rows}
    comparisons = compare(run)
    text = pages.get_template("answers.html.j2").render(
        title=f"Answers: {run.set}",
        run=run,
        about=METRICS,
        statuses=STATUSES,
        names=list(dict.fromkeys(name for config in run.configs for name in config.metrics)),
        comparisons=comparisons,
        slices=_slices(run, questions),
        sliced=_SLICED,
        moves={one.candidate: _moves(one, questions) for one in comparisons},
        shown=_shown(run, questions),
        by_key=by_key,
        opened=_opened,
        p_text=p_text,
        plots=_plots(earlier),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _slices(run: AnswersRun, questions: Sequence[EvalQuestion]) -> dict[str, dict[str, dict[str, dict[str, Figure]]]]:
    """Figures by slice, its values, and configuration; slices that all questions are alike in are left out."""
    found = {}
    for name in _SLICES:
        parts: dict[str, list[str]] = {}
        for asked in questions:
            parts.setdefault(_slice(asked, name), []).append(asked.id)
        if len(parts) > 1:
            found[name] = {
                value: {config.name: _part(config, ids) for config in run.configs}
                for value, ids in sorted(parts.items())
            }
    return found


def _part(config: ConfigRow, ids: Sequence[str]) -> dict[str, Figure]:
    rows = [config.values[one] for one in ids if one in config.values]
    return figures([{name: row.get(name) for name in _SLICED} for row in rows])


def _slice(asked: EvalQuestion, name: str) -> str:
    if name == "turn":
        return "follow-up" if asked.turns else "first"
    return str(getattr(asked, name)) or "not said"


def _moves(comparison: Comparison, questions: Sequence[EvalQuestion]) -> dict[str, list[Move]]:
    by_id = {asked.id: asked for asked in questions}
    moved = [Move(by_id[one], by) for one, by in comparison.moves.items() if one in by_id]
    gained = sorted((one for one in moved if one.by > 0), key=lambda one: -one.by)
    lost = sorted((one for one in moved if one.by < 0), key=lambda one: one.by)
    return {"gained": gained[:_MOVES], "lost": lost[:_MOVES]}


def _shown(run: AnswersRun, questions: Sequence[EvalQuestion]) -> list[EvalQuestion]:
    """Those that failed first, then an even sample of the rest."""
    failed = {one for config in run.configs for one, status in config.statuses.items() if status in ("error", "empty")}
    first = [asked for asked in questions if asked.id in failed][: _SHOWN // 2]
    rest = [asked for asked in questions if asked not in first]
    left = min(len(rest), _SHOWN - len(first))
    return [*first, *(rest[at * len(rest) // left] for at in range(left))]


def _opened(row: Row) -> list[Opened]:
    passages = {one.number: one for one in row.passages}
    found = [_open(passages[one.number], one.quote or "") for one in row.citations if one.number in passages]
    return list(dict.fromkeys(found))


def _open(passage: Passage, quote: str) -> Opened:
    at = passage.text.find(quote) if quote else -1
    before = passage.text[max(0, at - _AROUND) : at] if at >= 0 else ""
    after = passage.text[at + len(quote) :][:_AROUND] if at >= 0 else ("" if quote else passage.text[: 2 * _AROUND])
    place = ", ".join(filter(None, [f"page {passage.page}" if passage.page else "", " › ".join(passage.heading_path)]))
    return Opened(passage.number, passage.title, passage.uri, place, before, quote, after)


def _plots(earlier: Sequence[AnswersRun]) -> dict[str, str]:
    """Plots over the runs of the set, where there are several, for the metrics that the history is of."""
    found: dict[str, str] = {}
    if len(earlier) < 2:  # noqa: PLR2004 - a point is no history
        return found
    for metric in _SLICED:
        lines: dict[str, list[tuple[Any, float]]] = {}
        for run in earlier:
            for config in run.configs:
                if metric in config.metrics:
                    lines.setdefault(config.name, []).append((run.created, config.metrics[metric].value))
        if lines:
            found[metric] = history_plot(earlier[-1].set, list(lines.items()), metric)
    return found
