"""Who is asking, and the one place where a document's permissions become index terms."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import InvalidRequest

PUBLIC = "public"
_LONGEST_ADDRESS = 254
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_OF_A_SOURCE = re.compile(r"[0-9a-f]{32}/")


def email_id(user: str) -> str | None:
    """A user id as sources name people: an e-mail address in small letters; None if it is none.

    Only A to Z are made small. Any other folding would let a letter stand for another person's: ``str.lower`` makes
    the Kelvin sign a ``k``.
    """
    local, _, domain = user.partition("@")
    if not (local and domain) or "@" in domain or len(user) > _LONGEST_ADDRESS:
        return None
    return user.translate(_SMALL) if user.isprintable() and " " not in user else None


def is_of_a_source(group: str) -> bool:
    """Whether a group's name is one that only a source gives: who is in such a group, its source alone says."""
    return _OF_A_SOURCE.match(group) is not None


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may read a document.

    Args:
        public: everybody who may use this Footnote.
        users: user ids.
        groups: group ids.

    An empty list is a document that nobody may read: it is indexed, and found by no one.
    """

    public: bool = False
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    @classmethod
    def everyone(cls) -> AccessList:
        """The access list of a document that everybody may read."""
        return cls(public=True)

    @classmethod
    def from_terms(cls, terms: Iterable[str]) -> AccessList:
        """Read ``public``, ``user:<id>`` and ``group:<id>``; the inverse of :meth:`terms`.

        Raises:
            InvalidRequest: a term is none of the three.
        """
        public, users, groups = False, set(), set()
        for term in terms:
            kind, separator, name = term.partition(":")
            if term == PUBLIC:
                public = True
            elif kind == "user" and separator and name:
                users.add(name)
            elif kind == "group" and separator and name:
                groups.add(name)
            else:
                raise InvalidRequest(f"{term!r} is not an access term: use 'public', 'user:<id>' or 'group:<id>'.")
        return cls(public, frozenset(users), frozenset(groups))

    def terms(self) -> tuple[str, ...]:
        """The index terms of this list, sorted. First indexing and permission updates both come through here."""
        named = [f"user:{user}" for user in self.users] + [f"group:{group}" for group in self.groups]
        return tuple(sorted([PUBLIC, *named] if self.public else named))

    def allows(self, principal: Principal) -> bool:
        """Whether the principal may read a document with this list."""
        return not principal.terms.isdisjoint(self.terms())


@dataclass(frozen=True, slots=True)
class Principal:
    """A reader: a user, and the groups that they are in.

    Attributes:
        user: None for a reader without an identity, who sees what is public and nothing else.
        groups: their own: those that the identity provider (or the API key) names.
        synced: those that sources have them in (:mod:`ingestion.catalog.memberships`).
        sources: the only sources that they reach, whatever their terms open; None: all of them.
    """

    user: str | None = None
    groups: frozenset[str] = frozenset()
    synced: frozenset[str] = frozenset()
    sources: frozenset[str] | None = None

    def reaches(self, source_id: str) -> bool:
        """Whether what a source has may be shown to them, where their terms allow it."""
        return self.sources is None or source_id in self.sources

    @property
    def terms(self) -> frozenset[str]:
        """The terms of which a document must carry at least one.

        Sources name people by their e-mail address in small letters, so a user who has one is found under it as well.
        A source's group counts only where it was synced: nobody gets into one by naming it.
        """
        own = {group for group in self.groups if not is_of_a_source(group)}
        named = {f"group:{group}" for group in own | self.synced}
        if self.user is not None:
            named |= {f"user:{user}" for user in (self.user, email_id(self.user)) if user is not None}
        return frozenset(named | {PUBLIC})


ANONYMOUS = Principal()
