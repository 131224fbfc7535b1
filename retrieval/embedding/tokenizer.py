"""Counting tokens the way the embedding model does, from its ``tokenizer.json`` alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from core.errors import ConfigurationError


class FileTokenizer:
    """A tokenizer read from ``tokenizer.json``. Truncation and padding that the file asks for are switched off:
    with them a long text would be counted as short. Safe to use from several threads: nothing changes after that.

    Raises:
        ConfigurationError: the file isn't there or isn't a tokenizer.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise ConfigurationError(
                f"The embedding model at {file.parent} has no tokenizer.json. Save its fast tokenizer there "
                "(transformers: AutoTokenizer.from_pretrained(...).save_pretrained(...)) or choose another model."
            )
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing narrower
            raise ConfigurationError(f"{file} can't be read as a tokenizer: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @property
    def special_tokens(self) -> int:
        """How many tokens the model puts around a single text."""
        return int(self._tokenizer.num_special_tokens_to_add(is_pair=False))

    def count(self, text: str) -> int:
        """Number of tokens, special ones left out."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def counts(self, texts: list[str]) -> list[int]:
        """:meth:`count` of each text, on several cores."""
        return [len(e.ids) for e in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def ids(self, texts: list[str]) -> list[NDArray[np.int32]]:
        """The tokens of each text, special ones left out; on several cores."""
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [np.asarray(each.ids, np.int32) for each in encoded]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span of each token, in order. Spans may touch but don't overlap.

        Byte-level tokenizers give every byte of one character that character's span: the first token keeps it, the
        others get an empty span at its end.
        """
        # Of a batch, even of one: the library's ``encode`` keeps every other thread of this process waiting.
        (encoded,) = self._tokenizer.encode_batch([text], add_special_tokens=False)
        spans: list[tuple[int, int]] = encoded.offsets
        reached = 0
        for number, (begin, stop) in enumerate(spans):
            if begin < reached or stop < reached:
                spans[number] = max(begin, reached), max(stop, reached)
            reached = max(stop, reached)
        return spans
