"""What a model's server may send: numbers that are numbers, one for each text, in an order that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ModelUnavailable


class Refused(ModelUnavailable):
    """The server doesn't take this request, and won't take it another time: what is in it is too much for it.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.refused_with = status


def in_order(items: object, count: int, where: str) -> list[Mapping[str, Any]]:
    """Objects with an ``index``, put in its order.

    Raises:
        ModelUnavailable: they aren't a list of objects, or not one for each text.
    """
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ModelUnavailable(f"{where} sends a response that isn't of its protocol.")
    by_index: dict[int, Mapping[str, Any]] = {}
    for item in items:
        index = item.get("index")
        if type(index) is not int or not 0 <= index < count:
            raise ModelUnavailable(f"{where} answers for text {index!r}, and {count} were sent.")
        if index in by_index:
            raise ModelUnavailable(f"{where} answers twice for text {index}.")
        by_index[index] = item
    if len(by_index) != count:
        missing = next(index for index in range(count) if index not in by_index)
        raise ModelUnavailable(
            f"{where} answers for {len(by_index)} of {count} texts; the first that is missing is {missing}."
        )
    return [by_index[index] for index in range(count)]


def whole_number(found: object) -> int:
    """A count that a server tells, for metrics; 0 where it is none."""
    return found if type(found) is int and found >= 0 else 0
