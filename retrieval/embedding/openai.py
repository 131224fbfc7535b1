"""OpenAI's embeddings protocol, which vLLM, Text Embeddings Inference and gateways speak as well.

https://platform.openai.com/docs/api-reference/embeddings/create
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
https://huggingface.github.io/text-embeddings-inference/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.errors import ModelUnavailable
from core.model_settings import RemoteEmbedderSettings
from retrieval.embedding.remote import Embedded
from retrieval.remote.answers import in_order, whole_number
from retrieval.remote.http import JsonServer

OPENAI = "https://api.openai.com/v1"


class OpenAiEmbeddings:
    """An :class:`retrieval.embedding.remote.EmbeddingService`.

    Every response has to come from the model that is set: another one's vectors, put beside those of the index, would
    be found at random.
    """

    most_texts = 2048

    def __init__(self, model: str, settings: RemoteEmbedderSettings) -> None:
        self.where = f"The embedding model {model!r}"
        self._model = model
        self._served = settings.served_model or model
        self._settings = settings
        self._server = JsonServer(
            f"{(settings.url or OPENAI).rstrip('/')}/embeddings",
            settings.api_key,
            where=self.where,
            keys="embedder.remote",
            connect_timeout_s=settings.connect_timeout_s,
        )

    def embed(self, texts: Sequence[str], timeout_s: float, *, query: bool) -> Embedded:  # noqa: ARG002
        """One request; the protocol knows no difference between questions and passages.

        Raises:
            ModelUnavailable: as the port says; also where another model answered.
        """
        body: dict[str, Any] = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        if self._settings.shorten:
            body["dimensions"] = self._settings.dimensions
        answer = self._server.post(body, timeout_s)
        if not isinstance(answer, dict):
            raise ModelUnavailable(f"{self.where} sends a response that isn't of its protocol.")
        self._check_model(answer.get("model"))
        usage = answer.get("usage")
        tokens = whole_number(usage.get("prompt_tokens")) if isinstance(usage, dict) else 0
        return Embedded(
            [item.get("embedding") for item in in_order(answer.get("data"), len(texts), self.where)], tokens
        )

    def close(self) -> None:
        """Let go of connections."""
        self._server.close()

    def _check_model(self, served: object) -> None:
        if served != self._served:
            named = repr(served)[:200] if isinstance(served, str) else "no name"
            raise ModelUnavailable(
                f"{self.where} is answered for by {named}, and the index is built for {self._served!r}. If that is "
                "another name of the same model, set embedder.remote.served_model to it before documents are taken "
                "in; if it is another model, set embedder.model to it and run: footnote index rebuild."
            )
