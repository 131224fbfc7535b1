"""What every reranker on a server holds to, and what becomes of a search when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.errors import ConfigurationError, ModelUnavailable
from core.settings import Settings
from retrieval.reranking.build import build_reranker
from retrieval.reranking.port import Reranker
from retrieval.reranking.remote import RemoteReranker
from tests.integration.cloud_server import Answer, Asked, serving
from tests.servers.models import KEY, RERANKER, RerankServer, aws_error, error

PASSAGES = ["The office opens at eight.", "parental leave is 26 weeks", "weeks have seven days", "leave"]
QUESTION = "parental leave weeks"
KINDS = {
    "tei:BAAI/bge-reranker-base": "",
    "jina:jina-reranker-v2-base-multilingual": "/v1",
    "cohere:rerank-v3.5": "/v2",
    "bedrock:cohere.rerank-v3-5:0": "",
    f"bedrock:{RERANKER}": "",
}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@contextmanager
def reranking(model: str, server: RerankServer, **more: Any) -> Iterator[tuple[RemoteReranker, list[Asked]]]:
    with serving(server) as (url, asked):
        remote = {"url": url + KINDS[model], "api_key": KEY, "region": "eu-central-1"}
        reranker = build_reranker(Settings.model_validate({"reranker": {"model": model, "remote": remote, **more}}))
        assert isinstance(reranker, RemoteReranker)
        try:
            yield reranker, asked
        finally:
            reranker.close()


@pytest.mark.parametrize("model", KINDS)
def test_scores_come_in_the_order_of_the_passages_and_rank_them(model: str) -> None:
    with reranking(model, RerankServer()) as (reranker, _):
        assert isinstance(reranker, Reranker)
        scores = reranker.score(QUESTION, PASSAGES)
        assert sorted(range(4), key=lambda at: -scores[at])[0] == 1
        assert min(scores) == scores[0] < 0 < scores[1]
        assert reranker.score(QUESTION, []) == []
        assert reranker.score(QUESTION, PASSAGES[1:2]) == pytest.approx(scores[1:2])


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("kept", [0, 3])
def test_passages_without_a_score_are_an_error(model: str, kept: int) -> None:
    def bend(value: Any) -> Any:
        return value[:kept] if isinstance(value, list) else value | {"results": value["results"][:kept]}

    with reranking(model, RerankServer(bent=bend)) as (reranker, _), pytest.raises(ModelUnavailable, match="of 4"):
        reranker.score(QUESTION, PASSAGES)


@pytest.mark.parametrize("model", list(KINDS)[:3])
@pytest.mark.parametrize(
    "broken", [b"", b"{}", b"[[]]", b'{"results": [{"index": 0, "relevance_score": "1"}]}', b"\xff"]
)
def test_a_response_of_another_shape_is_an_error(model: str, broken: bytes) -> None:
    server = RerankServer(before=[Answer(raw=broken)])
    with reranking(model, server) as (reranker, _), pytest.raises(ModelUnavailable):
        reranker.score(QUESTION, PASSAGES[:1])


@pytest.mark.parametrize("model", KINDS)
def test_a_busy_server_is_asked_once_more(model: str) -> None:
    busy = aws_error(429, "ThrottlingException") if model.startswith("bedrock") else error(429, "x", Retry_After="0")
    with reranking(model, RerankServer(before=[busy])) as (reranker, asked):
        assert len(reranker.score(QUESTION, PASSAGES)) == 4
        assert len(asked) == 2


@pytest.mark.parametrize("model", list(KINDS)[:3])
def test_the_deadline_holds_and_a_wait_that_is_past_it_is_not_begun(model: str) -> None:
    server = RerankServer(before=[error(503, "x", Retry_After="20")])
    with reranking(model, server, deadline_ms=300) as (reranker, asked):
        with pytest.raises(ModelUnavailable):
            reranker.score(QUESTION, PASSAGES)
        assert len(asked) == 1


def test_tei_gets_as_many_passages_as_it_takes() -> None:
    server = RerankServer(most_texts=32)
    with reranking(next(iter(KINDS)), server) as (reranker, _):
        assert len(reranker.score(QUESTION, PASSAGES * 20)) == 80
        assert [len(request["texts"]) for request in server.requests] == [32, 32, 16]


def test_a_key_that_is_refused_names_its_setting() -> None:
    with serving(RerankServer()) as (url, _):
        made = {"model": "cohere:rerank-v3.5", "remote": {"url": f"{url}/v2", "api_key": "co-wrong"}}
        reranker = build_reranker(Settings.model_validate({"reranker": made}))
        assert isinstance(reranker, RemoteReranker)
        with pytest.raises(ModelUnavailable, match=r"reranker\.remote\.api_key") as caught:
            reranker.score(QUESTION, PASSAGES)
        assert "co-wrong" not in str(caught.value)
        reranker.close()


def test_tei_has_no_address_of_its_own() -> None:
    with pytest.raises(ConfigurationError, match=r"reranker\.remote\.url"):
        build_reranker(Settings.model_validate({"reranker": {"model": "tei:bge"}}))
