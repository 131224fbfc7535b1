"""Collections that aren't as they should be: each fault is named with its file and line, and a way out."""

from pathlib import Path

import pytest

from eval.datasets import DatasetError, read_collection

FILES = {
    "corpus.jsonl": '{"_id": "a", "title": "Leave", "text": "Days off."}\n{"_id": "b", "text": "Travel"}\n',
    "queries.jsonl": '{"_id": "q1", "text": "days off?"}\n{"_id": "q2", "text": "unjudged"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0\n",
}


def write(folder: Path, changed: dict[str, str]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    for name, content in (FILES | changed).items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_queries_without_a_relevant_document_are_told_and_not_dropped(tmp_path: Path) -> None:
    judged = FILES["qrels/test.tsv"] + "q3\tb\t0\n"
    queries = FILES["queries.jsonl"] + '{"_id": "q3", "text": "judged, and nothing found"}\n'
    found = read_collection(write(tmp_path / "c", {"qrels/test.tsv": judged, "queries.jsonl": queries}))
    assert list(found.queries) == ["q1"]
    assert list(found.unjudged) == ["q2", "q3"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"qrels/test.tsv": "q1\tz\t1\n"}, r"test.tsv, line 1: judges document 'z', which corpus.jsonl lacks.*--allow"),
        ({"qrels/test.tsv": "q1\ta\t1\nq9\ta\t1\n"}, r"test.tsv, line 2: judges query 'q9'"),
        (
            {"qrels/test.tsv": "q1\ta\t1\nq1\ta\t2\n"},
            r"line 2: query 'q1' and document 'a' were judged 1 before, and 2",
        ),
        ({"qrels/test.tsv": "q1\ta\tyes\n"}, r"test.tsv, line 1: not 'query-id"),
        ({"qrels/test.tsv": "query-id\tcorpus-id\tscore\n"}, "nothing to measure. There is no other split"),
        ({"qrels/test.tsv": "q1\ta\t0\n", "qrels/dev.tsv": ""}, "nothing to measure. Splits that are there: dev"),
        ({"queries.jsonl": FILES["queries.jsonl"] * 2}, "queries.jsonl, line 3: query 'q1' is there twice"),
        ({"queries.jsonl": '{"_id": "q1"}\n'}, "queries.jsonl, line 1: 'text' is missing"),
        ({"corpus.jsonl": ""}, "corpus.jsonl holds no document"),
        ({"corpus.jsonl": FILES["corpus.jsonl"] + "{oops\n"}, "corpus.jsonl, line 3: not JSON"),
    ],
)
def test_a_fault_is_named_with_its_line_and_the_way_out(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_collection(write(tmp_path / "c", changed))


def test_a_split_that_isn_t_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"qrels/train.tsv is not there. Splits that are there: test"):
        read_collection(write(tmp_path / "c", {}), split="train")


def test_missing_documents_can_be_allowed_and_stay_in_the_judgments(tmp_path: Path) -> None:
    folder = write(tmp_path / "c", {"qrels/test.tsv": "q1\ta\t1\nq1\tz\t1\n"})
    found = read_collection(folder, allow_missing=True)
    assert found.qrels == {"q1": {"a": 1, "z": 1}}
    assert found.missing == (("q1", "z"),)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"corpus.jsonl": "{nonsense"}, r"corpus.jsonl, line 1: not JSON"),
        ({"corpus.jsonl": '{"_id": 3, "text": "x"}'}, "'_id' is missing or not a string"),
        ({"corpus.jsonl": '{"_id": "a", "text": "x"}\n' * 2}, "line 2: document 'a' is there twice"),
        ({"corpus.jsonl": "[]"}, "not a JSON object"),
        ({"qrels/test.tsv": "q1\ta\n"}, r"test.tsv, line 1: not 'query-id"),
        ({"qrels/test.tsv": "q9\ta\t1\n"}, "judges query 'q9'"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_collection(write(tmp_path / "c", changed))


def test_a_missing_collection_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not there"):
        read_collection(tmp_path / "nowhere")
