"""Reranking on a server: Text Embeddings Inference, Jina's and Cohere's protocols, Amazon Bedrock.

https://huggingface.github.io/text-embeddings-inference/
https://jina.ai/reranker/ (vLLM and others speak it as well)
https://docs.cohere.com/reference/rerank
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from core.errors import ConfigurationError, ModelUnavailable
from core.settings import RerankerSettings
from retrieval.remote.answers import in_order
from retrieval.remote.bedrock import connect, explained
from retrieval.remote.http import Attempts, JsonServer

REMOTE = re.compile(r"(?P<kind>tei|jina|cohere|bedrock):(?P<name>.+)")
_OWN = {"jina": "https://api.jina.ai/v1", "cohere": "https://api.cohere.com/v2"}
_ATTEMPTS = 2
_ALMOST = 1e-6


class _Service(Protocol):
    """One request: an object with ``index`` and score for each passage."""

    score: str
    most_texts: int

    def ask(self, query: str, passages: Sequence[str], timeout_s: float) -> object: ...

    def close(self) -> None: ...


class RemoteReranker:
    """A :class:`retrieval.reranking.port.Reranker` on a server. Safe to use from several threads.

    Scores are logits, as the cross-encoder's: probabilities are put back, so that the best ones, all of them near 1,
    can be told apart when they are mixed with other scores.

    Raises:
        ConfigurationError: ``reranker.model`` is of no such kind, or a setting that it needs is missing.
    """

    def __init__(self, settings: RerankerSettings, attempts: Attempts | None = None) -> None:
        found = REMOTE.match(settings.model or "")
        if found is None:
            raise ConfigurationError(f"reranker.model {settings.model!r} names no server's model.")
        kind, name = found["kind"], found["name"]
        self.name = f"{kind}:{name}"
        self._where = f"The reranker {name!r}"
        self._deadline_s = settings.deadline_ms / 1000
        self._service = _bedrock(name, settings) if kind == "bedrock" else _http(kind, name, settings, self._where)
        self._attempts = attempts or Attempts(_ATTEMPTS)

    def warm_up(self) -> None:
        """Ask the server once. Idempotent."""
        self.score("warm up", ["a passage"])

    def close(self) -> None:
        """Let go of connections."""
        self._service.close()

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, the higher the better.

        Raises:
            ModelUnavailable: the server doesn't answer in ``reranker.deadline_ms``, refuses, or sends no scores.
        """
        due = self._attempts.monotonic() + self._deadline_s
        scores: list[float] = []
        for at in range(0, len(passages), self._service.most_texts):
            scores += self._scores(query, passages[at : at + self._service.most_texts], due)
        return _logits(scores)

    def _scores(self, query: str, passages: Sequence[str], due: float) -> list[float]:
        def request() -> object:
            left = due - self._attempts.monotonic()
            if left <= 0:
                raise ModelUnavailable(f"{self._where} wasn't done in time (reranker.deadline_ms).")
            return self._service.ask(query, passages, left)

        answer = self._attempts.run(request, due, part="reranker")
        return [self._number(item) for item in in_order(answer, len(passages), self._where)]

    def _number(self, item: Mapping[str, Any]) -> float:
        score = item.get(self._service.score)
        if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
            raise ModelUnavailable(f"{self._where} sends a score that is no number.")
        return float(score)


def _logits(scores: list[float]) -> list[float]:
    """Of probabilities. What isn't between 0 and 1 is logits already."""
    if not all(0 <= score <= 1 for score in scores):
        return scores
    inside = (min(max(score, _ALMOST), 1 - _ALMOST) for score in scores)
    return [math.log(score / (1 - score)) for score in inside]


def _http(kind: str, name: str, settings: RerankerSettings, where: str) -> _Service:
    url = settings.remote.url or _OWN.get(kind)
    if url is None:
        raise ConfigurationError(f"reranker.model {settings.model!r} needs reranker.remote.url, up to its /rerank.")
    server = JsonServer(f"{url.rstrip('/')}/rerank", settings.remote.api_key, where=where, keys="reranker.remote")
    return _Tei(server, settings.remote.batch_texts) if kind == "tei" else _Cohere(server, name)


class _Tei:
    score = "score"

    def __init__(self, server: JsonServer, most_texts: int) -> None:
        self._server = server
        self.most_texts = most_texts
        self.close = server.close

    def ask(self, query: str, passages: Sequence[str], timeout_s: float) -> object:
        body = {"query": query, "texts": list(passages), "raw_scores": True, "truncate": True}
        return self._server.post(body, timeout_s)


class _Cohere:
    """Jina's protocol is Cohere's, as far as it is needed here."""

    score = "relevance_score"
    most_texts = 1000

    def __init__(self, server: JsonServer, model: str) -> None:
        self._server = server
        self._model = model
        self.close = server.close

    def ask(self, query: str, passages: Sequence[str], timeout_s: float) -> object:
        body = {"model": self._model, "query": query, "documents": list(passages), "top_n": len(passages)}
        answer = self._server.post(body, timeout_s)
        return answer.get("results") if isinstance(answer, dict) else None


class _Bedrock:
    score = "relevanceScore"
    most_texts = 1000

    def __init__(self, client: Any, arn: str, where: str) -> None:
        self._client = client
        self._arn = arn
        self._where = where
        self.close = client.close

    def ask(self, query: str, passages: Sequence[str], timeout_s: float) -> object:  # noqa: ARG002 - the client has it
        model = {"modelConfiguration": {"modelArn": self._arn}, "numberOfResults": len(passages)}

        def call() -> Any:
            return self._client.rerank(
                queries=[{"type": "TEXT", "textQuery": {"text": query}}],
                sources=[_inline(passage) for passage in passages],
                rerankingConfiguration={
                    "type": "BEDROCK_RERANKING_MODEL",
                    "bedrockRerankingConfiguration": model,
                },
            )

        return explained(call, where=self._where, action="bedrock:Rerank").get("results")


def _inline(passage: str) -> dict[str, Any]:
    source = {"type": "TEXT", "textDocument": {"text": passage}}
    return {"type": "INLINE", "inlineDocumentSource": source}


def _bedrock(name: str, settings: RerankerSettings) -> _Service:
    remote = settings.remote
    client = connect(
        "bedrock-agent-runtime",
        region=remote.region,
        endpoint=remote.url,
        timeout_s=settings.deadline_ms / 1000,
        connect_s=min(5.0, settings.deadline_ms / 1000),
    )
    arn = name if name.startswith("arn:") else f"arn:aws:bedrock:{client.meta.region_name}::foundation-model/{name}"
    return _Bedrock(client, arn, f"The Bedrock reranker {name!r}")
