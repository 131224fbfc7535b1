"""A tokenizer that tests make of a pattern, without a model."""

from __future__ import annotations

import re


class WordTokenizer:
    """A :class:`retrieval.embedding.port.Tokenizer`.

    Args:
        token: what a token looks like; a word, unless said otherwise.
    """

    def __init__(self, token: str = r"\S+") -> None:
        self._token = re.compile(token)

    def count(self, text: str) -> int:
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._token.finditer(text)]
