"""The embeddings that a model gives its tokens before it reads them in their context."""

from __future__ import annotations

from typing import Any

from core.chunk import Vectors
from core.errors import ModelUnavailable


def input_embeddings(model: Any, name: str) -> Vectors:
    """The table of a loaded sentence-transformers model, shape (vocabulary, width). On a CPU it is the model's own
    memory, not a copy: it isn't written to.

    Raises:
        ModelUnavailable: its first part isn't a transformer over tokens.
    """
    try:
        weight = model[0].auto_model.get_input_embeddings().weight
    except (AttributeError, NotImplementedError) as error:
        raise ModelUnavailable(f"{name} has no token embeddings: use a pipeline without late_interaction.") from error
    table: Vectors = weight.detach().float().cpu().numpy()
    return table
