"""A tokenizer for embedders that tests make: a token is a word."""

from __future__ import annotations

import re

WORDS = re.compile(r"\w+")


class WordTokenizer:
    """A :class:`retrieval.embedding.port.Tokenizer`."""

    def count(self, text: str) -> int:
        return len(WORDS.findall(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in WORDS.finditer(text)]
