"""Who is asking, and the one place where a document's permissions become index terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import InvalidRequest

PUBLIC = "public"


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
    """A reader: a user and the groups that the identity provider (or the API key) says they are in.

    ``user`` is None for a reader without an identity, who sees what is public and nothing else.
    """

    user: str | None = None
    groups: frozenset[str] = frozenset()

    @property
    def terms(self) -> frozenset[str]:
        """The terms of which a document must carry at least one."""
        named = {f"group:{group}" for group in self.groups}
        if self.user is not None:
            named.add(f"user:{self.user}")
        return frozenset(named | {PUBLIC})


ANONYMOUS = Principal()
