"""Remembering what was made of texts: the same passages and sentences come up for many questions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

Made = TypeVar("Made", bound=NDArray[Any])


class TextCache(Generic[Made]):
    """Arrays made of the texts that were asked for last, by the texts' digests. Safe to use from several threads.

    Args:
        make: texts to arrays, one each; called without the lock.
        capacity: bytes that the arrays may take together.
    """

    def __init__(self, make: Callable[[list[str]], list[Made]], capacity: int) -> None:
        self._make = make
        self._capacity = capacity
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, Made] = OrderedDict()
        self._bytes = 0

    def __call__(self, texts: Sequence[str]) -> list[Made]:
        """The array of each text, in the order given."""
        keys = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        found = self._look_up(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            new = dict(zip(missing, self._make(list(missing.values())), strict=True))
            self._keep(new)
            found |= new
        return [found[key] for key in keys]

    def _look_up(self, keys: Sequence[bytes]) -> dict[bytes, Made]:
        with self._lock:
            found = {key: self._held[key] for key in keys if key in self._held}
            for key in found:
                self._held.move_to_end(key)
            return found

    def _keep(self, new: dict[bytes, Made]) -> None:
        with self._lock:
            for key, made in new.items():
                if key not in self._held:
                    self._held[key] = made
                    self._bytes += made.nbytes
            while self._bytes > self._capacity:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= oldest.nbytes
