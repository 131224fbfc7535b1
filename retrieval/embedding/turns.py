"""Whose turn it is at a model: several callers at once, each with an instance of its own over the same weights."""

from __future__ import annotations

import copy
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from torch.nn import Module

Instance = TypeVar("Instance")


class Turns(Generic[Instance]):
    """Lends instances, each to one caller at a time; callers wait for their turn.

    Args:
        instances: what is lent.
        reserved: an instance kept for short work, which then doesn't wait for long work; None: it waits too.
    """

    def __init__(self, instances: Sequence[Instance], reserved: Instance | None = None) -> None:
        self._free = _filled(instances)
        self._reserved = self._free if reserved is None else _filled([reserved])

    @classmethod
    def of(cls, model: Module, count: int) -> Self:
        """``count`` instances of a model, and one reserved. Weights are shared; tokenizers, which remember how they
        last padded and refuse a second caller meanwhile, are not.
        """
        instances = [model, *(_sharing_weights(model) for _ in range(count))]
        return cls(instances[:-1], instances[-1])  # type: ignore[arg-type]

    @contextmanager
    def turn(self, *, reserved: bool = False) -> Iterator[Instance]:
        """An instance, for as long as the block runs."""
        waiting = self._reserved if reserved else self._free
        instance = waiting.get()
        try:
            yield instance
        finally:
            waiting.put(instance)


def _filled(instances: Sequence[Instance]) -> queue.SimpleQueue[Instance]:
    waiting: queue.SimpleQueue[Instance] = queue.SimpleQueue()
    for instance in instances:
        waiting.put(instance)
    return waiting


def _sharing_weights(model: Module) -> Module:
    weights = {id(one): one for one in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, weights)
