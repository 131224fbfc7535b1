"""Judged questions about a knowledge base in use."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eval.datasets import DatasetError
from eval.retrieval.live import Names, names_of, read_judged, read_questions

NAMES = Names(
    {
        "id1": "file:///kb/hr/parental%20leave.md",
        "id2": "file:///kb/it/guide.md",
        "id3": "file:///kb/hr/guide.md",
    }
)


def write(folder: Path, *lines: str) -> Path:
    file = folder / "asked.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_documents_are_named_by_id_uri_or_its_end(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '{"id": "a", "question": "leave?", "relevant": {"hr/parental leave.md": 2, "id2": 0}}',
        '{"question": "guide?", "relevant": ["/it/guide.md", "file:///kb/hr/guide.md"]}',
        '{"id": "c", "question": "nobody knows"}',
    )
    found = read_judged(file, NAMES)
    assert found.qrels == {"a": {"id1": 2, "id2": 0}, "2": {"id2": 1, "id3": 1}}
    assert list(found.unjudged) == ["c"]
    assert read_questions(file) == {"a": "leave?", "2": "guide?", "c": "nobody knows"}


def test_judgments_of_a_sheet_are_added(tmp_path: Path) -> None:
    file = write(tmp_path, '{"id": "a", "question": "leave?"}')
    qrels = tmp_path / "q.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\na\tid1\t3\n")
    assert read_judged(file, NAMES, qrels=qrels).qrels == {"a": {"id1": 3}}
    qrels.write_text("b\tid1\t3\n")
    with pytest.raises(DatasetError, match=r"q.tsv, line 1: judges question 'b'"):
        read_judged(file, NAMES, qrels=qrels)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"question": "?", "relevant": ["gone.md"]}', "line 1: no document of the knowledge base is called 'gone.md'"),
        ('{"question": "?", "relevant": ["guide.md"]}', "'guide.md' is the end of 2 documents' URIs; give more of it"),
        ('{"question": " "}', "line 1: 'question' is missing or empty"),
        ('{"question": "?", "relevant": {"id1": "good"}}', "'relevant' is a list of documents, or a mapping"),
        ('{"question": "?", "relevant": "id1"}', "'relevant' is a list of documents, or a mapping"),
        ('{"question": "?"}', "finds no document relevant to any question"),
        ("not json", "line 1: not JSON"),
        ("", "holds no question"),
    ],
)
def test_a_fault_names_the_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_judged(write(tmp_path, line), NAMES)


def test_two_questions_of_one_id_are_refused(tmp_path: Path) -> None:
    line = '{"id": "a", "question": "?", "relevant": ["id1"]}'
    with pytest.raises(DatasetError, match="line 2: question 'a' is there twice"):
        read_judged(write(tmp_path, line, line), NAMES)


def test_a_folder_in_the_beir_layout_needs_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_text('{"_id": "a", "text": "leave?"}\n{"_id": "b", "text": "nobody asks"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\thr/guide.md\t2\n")
    found = read_judged(tmp_path, NAMES)
    assert (found.queries, found.qrels, list(found.unjudged)) == ({"a": "leave?"}, {"a": {"id3": 2}}, ["b"])
    (tmp_path / "qrels" / "test.tsv").write_text("a\thr/gone.md\t2\n")
    with pytest.raises(
        DatasetError, match=r"test.tsv, line 1: no document of the knowledge base is called 'hr/gone.md'"
    ):
        read_judged(tmp_path, NAMES)


def test_missing_documents_can_be_allowed(tmp_path: Path) -> None:
    file = write(tmp_path, '{"id": "a", "question": "?", "relevant": ["id1", "gone.md"]}')
    found = read_judged(file, NAMES, allow_missing=True)
    assert found.qrels == {"a": {"id1": 1, "gone.md": 1}}
    assert found.missing == (("a", "gone.md"),)


def test_the_catalog_is_read_source_by_source_and_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.retrieval.live._PAGE", 2)
    records = {
        source: [SimpleNamespace(id=f"{source}{n}", uri=f"file:///{source}/{n}.md") for n in range(3)]
        for source in "ab"
    }

    def page(source_id: str, limit: int, offset: int) -> list[SimpleNamespace]:
        return records[source_id][offset : offset + limit]

    sources = [SimpleNamespace(id=source) for source in records]
    catalog: Any = SimpleNamespace(sources=SimpleNamespace(list=lambda: sources), documents=SimpleNamespace(list=page))
    names = names_of(catalog)
    assert len(names) == 6
    assert names.resolve("b/2.md", "here") == "b2"
