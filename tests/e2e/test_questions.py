"""Sets of questions made from the demo's documents, by rule, and read by people."""

from __future__ import annotations

import csv
from pathlib import Path

from core.principal import ANONYMOUS, Principal
from core.settings import Settings
from eval.answers.questions import fingerprint
from eval.question_sets.keeping import read_set, write_set
from eval.question_sets.material import sections
from eval.question_sets.staleness import stale
from tests.e2e.commands import RunningStack

LIMIT = ("--limit", "12")


def test_from_documents_to_a_set_that_people_have_read(running_stack: RunningStack, tmp_path: Path) -> None:
    out, sheet = tmp_path / "set.jsonl", tmp_path / "set.csv"
    made = running_stack.json("eval", "questions", "--out", str(out), "--sheet", str(sheet), *LIMIT)
    assert (made["version"], made["made_by"]) == (1, ["rules"])
    assert set(made["kinds"]) == {"heading", "definition", "table cell", "date"}, made
    assert sum(made["kinds"].values()) == 12
    asked, _ = read_set(out)
    assert all(one.versions and one.spans and one.documents and one.reference for one in asked)
    again = running_stack.json("eval", "questions", "--out", str(tmp_path / "again.jsonl"), *LIMIT)
    assert again["fingerprint"] == made["fingerprint"]

    rows = list(csv.DictReader(sheet.read_text(encoding="utf-8-sig").splitlines(keepends=True)))
    for row, verdict in zip(rows, ("accept", "mend", "drop", "Accept"), strict=False):
        row["verdict"] = verdict
    rows[1]["question"], rows[1]["comment"] = "Asked in a person's words?", "=was clumsy"
    with sheet.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    read = running_stack.json("eval", "questions", "--out", str(out), "--read", str(sheet))
    assert (read["version"], read["before"]) == (2, made["fingerprint"])
    assert [read[what] for what in ("accepted", "mended", "refused", "unread")] == [2, 1, 1, 8]
    kept, _ = read_set(out)
    assert len(kept) == 3
    assert kept[1].question == "Asked in a person's words?"


def test_a_set_knows_when_its_documents_have_changed(running_stack: RunningStack, tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    running_stack.json("eval", "questions", "--out", str(out), "--limit", "3")
    assert running_stack.json("eval", "questions", "--out", str(out), "--stale") == []
    asked, manifest = read_set(out)
    older = asked[0].model_copy(update={"versions": dict.fromkeys(asked[0].versions, "0")})
    gone = asked[1].model_copy(update={"versions": {"f" * 32: "1"}})
    changed = [older, gone, asked[2]]
    write_set(changed, out, manifest.model_copy(update={"fingerprint": fingerprint(changed)}))
    told = running_stack.json("eval", "questions", "--out", str(out), "--stale", status=1)
    assert [one["id"] for one in told] == [older.id, gone.id]
    assert "other bytes" in told[0]["why"]
    assert "is gone" in told[1]["why"]
    assert set(stale(changed, Settings(data_dir=running_stack.data_dir))) == {older.id, gone.id}


def test_a_set_is_made_of_nothing_that_its_reader_may_not_read(running_stack: RunningStack, tmp_path: Path) -> None:
    settings = Settings(data_dir=running_stack.data_dir)

    def text(reader: Principal) -> str:
        return "\n".join(section.text for section in sections(settings, reader, source=None, seed=0))

    assert "Brenner Chemie" not in text(ANONYMOUS)
    assert "Brenner Chemie" not in text(Principal("ida", frozenset({"hr"})))
    assert "Brenner Chemie" in text(Principal("tomas", frozenset({"security"})))
    out = tmp_path / "set.jsonl"
    made = running_stack.json(
        "eval", "questions", "--out", str(out), "--limit", "2", "--as", "tomas", "--group", "security"
    )
    assert made["reader"] == ["group:security", "public", "user:tomas"]
    assert read_set(out)[0][0].reader.principal == Principal("tomas", frozenset({"security"}))


def test_what_cannot_be_made_or_read_is_refused(running_stack: RunningStack, tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"

    def refusal(*arguments: str) -> str:
        return running_stack.refusal("eval", "questions", "--out", str(out), *arguments)

    assert "--kind is of what a model writes" in refusal("--kind", "table")
    assert "No judge is set up" in refusal("--writer", "w")
    assert "There is no source 'nowhere'" in refusal("--source", "nowhere")
    out.write_text('{"question": "How long?"}\n')
    assert "set.set.json is no manifest that can go on" in refusal()
