"""When answers are drawn for review: each week's once it has ended, or those of the last days on demand."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.wiring import Services
from core.errors import Conflict, InvalidRequest
from core.logs import get_logger

log = get_logger(__name__)

_WEEK = timedelta(days=7)


def sample_week(services: Services) -> None:
    """Draw from the answers of the last week that has ended, Monday to Sunday in UTC, unless that was done.

    Raises:
        StorageUnavailable: the catalog doesn't answer.
    """
    if not (services.settings.review.weekly and services.settings.conversations.keep):
        return
    now = services.catalog.get().clock.now()
    until = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    since = until - _WEEK
    name = f"{since:%G-W%V}"
    if services.catalog.get().reviews.has(name):
        return
    try:
        pairs = _draw(services, name, since, until)
    except Conflict:  # another process was quicker
        return
    log.info("reviews.drawn", sample=name, pairs=pairs)


def sample_now(services: Services) -> tuple[str, int]:
    """Draw from the answers of the last seven days that weren't drawn before: the sample's name, and how many.

    Raises:
        InvalidRequest: the settings draw nothing.
    """
    if not services.settings.review.weekly:
        raise InvalidRequest(
            "Nothing is drawn for review: set review.weekly, as to 100, once those who ask know that reviewers who may "
            "read the documents see questions and answers."
        )
    if not services.settings.conversations.keep:
        raise InvalidRequest("Nothing is drawn for review, for nothing is kept: conversations.keep is false.")
    now = services.catalog.get().clock.now()
    name = f"{now:%Y-%m-%dT%H:%M:%S.%f}"
    return name, _draw(services, name, now - _WEEK, now)


def _draw(services: Services, name: str, since: datetime, until: datetime) -> int:
    settings, catalog = services.settings.review, services.catalog.get()
    due_at = catalog.clock.now() + timedelta(days=settings.due_days)
    return catalog.reviews.sample(
        name, since, until, due_at, size=settings.weekly, twice=settings.twice, seed=settings.seed
    )
