"""Servers of models that speak their vendors' protocols and check each request as those do.

Embeddings: https://platform.openai.com/docs/api-reference/embeddings/create, and the same route of Text Embeddings
Inference (https://huggingface.github.io/text-embeddings-inference/, which takes 32 texts a request and answers with the
model that it serves, whatever was asked for).
Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html with
model-parameters-titan-embed-text.html and model-parameters-embed-v3.html / -v4.html of the user guide, and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html.
Rerank: Text Embeddings Inference's /rerank, https://jina.ai/reranker/ and https://docs.cohere.com/reference/rerank.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.integration.cloud_server import Answer, Asked

KEY = "sk-secret-of-the-test"
TITAN, COHERE, COHERE_4 = "amazon.titan-embed-text-v2:0", "cohere.embed-multilingual-v3", "eu.cohere.embed-v4:0"
RERANKER = "arn:aws:bedrock:eu-central-1::foundation-model/cohere.rerank-v3-5:0"


def vector_of(text: str, dimensions: int) -> list[float]:
    """Texts with common words have similar vectors."""
    numbers = [0.0] * dimensions
    for word in re.findall(r"\w+", text.casefold()):
        numbers[sum(word.encode()) % dimensions] += 1.0
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def error(status: int, message: str, **headers: str) -> Answer:
    return Answer(
        {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}},
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def aws_error(status: int, code: str) -> Answer:
    return Answer({"message": "no"}, status=status, headers={"x-amzn-ErrorType": code})


def _unknown(body: dict[str, Any], *known: str) -> str | None:
    extra = set(body) - set(known)
    return f"Unrecognized request argument supplied: {min(extra)}" if extra else None


@dataclass
class ModelServer:
    """A script for ``cloud_server.serving``.

    Attributes:
        dimensions: of the model itself.
        shortens: whether it takes ``dimensions``.
        serves: the name in OpenAI's responses; None: the one that was asked for.
        most_texts: of a request.
        forbidden: a text with this in it is refused.
        before: answers instead, while there are some.
        bent: changes an answer before it is sent.
        texts: of each request that was answered.
    """

    dimensions: int = 8
    shortens: bool = True
    serves: str | None = None
    most_texts: int = 2048
    forbidden: str = "\0none"
    before: list[Answer] = field(default_factory=list)
    bent: Callable[[Any], Any] = lambda value: value
    texts: list[list[str]] = field(default_factory=list)

    def __call__(self, asked: Asked, url: str) -> Answer:
        if self.before:
            return self.before.pop(0)
        body = json.loads(asked.body)
        path = unquote(asked.path)
        if path == "/v1/embeddings":
            return self._openai(asked, body)
        if path.startswith("/model/") and path.endswith("/invoke"):
            return self._bedrock(path.removeprefix("/model/").removesuffix("/invoke"), body)
        return Answer({"error": "Not Found"}, status=404)

    def _openai(self, asked: Asked, body: dict[str, Any]) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return error(401, f"Incorrect API key provided: {asked.headers.get('authorization')}")
        fault = _unknown(body, "model", "input", "encoding_format", "dimensions", "user")
        texts = body["input"]
        if fault or (body.get("dimensions") and not self.shortens):
            return error(400, fault or "Model does not support matryoshka representation")
        if not texts or "" in texts or any(self.forbidden in text for text in texts):
            return error(400, "'$.input' is invalid.")
        if len(texts) > self.most_texts:
            return error(413, f"batch size {len(texts)} > maximum allowed batch size {self.most_texts}")
        self.texts.append(texts)
        length = body.get("dimensions") or self.dimensions
        data = [{"object": "embedding", "index": at, "embedding": vector_of(t, length)} for at, t in enumerate(texts)]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Answer(
            self.bent({"object": "list", "data": data, "model": self.serves or body["model"], "usage": usage})
        )

    def _bedrock(self, model: str, body: dict[str, Any]) -> Answer:
        if model == TITAN:
            texts = [body["inputText"]]
            fault = _unknown(body, "inputText", "dimensions", "normalize", "embeddingTypes")
        else:
            texts = body["texts"]
            fault = _unknown(body, "texts", "input_type", "truncate", "embedding_types", "output_dimension")
            if model == COHERE:
                fault = fault or ("output_dimension" if "output_dimension" in body else None)
            if body.get("input_type") not in {"search_document", "search_query"} or len(texts) > 96:
                fault = "input_type"
        if fault or any(not text or self.forbidden in text or len(text) > 50_000 for text in texts):
            return aws_error(400, "ValidationException")
        self.texts.append(list(texts))
        return self._bedrock_answer(model, body, texts)

    def _bedrock_answer(self, model: str, body: dict[str, Any], texts: Sequence[str]) -> Answer:
        length = body.get("dimensions") or body.get("output_dimension") or self.dimensions
        vectors = [vector_of(text, length) for text in texts]
        tokens = sum(len(text.split()) for text in texts)
        value: dict[str, Any]
        if model == TITAN:
            value = {"embedding": vectors[0], "inputTextTokenCount": tokens, "embeddingsByType": {"float": vectors[0]}}
        else:
            value = {"embeddings": {"float": vectors}, "id": "x", "response_type": "embeddings_by_type", "texts": texts}
        return Answer(self.bent(value), headers={"x-amzn-bedrock-input-token-count": str(tokens)})


@dataclass
class RerankServer:
    """The same for rerankers: a passage's score is the share of the question's words that it has."""

    most_texts: int = 1000
    before: list[Answer] = field(default_factory=list)
    bent: Callable[[Any], Any] = lambda value: value
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, asked: Asked, url: str) -> Answer:
        if self.before:
            return self.before.pop(0)
        body = json.loads(asked.body)
        self.requests.append(body)
        if "queries" in body:
            return self._bedrock(body)
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return error(401, "invalid api token")
        if asked.path == "/rerank":
            return self._tei(body)
        if asked.path in {"/v1/rerank", "/v2/rerank"}:
            return self._cohere(body, asked.path)
        return Answer({"detail": "Not Found"}, status=404)

    def _tei(self, body: dict[str, Any]) -> Answer:
        fault = _unknown(body, "query", "texts", "raw_scores", "return_text", "truncate", "truncation_direction")
        if fault or len(body["texts"]) > self.most_texts:
            return Answer({"error": fault or "batch size > maximum", "error_type": "Validation"}, status=422)
        scored = _scored(body["query"], body["texts"])
        logits = [{"index": at, "score": math.log(p / (1 - p)) if body["raw_scores"] else p} for at, p in scored]
        return Answer(self.bent(logits))

    def _cohere(self, body: dict[str, Any], path: str) -> Answer:
        jina = path == "/v1/rerank"
        known = ("return_documents", "truncate") if jina else ("max_tokens_per_doc", "priority")
        fault = _unknown(body, "model", "query", "documents", "top_n", *known)
        if fault or not body["model"]:
            return Answer({"message": fault or "model is required"}, status=400)
        results = [{"index": at, "relevance_score": p} for at, p in _scored(body["query"], body["documents"])]
        more = (
            {"model": body["model"], "usage": {"total_tokens": 7}}
            if jina
            else {"meta": {"billed_units": {"search_units": 1}}}
        )
        return Answer(self.bent({"results": results[: body.get("top_n")], **more}))

    def _bedrock(self, body: dict[str, Any]) -> Answer:
        (query,) = body["queries"]
        texts = [one["inlineDocumentSource"]["textDocument"]["text"] for one in body["sources"]]
        wanted = body["rerankingConfiguration"]["bedrockRerankingConfiguration"]
        if wanted["modelConfiguration"]["modelArn"] != RERANKER or any(
            one["type"] != "INLINE" for one in body["sources"]
        ):
            return aws_error(400, "ValidationException")
        scored = _scored(query["textQuery"]["text"], texts)[: wanted["numberOfResults"]]
        return Answer(self.bent({"results": [{"index": at, "relevanceScore": p} for at, p in scored]}))


def _scored(query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """Best first, as all of them answer."""
    words = set(query.casefold().split())
    scores = [(0.05 + 0.9 * len(words & set(text.casefold().split())) / len(words)) for text in texts]
    return sorted(enumerate(scores), key=lambda one: -one[1])
