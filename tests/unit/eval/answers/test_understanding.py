"""Cases of questions that leave something out: read from their files, and asked in each way."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.chunk import Chunk
from core.settings import Settings
from eval.answers.understanding import Asker, Outcome, read_cases
from eval.datasets import DatasetError
from eval.progress import unseen
from tests.unit.generation.conftest import GivenPassages, WordEmbedder


def test_the_sets_that_come_along_are_whole_and_split_in_halves() -> None:
    counts = Counter((case.kind, case.split) for case in read_cases())
    assert counts["follow-up", "tune"] == counts["follow-up", "held"] == 40
    for kind in ("parts", "misspelt", "vague"):
        assert counts[kind, "tune"] == counts[kind, "held"] == 30
    assert counts["single", "tune"] + counts["single", "held"] == 124
    assert all(case.expected or case.in_path for case in read_cases())


def test_a_case_without_anything_expected_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "parts.jsonl").write_text('{"question": "What is it?", "files": []}\n')
    with pytest.raises(DatasetError, match=r"parts.jsonl.*1.*in_path"):
        read_cases(["parts"], tmp_path)
    (tmp_path / "parts.jsonl").write_text('{"files": ["a.md"]}\n')
    with pytest.raises(DatasetError, match="'question'"):
        read_cases(["parts"], tmp_path)


class ByWords(GivenPassages):
    """Finds the passages that share most words with what is asked."""

    def search(self, query: str, *args: Any, **options: Any) -> Any:
        asked = self.embedder.embed_query(query)
        self.chunks.sort(key=lambda chunk: -float(asked @ self.embedder.embed_query(chunk.text)))
        return super().search(query, *args, **options)


def chunk(document: str, text: str) -> Chunk:
    return Chunk(
        id=document, document_id=document, source_id="s", uri=f"hr/{document}.md", ordinal=0, text=text, start=0,
        end=len(text),
    )  # fmt: skip


def ask(tmp_path: Path, name: str, kind: str, row: dict[str, Any]) -> dict[str, Outcome]:
    (tmp_path / name).write_text(json.dumps({"split": "held", **row}) + "\n")
    passages = [
        chunk("leave", "Parental leave lasts sixteen weeks."),
        chunk("office", "The office opens at eight in the morning."),
    ]
    asker = Asker(search=ByWords(passages, WordEmbedder()), settings=Settings(), first=1)
    return {one.way: one for one in asyncio.run(asker.ask_all(read_cases([kind], tmp_path), unseen))}


def test_a_follow_up_finds_by_rule_what_its_words_alone_do_not(tmp_path: Path) -> None:
    turns = ["When does the office open in the morning?", "At eight.", "And for parents on leave?"]
    row = {"turns": turns, "standalone": "When does the office open for parents?", "files": ["office.md"]}
    found = ask(tmp_path, "conversations.jsonl", "follow-up", row)
    assert {way: one.right for way, one in found.items()} == {
        "its words alone": False,
        "by rule": True,
        "rewritten by hand": True,
    }
    assert found["rewritten by hand"].understood.queries[0] == row["standalone"]


def test_a_vague_question_is_right_where_two_documents_are_cited_and_one_is_of_its_topic(tmp_path: Path) -> None:
    row = {"question": "morning", "files": [], "in_path": ["office"]}
    found = ask(tmp_path, "vague.jsonl", "vague", row)
    assert not found["understood"].right
    assert found["understood"].understood.cited == ["hr/office.md"]
    assert found["understood"].understood.notices[0].startswith("The question says little")
