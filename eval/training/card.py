"""What goes beside a trained model: a card for people, the facts for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.retrieval.gate import Decision
from eval.training.gating import Judged

CARD, FACTS = "README.md", "training.json"
_FRONT_MATTER = (
    "---",
    "library_name: sentence-transformers",
    "pipeline_tag: text-ranking",
    "tags: [sentence-transformers, cross-encoder, reranker]",
    "---",
    "",
)


def write_card(model: Path, facts: Mapping[str, Any], judged: Judged) -> None:
    """Write the model's card and facts into its folder. Raises OSError."""
    whole = {**facts, "gate": verdicts(judged.decision), "promoted": judged.decision.passes}
    (model / FACTS).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (model / CARD).write_text(_card(facts, judged), encoding="utf-8")


def verdicts(decision: Decision) -> dict[str, Any]:
    """What the gate said, as plain values."""
    sets = {
        verdict.name: {
            "questions": verdict.queries,
            "before": round(verdict.before, 4),
            "after": round(verdict.after, 4),
            "delta": round(verdict.delta, 4),
            "low": round(verdict.low, 4),
            "high": round(verdict.high, 4),
            "p": round(verdict.p_value, 4),
            "latency_ratio": round(verdict.latency_ratio, 2),
        }
        for verdict in decision.verdicts
    }
    return {"passes": decision.passes, "sets": sets, "faults": list(decision.faults)}


def table(decision: Decision) -> list[str]:
    """The gate's figures as a Markdown table."""
    lines = [
        "| set | questions | nDCG@10 before | after | difference, 95 % | p | median time |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {v.name} | {v.queries} | {v.before:.3f} | {v.after:.3f} | {v.delta:+.3f} ({v.low:+.3f} to {v.high:+.3f}) "
        f"| {v.p_value:.4f} | x{v.latency_ratio:.2f} |"
        for v in decision.verdicts
    ]
    return lines


def use(model: Path, judged: Judged) -> str:
    """The settings that put the model to work."""
    config, reranker = judged.pipeline, judged.pipeline.reranker
    assert reranker is not None
    parts = config.model_dump(mode="json", exclude={"name", "reranker"}, exclude_none=True)
    lines = [f"{name} = {_toml(value)}" for name, value in parts.items()]
    return "\n".join(
        [
            "[reranker]",
            f'model = "{model}"',
            "[retrieval]",
            f'pipeline = "{config.name}"',
            "[[retrieval.pipelines]]",
            f'name = "{config.name}"',
            *lines,
            f"reranker = {{ depth = {reranker.depth}, weight = {reranker.weight:g} }}",
        ]
    )


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def _card(facts: Mapping[str, Any], judged: Judged) -> str:
    verdict = "passed" if judged.decision.passes else "did not pass: **it is not to be used**"
    sources = [
        f"| {name} | {one['kind']} | {one['asked']} | {one['trained']} | {one['dev']} |"
        for name, one in facts["sources"].items()
    ]
    return "\n".join(
        [
            *_FRONT_MATTER,
            f"# Reranker {facts['id']}",
            "",
            f"Trained by `footnote train reranker` from {facts['base']}, at commit {facts['commit']}. It {verdict} the "
            "gate. Its score is a logit, to be mixed with the score before it.",
            "",
            "## Gate",
            "",
            f"The default pipeline, and the same with this model over its best {judged.pipeline.reranker.depth} "  # type: ignore[union-attr]
            f"passages, weight {judged.pipeline.reranker.weight:g} (chosen on the dev questions).",  # type: ignore[union-attr]
            "",
            *table(judged.decision),
            "",
            *(f"- {fault}" for fault in judged.decision.faults),
            "",
            "## Trained on",
            "",
            "| source | kind | questions | trained with | dev |",
            "| --- | --- | --- | --- | --- |",
            *sources,
            "",
            f"On the dev questions: nDCG@10 {facts['dev']['before']:.3f} before, by weight "
            + ", ".join(f"{weight}: {value:.3f}" for weight, value in facts["dev"]["by_weight"].items())
            + f". {facts['steps']} steps.",
            "",
            "The recipe, with every setting, is in `recipe.toml`; all facts are in `training.json`.",
            "",
        ]
    )
