"""A plain BERT encoder on torch alone: what most small embedding models are, the packaged one among them.

Importing sentence-transformers, and the whole of transformers with it, takes three times as long as torch: seconds at
every start of a worker and of the API. This loads the same weights and runs the same operators in the same order, so
that the vectors are the same; a model that is anything but plain BERT is left to sentence-transformers.

Source: Devlin et al. 2019 (https://arxiv.org/abs/1810.04805), in the form of transformers' ``BertModel``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention

from core.chunk import Vectors
from retrieval.embedding.bert_files import BertFiles

_NAMES = {
    "attention.self.": "",
    "attention.output.dense": "joined",
    "attention.output.LayerNorm": "joined_norm",
    "intermediate.dense": "wider",
    "output.dense": "narrower",
    "output.LayerNorm": "norm",
    "encoder.layer.": "layers.",
    "embeddings.LayerNorm": "norm",
    "embeddings.": "",
}
"""Names of the weights in the file, and here; the first that fits counts."""


class BertEncoder(nn.Module):
    """Texts to vectors of :attr:`BertFiles.dimensions` numbers, on any device.

    Args:
        files: what the model's folder says.
        max_tokens: a longer text is cut, special tokens counted.

    Raises:
        RuntimeError: the weights don't belong to the configuration.
        SafetensorError: the file of the weights is damaged.
    """

    def __init__(self, files: BertFiles, max_tokens: int) -> None:
        super().__init__()
        self._files = files
        self._tokenizer = _tokenizer(files, max_tokens)
        with torch.device("meta"):  # no memory and no random numbers for what is replaced at once
            self.word_embeddings = nn.Embedding(files.vocabulary, files.width)
            self.position_embeddings = nn.Embedding(files.positions, files.width)
            self.token_type_embeddings = nn.Embedding(files.token_types, files.width)
            self.norm = nn.LayerNorm(files.width, eps=files.epsilon)
            self.layers = nn.ModuleList(_Layer(files) for _ in range(files.layers))
        self.load_state_dict(_weights(files.weights), assign=True)
        self.requires_grad_(False)

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of the tokens' embeddings."""
        return self.word_embeddings

    @torch.inference_mode()
    def encode(self, texts: list[str], *, prompt: str = "", **_: Any) -> Vectors:
        """Embed one batch, ``prompt`` before each text. Vectors are of unit length if the model says so."""
        encoded = self._tokenizer.encode_batch([prompt + text for text in texts])
        device = self.word_embeddings.weight.device
        tokens = torch.tensor([one.ids for one in encoded], device=device)
        mask = torch.tensor([one.attention_mask for one in encoded], device=device)
        pooled = self._pool(self(tokens, mask), mask)
        if self._files.normalise:
            pooled = normalize(pooled, p=2, dim=1)
        vectors: Vectors = pooled[:, : self._files.dimensions].float().cpu().numpy()
        return vectors

    encode_query = encode_document = encode

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """States of the last layer, shape (batch, tokens, width); where ``mask`` is 0, they mean nothing."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        states = self.word_embeddings(tokens) + self.token_type_embeddings(torch.zeros_like(tokens))
        states = self.norm(states + self.position_embeddings(positions))
        # Without padding torch has a faster way, and the results of the two differ in the last bits.
        attended = None if bool(mask.all()) else mask.bool()[:, None, None, :]
        for layer in self.layers:
            states = layer(states, attended)
        return states

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        if self._files.pooling == "cls":
            return states[:, 0]
        weights = mask[:, :, None].expand(states.size()).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


class _Layer(nn.Module):
    """Attention over all tokens, then a network of two layers over each; a sum and a norm after both."""

    def __init__(self, files: BertFiles) -> None:
        super().__init__()
        width = files.width
        self._heads = files.heads
        self.query, self.key, self.value, self.joined = (nn.Linear(width, width) for _ in range(4))
        self.joined_norm = nn.LayerNorm(width, eps=files.epsilon)
        self.wider = nn.Linear(width, files.inner_width)
        self.narrower = nn.Linear(files.inner_width, width)
        self.norm = nn.LayerNorm(width, eps=files.epsilon)

    def forward(self, states: Tensor, attended: Tensor | None) -> Tensor:
        query, key, value = (self._split(part(states)) for part in (self.query, self.key, self.value))
        heads: Tensor = scaled_dot_product_attention(query, key, value, attn_mask=attended)
        joined: Tensor = self.joined(heads.transpose(1, 2).reshape(states.shape))
        states = self.joined_norm(joined + states)
        inner: Tensor = self.norm(self.narrower(gelu(self.wider(states))) + states)
        return inner

    def _split(self, states: Tensor) -> Tensor:
        """One head's share of the numbers apart from another's: (batch, heads, tokens, width / heads)."""
        return states.view(*states.shape[:2], self._heads, -1).transpose(1, 2)


def _tokenizer(files: BertFiles, max_tokens: int) -> Any:
    """A tokenizer of the encoder's own: the one that counts must neither cut nor pad."""
    tokenizer = tokenizers.Tokenizer.from_file(str(files.tokenizer))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=files.padding, pad_token=tokenizer.id_to_token(files.padding))
    return tokenizer


def _weights(file: Path) -> dict[str, Tensor]:
    """Those of the encoder: files also hold heads for other tasks, and the numbers of the positions."""
    stored = {name.removeprefix("bert."): tensor for name, tensor in load_file(file).items()}
    ours = {name: tensor for name, tensor in stored.items() if name.startswith(("embeddings.", "encoder."))}
    ours.pop("embeddings.position_ids", None)
    return {_own_name(name): tensor for name, tensor in ours.items()}


def _own_name(name: str) -> str:
    for theirs, own in _NAMES.items():
        name = name.replace(theirs, own, 1)
    return name
