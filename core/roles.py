"""What somebody may do in Footnote, beside what they may read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """A set of duties. Which documents somebody may read is no role: their groups say that.

    Attributes:
        READER: searches, asks, opens documents.
        CURATOR: sees to sources and to documents that couldn't be taken in.
        REVIEWER: looks at answers and what readers said of them.
        AUDITOR: reads the audit trail.
        ADMIN: keys, the index and all of the above.
    """

    READER = "reader"
    CURATOR = "curator"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


def has_role(roles: Iterable[Role], wanted: Role) -> bool:
    """Whether these roles are enough where ``wanted`` is: an administrator's are enough everywhere."""
    return not {wanted, Role.ADMIN}.isdisjoint(roles)
