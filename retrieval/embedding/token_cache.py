"""Remembering how texts were tokenised: the same passages come up for many questions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]


class TokenCache:
    """The tokens of the texts that were asked for last, by the texts' digests. Safe to use from several threads.

    Args:
        tokenise: texts to tokens; called without the lock.
        capacity: bytes that the tokens may take together.
    """

    def __init__(self, tokenise: Callable[[list[str]], list[Tokens]], capacity: int = 16_000_000) -> None:
        self._tokenise = tokenise
        self._capacity = capacity
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, Tokens] = OrderedDict()
        self._bytes = 0

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, in the order given."""
        keys = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        found = self._look_up(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            new = dict(zip(missing, self._tokenise(list(missing.values())), strict=True))
            self._keep(new)
            found |= new
        return [found[key] for key in keys]

    def _look_up(self, keys: Sequence[bytes]) -> dict[bytes, Tokens]:
        with self._lock:
            found = {key: self._held[key] for key in keys if key in self._held}
            for key in found:
                self._held.move_to_end(key)
            return found

    def _keep(self, new: dict[bytes, Tokens]) -> None:
        with self._lock:
            for key, tokens in new.items():
                if key not in self._held:
                    self._held[key] = tokens
                    self._bytes += tokens.nbytes
            while self._bytes > self._capacity:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= oldest.nbytes
