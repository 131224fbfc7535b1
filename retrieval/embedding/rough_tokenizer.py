"""Counting tokens of a model whose tokenizer isn't at hand: rather too many than too few."""

from __future__ import annotations

import re

_PIECES = re.compile(r"[A-Za-z]{1,3}|[^\sA-Za-z]|\n|\s(?=\s)")


class RoughTokenizer:
    """A :class:`retrieval.embedding.port.Tokenizer` that needs no file.

    Three letters are a token at most, each digit and sign is one, each byte of any other character is one. The
    tokenizers of models join more than that: a common word to one token, and a space to the word behind it. So a
    window that fits by this count fits by theirs, and nothing is cut off; the price is windows a third to a half
    shorter than they could be. Of strings that no vocabulary has parts of (keys, hashes) a model can make more: a
    server that refuses such a text says so, and the text isn't cut.
    """

    special_tokens = 0

    def count(self, text: str) -> int:
        """Number of tokens."""
        return sum(_weight(piece) for piece in _PIECES.findall(text))

    def counts(self, texts: list[str]) -> list[int]:
        """:meth:`count` of each text."""
        return [self.count(text) for text in texts]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span of each token; of a character of several, the first has it and the others are empty."""
        spans: list[tuple[int, int]] = []
        for found in _PIECES.finditer(text):
            spans.append(found.span())
            spans += [(found.end(), found.end())] * (_weight(found.group()) - 1)
        return spans


def _weight(piece: str) -> int:
    return 1 if piece.isascii() else len(piece.encode("utf-8", "surrogatepass"))
