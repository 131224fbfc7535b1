"""Whether a candidate run may replace a baseline run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.datasets import DatasetError
from eval.metrics import mean_with_interval
from eval.retrieval.comparing import p_value
from eval.retrieval.record import PipelineRow, Run, SetRow
from eval.retrieval.scoring import NDCG


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What lets a candidate pass: not worse on any set, better on one, and not much slower.

    Attributes:
        alpha: a difference with a p below it counts.
        allow_equal: pass without being better anywhere: for a change that isn't meant to alter results.
        latency_ratio: the candidate's median over the baseline's, at most; None: not looked at.
        max_drop: a mean loss in nDCG@10 that fails even where it isn't significant; None: not looked at.
    """

    alpha: float = 0.05
    allow_equal: bool = False
    latency_ratio: float | None = 1.25
    max_drop: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One set's comparison. ``faults`` says why it doesn't pass; ``delta`` is in nDCG@10."""

    name: str
    queries: int
    before: float
    after: float
    delta: float
    low: float
    high: float
    p_value: float
    latency_ratio: float
    better: bool
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says of all sets together."""

    verdicts: tuple[Verdict, ...]
    faults: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether the candidate may replace the baseline."""
        return not self.faults


def decide(
    baselines: Sequence[Run],
    candidates: Sequence[Run],
    rule: Rule,
    *,
    baseline_pipeline: str | None = None,
    candidate_pipeline: str | None = None,
) -> Decision:
    """Compare, set by set.

    A pipeline that isn't named is the run's only one, or else its baseline.

    Raises:
        DatasetError: the runs don't hold the same sets, questions and judgments, or lack the pipeline.
    """
    before, after = _sets(baselines), _sets(candidates)
    if set(before) != set(after):
        odd = sorted(set(before) ^ set(after))[0]
        where = "baseline" if odd in before else "candidate"
        raise DatasetError(f"Only the {where} has a run on {odd[0]} ({odd[1]}): measure both on the same sets.")
    verdicts = []
    for key, (run, row) in before.items():
        other_run, other = after[key]
        _check_same(row, other)
        one = row.pipeline(baseline_pipeline or _default(run, row))
        two = other.pipeline(candidate_pipeline or _default(other_run, other))
        verdicts.append(_verdict(row, one, two, rule))
    faults = [f"{verdict.name}: {fault}" for verdict in verdicts for fault in verdict.faults]
    if not faults and not rule.allow_equal and not any(verdict.better for verdict in verdicts):
        faults.append(
            f"No set is better by the paired test (p < {rule.alpha:g}). For a change that isn't meant to change "
            "results, use --allow-equal."
        )
    return Decision(tuple(verdicts), tuple(faults))


def _sets(runs: Sequence[Run]) -> dict[tuple[str, str], tuple[Run, SetRow]]:
    sets: dict[tuple[str, str], tuple[Run, SetRow]] = {}
    for run in runs:
        for row in run.sets:
            if (row.name, row.split) in sets:
                raise DatasetError(f"Two of the runs hold {row.name} ({row.split}): name one of them.")
            sets[row.name, row.split] = run, row
    return sets


def _default(run: Run, row: SetRow) -> str:
    return row.pipelines[0].name if len(row.pipelines) == 1 else run.baseline


def _check_same(before: SetRow, after: SetRow) -> None:
    if before.fingerprint != after.fingerprint:
        raise DatasetError(
            f"{before.name} ({before.split}) has other documents, questions or judgments in the two runs: measure the "
            "baseline again on what the candidate was measured on."
        )


def _verdict(row: SetRow, before: PipelineRow, after: PipelineRow, rule: Rule) -> Verdict:
    old, new = before.scores(NDCG), after.scores(NDCG)
    pairs = [(old[query], new[query]) for query in old]
    p = p_value([one for one, _ in pairs], [two for _, two in pairs])
    delta = mean_with_interval([two - one for one, two in pairs])
    ratio = after.latency.p50_ms / before.latency.p50_ms if before.latency.p50_ms > 0 else 1.0
    faults = []
    if delta.value < 0 and p < rule.alpha:
        faults.append(f"nDCG@10 is worse by {-delta.value:.3f} (p = {p:.4f}).")
    elif rule.max_drop is not None and delta.value < -rule.max_drop:
        faults.append(f"nDCG@10 is worse by {-delta.value:.3f}, more than {rule.max_drop:g} (p = {p:.4f}).")
    if rule.latency_ratio is not None and ratio > rule.latency_ratio:
        faults.append(
            f"the median search takes {after.latency.p50_ms:.1f} ms, {ratio:.2f} times the baseline's "
            f"{before.latency.p50_ms:.1f} ms; {rule.latency_ratio:g} is the limit."
        )
    return Verdict(
        name=f"{row.name} ({row.split})",
        queries=len(pairs),
        before=sum(one for one, _ in pairs) / len(pairs),
        after=sum(two for _, two in pairs) / len(pairs),
        delta=delta.value,
        low=delta.low,
        high=delta.high,
        p_value=p,
        latency_ratio=ratio,
        better=delta.value > 0 and p < rule.alpha,
        faults=tuple(faults),
    )
