"""Embedding models on Amazon Bedrock, through InvokeModel: Titan Text Embeddings V2, and Cohere Embed v3 and v4.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.errors import ConfigurationError, ModelUnavailable
from core.model_settings import RemoteEmbedderSettings
from retrieval.embedding.remote import Embedded
from retrieval.remote.answers import whole_number
from retrieval.remote.bedrock import connect, invoke

_COHERE_TEXTS = 96


class BedrockEmbeddings:
    """An :class:`retrieval.embedding.remote.EmbeddingService`. A model's id says which of the two bodies it takes.

    Bedrock serves the model of the id and no other, so there is no name in its responses to compare.

    Raises:
        ConfigurationError: the id is of neither family, or no region is known.
    """

    def __init__(self, model: str, settings: RemoteEmbedderSettings) -> None:
        self.where = f"The Bedrock model {model!r}"
        self._model = model
        self._settings = settings
        # An inference profile's id has a region before it, an ARN more: the family's name is in all of them.
        self._titan = "amazon.titan-embed-text-v2" in model
        if not self._titan and "cohere.embed" not in model:
            raise ConfigurationError(
                f"embedder.model 'bedrock:{model}' is no model that Footnote knows the requests of: use "
                "amazon.titan-embed-text-v2:0, or one whose id has cohere.embed in it."
            )
        self.most_texts = 1 if self._titan else _COHERE_TEXTS
        self._client = self._connect(settings.timeout_s)
        self._query_client = self._connect(settings.query_timeout_s)

    def embed(self, texts: Sequence[str], timeout_s: float, *, query: bool) -> Embedded:  # noqa: ARG002
        """One request. boto3 sets its time limits on a client, so there is one for questions and one for passages.

        Raises:
            ModelUnavailable: as the port says.
        """
        client = self._query_client if query else self._client
        body = self._titan_body(texts) if self._titan else self._cohere_body(texts, query=query)
        answer, counted = invoke(client, self._model, body, where=self.where)
        if not isinstance(answer, dict):
            raise self._malformed()
        if self._titan:
            return Embedded([answer.get("embedding")], whole_number(answer.get("inputTextTokenCount")) or counted)
        rows = answer.get("embeddings")
        rows = rows.get("float") if isinstance(rows, dict) else rows  # by kind, where kinds were asked for
        if not isinstance(rows, list):
            raise self._malformed()
        return Embedded(rows, counted)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()
        self._query_client.close()

    def _connect(self, timeout_s: float) -> Any:
        return connect(
            "bedrock-runtime",
            region=self._settings.region,
            endpoint=self._settings.url,
            timeout_s=timeout_s,
            connect_s=self._settings.connect_timeout_s,
        )

    def _titan_body(self, texts: Sequence[str]) -> dict[str, Any]:
        (text,) = texts
        return {"inputText": text, "dimensions": self._settings.dimensions, "normalize": True}

    def _cohere_body(self, texts: Sequence[str], *, query: bool) -> dict[str, Any]:
        body = {
            "texts": list(texts),
            "input_type": "search_query" if query else "search_document",
            "truncate": "NONE",
            "embedding_types": ["float"],
        }
        return body | ({"output_dimension": self._settings.dimensions} if self._settings.shorten else {})

    def _malformed(self) -> ModelUnavailable:
        return ModelUnavailable(f"{self.where} sends a response that isn't of its protocol.")
