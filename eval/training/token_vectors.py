"""MaxSim over the token vectors that an embedder makes of whole passages: a teacher, too slow to search with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from core.errors import ModelUnavailable
from retrieval.embedding.model_files import ModelFiles
from retrieval.embedding.precision import choose_device, choose_dtype

_BATCH = 16
_KEPT = 2000
"""Passages whose vectors are kept: the same ones are candidates of many questions. At 256 tokens of 384 numbers in
fp16, 400 MB."""


class TokenVectors:
    """Scores passages by MaxSim: the mean, over the question's tokens, of the best cosine with a token of the passage.

    Khattab and Zaharia: ColBERT, SIGIR 2020, with vectors that weren't trained for it. Passages are cut at the model's
    length. A search's own late interaction (``retrieval.reranking.late_interaction``) reads input embeddings instead.
    """

    def __init__(self, files: ModelFiles, *, device: str = "auto") -> None:
        self.name = f"max-sim of {files.name}"
        self._files = files
        self._device = device
        self._model: Any = None
        self._kept: OrderedDict[str, NDArray[np.float16]] = OrderedDict()

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in [-1, 1].

        Raises:
            ModelUnavailable: the model can't be loaded or run.
        """
        try:
            (asked,) = self._tokens([query], self._files.query_prompt)
            read = self._passages(passages)
        except (OSError, ImportError, RuntimeError, ValueError, SafetensorError) as error:
            raise ModelUnavailable(
                f"The token vectors of {self._files.name} can't be had ({type(error).__name__}): check its folder, "
                f"{self._files.folder}."
            ) from error
        return [max_sim(asked, tokens) for tokens in read]

    def _passages(self, passages: Sequence[str]) -> list[NDArray[np.float16]]:
        new = [passage for passage in dict.fromkeys(passages) if passage not in self._kept]
        self._kept.update(zip(new, self._tokens(new, self._files.document_prompt) if new else [], strict=True))
        read = [self._kept[passage] for passage in passages]
        for passage in passages:
            self._kept.move_to_end(passage)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return read

    def _tokens(self, texts: list[str], prompt: str) -> list[NDArray[np.float16]]:
        import torch  # noqa: PLC0415 - seconds and hundreds of megabytes
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        device = choose_device(self._device)
        if self._model is None:
            self._model = SentenceTransformer(str(self._files.folder), device=device, local_files_only=True).eval()
            self._model.max_seq_length = self._files.max_tokens
        bf16 = choose_dtype("auto", device) != "float32"
        with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            vectors = self._model.encode(
                texts, prompt=prompt, output_value="token_embeddings", batch_size=_BATCH, show_progress_bar=False
            )
        return [one.half().cpu().numpy() for one in vectors]


def max_sim(question: NDArray[np.floating[Any]], passage: NDArray[np.floating[Any]]) -> float:
    """Mean over rows of ``question`` of the best cosine with a row of ``passage``; shapes (tokens, dimensions)."""
    cosines = _unit(question) @ _unit(passage).T
    return float(cosines.max(axis=1).mean())


def _unit(given: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = given.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
