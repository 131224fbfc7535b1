"""`footnote index rebuild --gate`: a generation that judged questions keep from being served, and let in."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.commands import RunningStack

ASKED = {
    "How many weeks of parental leave does each parent get?": "hr/parental-leave.md",
    "How many people have to approve a change to firmware?": "engineering/code-review.md",
    "When do I hand in receipts?": "finance/expenses.md",
    "How much money is there for courses?": "hr/learning-budget.md",
    "Who is on call at night?": "engineering/on-call.md",
}


def live(stack: RunningStack) -> str:
    generations: list[dict[str, Any]] = stack.json("index", "list")["generations"]
    [name] = [one["name"] for one in generations if one["live"]]
    return str(name)


def test_a_generation_is_served_only_once_it_passes(running_stack: RunningStack) -> None:
    questions = running_stack.home / "asked.jsonl"
    lines = [{"question": question, "relevant": [document]} for question, document in ASKED.items()]
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = live(running_stack)

    # The same model finds the same: not better anywhere.
    said = running_stack.refusal("index", "rebuild", "--gate", str(questions), "--latency-ratio", "0")
    assert "did not pass the gate. No set is better by the paired test" in said
    assert live(running_stack) == before
    [built] = [one for one in running_stack.json("index", "list")["generations"] if not one["live"]]
    assert built["rebuild"]["state"] == "ready"
    assert f"footnote index swap {built['name']}" in said

    passed = ("--gate", str(questions), "--allow-equal", "--latency-ratio", "0")
    swapped = running_stack.json("index", "swap", built["name"], *passed)
    assert (swapped["name"], swapped["live"], swapped["gate"]["passes"]) == (built["name"], True, True)
    [verdict] = swapped["gate"]["verdicts"]
    assert (verdict["queries"], verdict["delta"]) == (len(ASKED), 0)
    running_stack.run("index", "rollback")
    running_stack.run("index", "drop", built["name"])
    assert live(running_stack) == before


def test_nothing_is_built_for_questions_that_cannot_be_used(running_stack: RunningStack) -> None:
    before = running_stack.json("index", "list")
    questions = running_stack.home / "faulty.jsonl"
    questions.write_text('{"question": "What?", "relevant": ["hr/no-such-file.md"]}\n')
    rebuild = ("index", "rebuild")
    assert "faulty.jsonl, line 1: no document of the knowledge base is called" in running_stack.refusal(
        *rebuild, "--gate", str(questions)
    )
    assert "nowhere.jsonl is not there" in running_stack.refusal(*rebuild, "--gate", "nowhere.jsonl")
    assert "go with --gate" in running_stack.refusal(*rebuild, "--allow-equal")
    assert "leave --no-wait" in running_stack.refusal(*rebuild, "--gate", str(questions), "--no-wait")
    assert running_stack.json("index", "list") == before
