"""The groups of a source."""

from __future__ import annotations

from datetime import datetime

from api.schemas.base import ResponseBody


class GroupBody(ResponseBody):
    """A group of a source, as access lists name it (``SOURCE_ID/NAME``), and how many readers are in it."""

    name: str
    members: int


class MembershipSyncBody(ResponseBody):
    """How reading a source's groups stands.

    What is known is as of ``done_at``; since then ``failures`` readings have failed, the last one with ``error``.
    ``left_out``: members without an e-mail address, and groups whose names can't be kept.
    """

    begun_at: datetime | None
    done_at: datetime | None
    due_at: datetime
    has_groups: bool
    left_out: int
    failures: int
    error: str | None


class GroupList(ResponseBody):
    """Groups by name; ``total`` counts those that aren't in the list too. ``sync`` is null before the first one."""

    groups: list[GroupBody]
    total: int
    sync: MembershipSyncBody | None
