"""Whose an answer is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.auth.principal import Caller


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose answers these are.

    Attributes:
        name: the same for the same person: ``user:ida``, or ``key:<id>`` for a key without a user.
        named: whether anything can be kept under it. A reader without a key is nobody, and so is who is only in groups.
        terms: what conversations may be shared with for them to read; none for who hasn't signed in.
    """

    name: str
    named: bool
    terms: frozenset[str]


def owner_of(caller: Caller) -> Owner:
    """Whose the answers of this caller are."""
    principal = caller.principal
    if principal.user is not None:
        return Owner(f"user:{principal.user}", True, principal.terms)
    if caller.key is not None and not caller.acting:
        return Owner(f"key:{caller.key.id}", True, principal.terms)
    # No two of other permissions are the same nobody: one could take up what the other may not read.
    reached = "\0".join([*sorted(principal.terms), "", *sorted(principal.sources or ())])
    digest = hashlib.sha256(reached.encode()).hexdigest()
    return Owner(f"nobody:{digest}", False, principal.terms if caller.known else frozenset())
