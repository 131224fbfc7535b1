"""The table of token embeddings of a loaded model."""

import numpy as np
import pytest
import torch

from core.errors import ModelUnavailable
from retrieval.embedding.token_table import input_embeddings


class Transformer:
    def __init__(self) -> None:
        self.auto_model = self
        self.weight = torch.nn.Embedding(3, 2).to(torch.bfloat16).weight

    def get_input_embeddings(self) -> "Transformer":
        return self


def test_the_table_is_read_whatever_its_number_format() -> None:
    model = Transformer()
    table = input_embeddings([model], "tiny")
    assert table.dtype == np.float32
    assert table.tolist() == model.weight.float().tolist()


@pytest.mark.parametrize("first", [object(), type("Bag", (), {"auto_model": object()})()])
def test_a_model_that_is_not_made_of_tokens_is_named(first: object) -> None:
    with pytest.raises(ModelUnavailable, match="bag-of-words has no token embeddings"):
        input_embeddings([first], "bag-of-words")
