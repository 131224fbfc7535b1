"""What all shapes share: requests refuse unknown keys and name the nearest right one, and take no type for another."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, model_validator
from pydantic_core import PydanticCustomError

from core.filters import misplaced

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Strict(False)]
"""A JSON array in a request. JSON has no tuples, so that strictness about the array itself would refuse every one; its
elements are as strict as the rest. A date in a request would be declared in the same way."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _no_number(sent: Any) -> Any:
    """Refuse numbers, and text that is one: they would be taken for seconds since 1970."""
    if isinstance(sent, int | float) or (isinstance(sent, str) and not _DATE.match(sent)):
        raise ValueError("write it as 2026-01-31 or 2026-01-31T09:00:00Z")
    return sent


AsWritten = BeforeValidator(_no_number)
"""A date or time in a request, as ISO 8601 writes it."""


class RequestBody(BaseModel):
    """A JSON object that a caller sends. A value of another type is refused: 1 is not true, and "1" is not 1."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, strict=True, json_schema_extra={"additionalProperties": False}
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, sent: Any) -> Any:
        if isinstance(sent, dict):
            for key in sent:
                if key not in cls.model_fields:
                    raise _unknown(str(key), list(cls.model_fields))
        return sent


class ResponseBody(BaseModel):
    """A JSON object that Footnote answers with."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _unknown(key: str, known: list[str]) -> PydanticCustomError:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if "filters" in known and (place := misplaced(key)):
        hint = f" It is a filter: send {place}."
    shown = key[:60].replace("{", "(").replace("}", ")")
    keys = ", ".join(known)
    return PydanticCustomError(
        "unknown_key",
        f"This key is not known.{hint} Keys are: {keys}.",
        {"key": shown},
    )
