"""``GET /v1/usage``: who used how much of the language model, and what it cost; for auditors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import AdminLane, AuditorDep, ServicesDep
from api.schemas.base import AsWritten, ResponseBody
from ingestion.catalog.usage import UsageBy, Used

router = APIRouter(prefix="/v1/usage", tags=["operation"], dependencies=[AuditorDep, AdminLane])

By = Annotated[UsageBy, Query(description="What the sums are by.")]
Day = Annotated[date, AsWritten]


class UsedBody(ResponseBody):
    """The sums of a day, a key (its id), a department or a model; ``name`` is empty where none is known.

    ``cost`` is at today's prices, and null where a model among them has none.
    """

    name: str
    answers: int
    input_tokens: int
    output_tokens: int
    cost: float | None


class UsageList(ResponseBody):
    """Sums from a day to another (UTC), both included."""

    since: date
    until: date
    by: UsageBy
    currency: str
    usage: list[UsedBody]


@router.get("")
def usage(
    services: ServicesDep, by: By = "department", since: Day | None = None, until: Day | None = None
) -> UsageList:
    """Answers of the language model, their tokens and what they cost; of the last thirty days, if nothing is said."""
    last = until or datetime.now(UTC).date()
    first = since or last - timedelta(days=min(30, last.toordinal() - 1))
    settings = services.settings.usage
    sums: dict[str, tuple[Used, float | None]] = {}
    for name, model, used in services.catalog.get().usage.sums(by, first, last):
        before, so_far = sums.get(name, (Used(), 0.0))
        cost = settings.cost(model, used.input_tokens, used.output_tokens)
        sums[name] = before + used, None if cost is None or so_far is None else so_far + cost
    bodies = [
        UsedBody(
            name=name,
            answers=used.answers,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost=None if cost is None else round(cost, 6),
        )
        for name, (used, cost) in sums.items()
    ]
    return UsageList(since=first, until=last, by=by, currency=settings.currency, usage=bodies)
