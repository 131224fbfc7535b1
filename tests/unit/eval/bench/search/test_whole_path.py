"""From a collection in the BEIR layout to a table, over an API that is faked at its transport."""

import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.bench.search import whole_path as beir
from eval.client import ApiClient, ApiError
from eval.corpus_folder import file_name, names_to_ids, ranking, write_corpus
from eval.datasets import DatasetError, Document, read_collection

ROWS = {
    "corpus.jsonl": '{"_id": "a/1", "title": "Leave", "text": "Days off."}\n{"_id": "b", "text": "Travel"}\n',
    "queries.jsonl": '{"_id": "q1", "text": "days off?"}\n{"_id": "q2", "text": "unjudged"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\ta/1\t2\nq1\tb\t0\n",
}


def write(folder: Path, **changed: str) -> Path:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, content in (
        ROWS | {k.replace("__", "/").replace("_jsonl", ".jsonl").replace("_tsv", ".tsv"): v for k, v in changed.items()}
    ).items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_a_collection_is_read_with_its_judged_queries(tmp_path: Path) -> None:
    collection = read_collection(write(tmp_path / "tiny"))
    assert collection.name == "tiny"
    assert [d.id for d in collection.documents] == ["a/1", "b"]
    assert collection.queries == {"q1": "days off?"}
    assert collection.qrels == {"q1": {"a/1": 2, "b": 0}}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"corpus_jsonl": "{nonsense"}, r"corpus.jsonl, line 1: not JSON"),
        ({"corpus_jsonl": '{"_id": 3, "text": "x"}'}, "'_id' is missing or not a string"),
        ({"corpus_jsonl": '{"_id": "a", "text": "x"}\n' * 2}, "line 2: document 'a' is there twice"),
        ({"corpus_jsonl": "[]"}, "not a JSON object"),
        ({"qrels__test_tsv": "q1\ta\n"}, r"test.tsv, line 1: not 'query-id"),
        ({"qrels__test_tsv": "q9\ta\t1\n"}, "judges query 'q9'"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_collection(write(tmp_path, **changed))


def test_a_missing_collection_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not there"):
        read_collection(tmp_path / "nowhere")


@given(st.lists(st.text("a/.%? é漢", min_size=1, max_size=8), unique=True, min_size=1, max_size=8))
def test_ids_survive_file_names_and_uris(ids: list[str]) -> None:
    documents = [Document(id, "t", "x") for id in ids]  # noqa: A001
    names = names_to_ids(documents)
    assert ranking((f"file:///x/{file_name(i)}" for i in ids), names) == ids
    assert ranking((f"file:///x/{quote(file_name(i))}" for i in ids), names) == ids


def test_a_document_counts_at_its_best_passage_and_strangers_are_an_error() -> None:
    assert ranking(["x/b.md", "x/a.md", "x/b.md"], {"a.md": "a", "b.md": "b"}) == ["b", "a"]
    with pytest.raises(LookupError, match="not a document"):
        ranking(["x/c.md"], {"a.md": "a"})


def test_documents_become_markdown_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    documents = [Document("a/1", "Two\nlines", "Body."), Document("b", "", "Only text."), Document("c", " ", " ")]
    assert write_corpus(documents, tmp_path) == 2
    assert (tmp_path / "a%2F1.md").read_text() == "# Two lines\n\nBody.\n"
    assert (tmp_path / "b.md").read_text() == "Only text.\n"


class FakeApi:
    """Answers as the API does: the run is over at the second look."""

    def __init__(self) -> None:
        self.looks = 0
        self.error: str | None = None
        self.searches: list[dict] = []
        self.removed: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer key"
        match request.method, request.url.path:
            case "POST", "/v1/sources":
                assert request.url.params["sync"] == "true"
                folder = Path(json.loads(request.content)["config"]["path"])
                assert sorted(p.name for p in folder.iterdir()) == ["a%2F1.md", "b.md"]
                return httpx.Response(201, json={"id": "s1", "run": {}})
            case "GET", "/v1/sources/s1/runs":
                self.looks += 1
                over = "2026-01-01T00:00:00Z" if self.looks > 1 else None
                counts = {"seen": 2, "indexed": 2, "failed": 0, "unchanged": 0, "deleted": 0}
                return httpx.Response(200, json={"runs": [{**counts, "finished_at": over, "error": self.error}]})
            case "POST", "/v1/search":
                self.searches.append(json.loads(request.content))
                hits = [{"uri": "file:///x/b.md"}, {"uri": "file:///x/a%252F1.md"}]
                return httpx.Response(200, json={"hits": hits, "degraded": []})
            case "DELETE", "/v1/sources/s1":
                self.removed.append("s1")
                return httpx.Response(202, content=b"null")
        return httpx.Response(404, text="no such route")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    monkeypatch.setattr(beir, "ApiClient", lambda url, key: ApiClient(url, key, httpx.MockTransport(fake)))
    monkeypatch.setattr("eval.client._POLL_S", 0.0)
    return fake


def test_the_whole_command(tmp_path: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    data = write(tmp_path / "tiny")
    assert beir.main(["--data", str(data), "--api", "http://api", "--key", "key", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())
    assert [row["pipeline"] for row in rows] == ["lexical", "vector", "hybrid"]
    assert rows[0]["ndcg_10"]["value"] == pytest.approx(0.6309, abs=1e-4)
    assert rows[0]["recall_100"]["value"] == 1
    assert rows[0]["degraded"] == 0
    assert api.searches[0] == {"query": "days off?", "pipeline": "lexical", "limit": 100, "filters": {"source": ["s1"]}}
    assert api.removed == ["s1"]
    assert "0.631" in capsys.readouterr().out


def test_a_failed_sync_is_an_error(tmp_path: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.error = "the disk is full"
    assert beir.main(["--data", str(write(tmp_path / "tiny")), "--api", "http://api", "--key", "key"]) == 1
    assert "the disk is full" in capsys.readouterr().err


def test_an_api_that_refuses_or_is_down_is_named() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ApiError, match="ConnectError"):
        ApiClient("http://api", None, httpx.MockTransport(down)).search("q", pipeline="lexical", limit=1)
    with pytest.raises(ApiError, match="401"):
        ApiClient("http://api", None, httpx.MockTransport(lambda _: httpx.Response(401, text="no"))).remove("s")
