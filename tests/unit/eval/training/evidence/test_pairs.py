"""Pairs that the evidence model learns from."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from eval.datasets import DatasetError
from eval.training.evidence.answers import policyqa, qed, selqa
from eval.training.evidence.changed import changed, reworded
from eval.training.evidence.pairs import Pair, said_of
from eval.training.evidence.supports import fm2, scifact, synthetic


def test_selqa_reads_sentences_under_their_section(tmp_path: Path) -> None:
    row = {
        "question": "Where is it?",
        "article": "Israel",
        "section": "Museums",
        "answers": [1],
        "candidates": ["A .", "In Tel Aviv ."],
    }
    (tmp_path / "s.json").write_text(json.dumps([row]))
    (group,) = selqa(tmp_path / "s.json")
    assert [(one.second, one.label) for one in group] == [
        ("Israel - Museums: A.", False),
        ("Israel - Museums: In Tel Aviv.", True),
    ]


def test_policyqa_takes_the_sentences_that_hold_the_span(tmp_path: Path) -> None:
    context = "We collect your name. We don't sell it. Ask us."
    span = {"text": "don't sell it", "answer_start": context.index("don't")}
    data = {
        "title": "x.com",
        "paragraphs": [{"context": context, "qas": [{"id": "1", "question": "Sold?", "answers": [span]}]}],
    }
    (tmp_path / "p.json").write_text(json.dumps({"data": [data]}))
    (group,) = policyqa(tmp_path / "p.json")
    assert [one.label for one in group] == [False, True, False]


def test_qed_takes_the_sentence_that_was_selected(tmp_path: Path) -> None:
    text = "He was born . He won in 1901 ."
    chosen = {"start": 14, "end": 30, "string": ""}
    row = {
        "example_id": 5, "title_text": "T", "question_text": "who won", "paragraph_text": text,
        "sentence_starts": [0, 14],
        "annotation": {"explanation_type": "single_sentence", "selected_sentence": chosen},
    }  # fmt: skip
    none = {**row, "annotation": {"explanation_type": "none"}}
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(none))
    (group,) = qed(tmp_path / "q.jsonl")
    assert [(one.second, one.label) for one in group] == [("T: He was born.", False), ("T: He won in 1901.", True)]


def test_fm2_and_scifact_say_what_supports(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "text": "C", "label": label, "gold_evidence": [{"text": "E"}]}
        for n, label in enumerate(("SUPPORTS", "REFUTES"))
    ]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [one.label for one in fm2(tmp_path / "f.jsonl")] == [True, False]
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "9", "title": "T", "text": "Folate lowers it."}))
    (tmp_path / "c.csv").write_text(
        "id,claim,evidence_doc_id,evidence_label,evidence_sentences,cited_doc_ids\n"
        "1,Folate lowers it.,9,SUPPORT,[0],[9]\n1,Folate lowers it.,9,SUPPORT,[1],[9]\n2,Folate raises it.,,,[],[9]\n"
    )
    assert [(one.first, one.label) for one in scifact(tmp_path / "c.csv", tmp_path)] == [
        ("Folate lowers it.", True),
        ("Folate raises it.", False),
    ]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="--data"):
        selqa(tmp_path / "none.json")


def test_of_a_long_passage_only_the_lines_that_a_statement_is_about_are_read() -> None:
    passage = "\n".join(
        [f"Line {number} tells of something else entirely." for number in range(40)] + ["Kay founded the museum."]
    )
    assert said_of("The museum was founded by Kay.", passage).startswith("Kay founded the museum.")
    assert said_of("Anything", "Short.") == "Short."


def test_a_group_is_in_one_part_only() -> None:
    groups = [Pair("s", f"g{number}", "q", "t", label=True) for number in range(500)]
    share = sum(one.dev for one in groups) / len(groups)
    assert 0.03 < share < 0.15
    assert all(one.dev == Pair("s", one.group, "other", "x", label=False).dev for one in groups)


def test_changed_says_something_else_and_reworded_leaves_facts_alone() -> None:
    drawn = random.Random(1)
    text = "In 1931, the large museum was founded by Oliver before the war, and it has 40 rooms."
    others = ["The library is closed.", "They met with Kay near Lima."]
    seen = {changed(text, others, drawn) for _ in range(40)}
    assert text not in seen
    assert len(seen) > 4
    for _ in range(20):
        said = reworded(text, drawn)
        assert "museum was founded by Oliver" in said
        assert "after the war" not in said
    assert changed("Hm.", others, drawn) is None


def test_synthetic_pairs_come_with_both_labels() -> None:
    texts = [
        [
            f"The tower of town {number} was built in 19{number} before the great fire there.",
            "It is large and has many visitors every year now.",
        ]
        for number in range(10, 40)
    ]
    made = list(synthetic(texts, random.Random(3)))
    labels = [one.label for one in made]
    assert 0.4 < sum(labels) / len(labels) < 0.6
