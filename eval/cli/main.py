"""The group ``footnote eval``."""

from __future__ import annotations

import click

from eval.cli.shared import LazyGroup


@click.group(
    cls=LazyGroup,
    within={
        "retrieval": ("eval.cli.retrieval", "Run pipelines over judged questions: quality, paired tests, latency."),
        "answers": ("eval.cli.answers", "Ask judged questions: how many answers are right, and how long they take."),
        "understanding": (
            "eval.cli.understanding",
            "Whether follow-ups, questions in parts, misspelt and vague ones find their files.",
        ),
        "evidence": (
            "eval.cli.evidence",
            "What an evidence model is worth on public test sets. See docs/evidence.md.",
        ),
        "gate": ("eval.cli.gate", "Exit with status 1 unless a run is better on one set, worse on none."),
        "judge": ("eval.cli.judge", "Have language models score answers, or compare two configurations'."),
        "calibrate": ("eval.cli.calibrate", "Hold a judge's scores against people's labels."),
        "reviews": ("eval.cli.reviews", "What reviewers found: agreement, each week's means, causes to mend."),
        "questions": ("eval.cli.questions", "Make a set of questions from the knowledge base, and a sheet for people."),
        "judge-pool": ("eval.cli.judge_pool", "Write a sheet of what pipelines found, for people to judge."),
        "drift": ("eval.cli.drift", "Show how answers and questions moved, week by week."),
        "history": ("eval.cli.history", "Show how figures moved over the runs that were kept."),
    },
)
def eval() -> None:  # noqa: A001 - the command's name
    """Measure retrieval and answers, compare runs, and refuse a change that makes it worse. See docs/evaluation.md."""
