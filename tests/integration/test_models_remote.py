"""A search over a real index with embedder and reranker on servers: up, and down."""

from __future__ import annotations

from pathlib import Path

from core.principal import ANONYMOUS
from core.settings import Settings
from retrieval.embedding.build import build_embedder, build_embedders
from retrieval.embedding.remote import RemoteEmbedder
from retrieval.embedding.windows import embed_chunks
from retrieval.index.build import build_index
from retrieval.reranking.build import build_reranker
from retrieval.reranking.remote import RemoteReranker
from retrieval.retriever import Retriever
from tests.contract.passages import passage, write
from tests.integration.cloud_server import serving
from tests.servers.models import KEY, ModelServer, RerankServer, error

TEXTS = {"a": "parental leave is 26 weeks", "b": "the office opens at eight", "c": "weeks of leave are counted in days"}


def test_a_search_does_without_what_is_down(tmp_path: Path) -> None:
    models, rerankers = ModelServer(), RerankServer()
    with serving(models) as (url, _), serving(rerankers) as (rerank_url, _):
        remote = {"url": f"{url}/v1", "api_key": KEY, "dimensions": 8, "query_timeout_s": 2}
        settings = Settings.model_validate(
            {
                "data_dir": tmp_path,
                "embedder": {"model": "openai:small", "remote": remote},
                "reranker": {
                    "model": "tei:bge",
                    "remote": {"url": rerank_url, "api_key": KEY},
                    "deadline_ms": 2000,
                },
            }
        )
        embedder, reranker = build_embedder(settings), build_reranker(settings)
        assert isinstance(embedder, RemoteEmbedder)
        assert isinstance(reranker, RemoteReranker)
        index = build_index(settings)
        embedders = build_embedders(settings, embedder)
        generation = embedders.ensure(index)
        assert (generation.embedder, generation.model) == ("openai:small@8", "openai:small")
        write(index, *embed_chunks(embedder, [passage(key, text).chunk for key, text in TEXTS.items()]))
        retriever = Retriever(index, embedder, reranker, settings, embedders)

        response = retriever.search("weeks of parental leave", ANONYMOUS)
        assert response.pipeline == "hybrid+rerank"
        assert response.hits[0].chunk.id == "a"
        assert not response.degraded

        models.before = [error(401, "expired")]
        rerankers.before = [error(500, "down", Retry_After="60")]
        response = retriever.search("how many weeks of parental leave", ANONYMOUS)
        assert response.hits[0].chunk.id == "a"
        assert [entry.split(":")[0] for entry in response.degraded] == ["vector", "reranker"]
        assert KEY not in str(response.degraded)
        assert url not in str(response.degraded)
        retriever.close()
        embedder.close()
        reranker.close()
