"""The network: an encoder that reads both texts at once, and a head over what it made of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from core.chunk import Vectors

HEAD_WIDTH = 192
_PARTS = 5
_BASE_FILE = "model.safetensors"
FROZEN = ("encoder.embeddings.word_embeddings.weight", "encoder.embeddings.position_embeddings.weight")
"""What stays as the packaged embedder has it, and so isn't in a file of weights."""


class EvidenceNetwork(torch.nn.Module):
    """Reads pairs of texts, ``[CLS] first [SEP] second [SEP]``, and gives each a logit.

    The head sees the first token, the means of both texts' tokens, and how those agree and differ: so that it starts
    from what the embedder knows of likeness already.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.hidden = torch.nn.Linear(_PARTS * config.hidden_size, HEAD_WIDTH)
        self.score = torch.nn.Linear(HEAD_WIDTH, 1)

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Logits, shape (pairs,), of token ids, of which text each token is (0, 1) and of which are no padding."""
        states = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state
        one, other = _mean(states, mask * (1 - types)), _mean(states, mask * types)
        seen = torch.cat([states[:, 0], one, other, (one - other).abs(), one * other], dim=1)
        found: Tensor = self.score(torch.nn.functional.gelu(self.hidden(seen))).squeeze(1)
        return found


def _mean(states: Tensor, weights: Tensor) -> Tensor:
    shares = weights.unsqueeze(2).to(states.dtype)
    return (states * shares).sum(1) / shares.sum(1).clamp(min=1)


def from_base(folder: Path) -> EvidenceNetwork:
    """A network whose encoder is the embedder's in ``folder``, and whose head knows nothing yet."""
    network = EvidenceNetwork(BertConfig.from_json_file(str(folder / "config.json")))
    with safe_open(str(folder / _BASE_FILE), framework="pt") as base:  # type: ignore[no-untyped-call, unused-ignore]
        held = set(base.keys())
        state = {name: base.get_tensor(name) for name in network.encoder.state_dict() if name in held}
    network.encoder.load_state_dict(state)
    return network


def restored(folder: Path, tensors: Mapping[str, Vectors]) -> EvidenceNetwork:
    """A network with these weights over the frozen ones of the embedder in ``folder``, ready to be run.

    Raises:
        RuntimeError: a tensor is missing, or of another shape.
    """
    network = from_base(folder)
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    result = network.load_state_dict(state, strict=False)
    missing = [name for name in result.missing_keys if name not in FROZEN]
    if missing or result.unexpected_keys:
        raise RuntimeError(f"{len(missing)} tensors are missing, {len(result.unexpected_keys)} unknown")
    return network.eval()


def batches(
    tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], size: int
) -> Iterator[tuple[list[int], tuple[Tensor, Tensor, Tensor]]]:
    """The pairs in batches of equal length or nearly, each with the places of its pairs."""
    read = tokenizer.encode_batch(list(pairs))
    order = sorted(range(len(pairs)), key=lambda at: len(read[at].ids))
    for begin in range(0, len(order), size):
        places = order[begin : begin + size]
        yield places, tensors_of([read[at] for at in places])


def tensors_of(encodings: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, types and mask of some encodings, padded to the longest."""
    longest = max(len(one.ids) for one in encodings)
    shape = (len(encodings), longest)
    ids, types, mask = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for row, one in enumerate(encodings):
        length = len(one.ids)
        ids[row, :length] = torch.tensor(one.ids)
        types[row, :length] = torch.tensor(one.type_ids)
        mask[row, :length] = 1
    return ids, types, mask


def pair_tokenizer(folder: Path, max_tokens: int) -> Tokenizer:
    """The embedder's tokenizer, cutting the longer text of a pair first."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, strategy="longest_first")
    return tokenizer
