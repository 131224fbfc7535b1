"""What readers say of answers, for who looks after them."""

from __future__ import annotations

from api.schemas.base import ResponseBody
from api.schemas.conversations import TurnBody
from api.schemas.feedback import FeedbackBody


class SaidBody(ResponseBody):
    """What one reader said of an answer, and that answer. Of one that is withheld the question is left out as well."""

    feedback: FeedbackBody
    turn: TurnBody


class SaidList(ResponseBody):
    """What was said, the latest first; ``up`` and ``down`` count all of it."""

    feedback: list[SaidBody]
    up: int
    down: int
