"""What every group of settings is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.errors import InvalidRequest
from core.principal import AccessList


def _access_terms(terms: tuple[str, ...]) -> tuple[str, ...]:
    try:
        AccessList.from_terms(terms)
    except InvalidRequest as error:
        raise ValueError(error.message) from None
    return terms


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
AccessTerms = Annotated[tuple[str, ...], AfterValidator(_access_terms)]
"""``public``, ``user:<id>`` and ``group:<id>``."""


class Section(BaseModel):
    """A group of settings; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
