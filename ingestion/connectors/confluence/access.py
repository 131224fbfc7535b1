"""Who may read a page: those who pass the space and every restriction above it, as an access list.

A space and each restricted page are gates, and a reader has to pass all of them
(https://confluence.atlassian.com/doc/page-restrictions-139414.html). An access list is a union of users and groups. So
where several gates are left after simplification, their intersection becomes a group of its own, whose name is made of
the gates and whose members :mod:`memberships` works out. Nothing here ever lets in more than the gates do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from core.principal import AccessList

ALL_OF = "all of "
"""Begins the names of groups that stand for several gates."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Who gets past a space's permissions or a page's restrictions.

    Attributes:
        users: account ids or user keys.
        groups: group ids (Cloud) or names (Data Center).
        everyone: anonymous readers, and so everybody.
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    everyone: bool = False

    def within(self, other: Gate) -> bool:
        """Whether who gets past this one surely gets past the other."""
        return other.everyone or (not self.everyone and self.users <= other.users and self.groups <= other.groups)

    def packed(self) -> tuple[list[str], list[str]]:
        """Its users and groups, sorted."""
        return sorted(self.users), sorted(self.groups)


Gates = frozenset[Gate]
NOBODY = Gate()


def narrowed(gates: Collection[Gate]) -> Gates:
    """The fewest gates that let the same people through; none: everybody.

    Gates of single users are intersected at once, and a gate that lets through all whom another does is left out.
    """
    left = {gate for gate in gates if not gate.everyone}
    plain = [gate for gate in left if not gate.groups]
    if len(plain) > 1:
        left.difference_update(plain)
        left.add(Gate(users=frozenset.intersection(*(gate.users for gate in plain))))
    if NOBODY in left:
        return frozenset({NOBODY})
    return frozenset(gate for gate in left if not any(other != gate and other.within(gate) for other in left))


def joint_group(gates: Gates) -> str:
    """The name of the group of those who pass several gates: the same for the same gates, whatever page has them."""
    told = json.dumps(sorted(gate.packed() for gate in gates))
    return f"{ALL_OF}{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def access_list(gates: Gates, group: Callable[[str], str], emails: Mapping[str, str]) -> AccessList:
    """The access list of narrowed gates.

    Args:
        group: makes a group's name in access lists.
        emails: by user; who has none is let in by no term.
    """
    if not gates:
        return AccessList.everyone()
    if len(gates) > 1:
        return AccessList(groups=frozenset({group(joint_group(gates))}))
    (gate,) = gates
    return AccessList(
        users=frozenset(emails[user] for user in gate.users if user in emails),
        groups=frozenset(group(name) for name in gate.groups if not name.startswith(ALL_OF)),
    )


def passing(gates: Gates, members: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The users who pass every gate.

    Args:
        members: of groups; one that isn't there has none.
    """
    each = (gate.users.union(*(members.get(name, frozenset()) for name in gate.groups)) for gate in gates)
    return frozenset.intersection(*each)
