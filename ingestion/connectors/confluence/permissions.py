"""Reads who may see a space, and whom a page is restricted to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import NotFound, SourceRefuses
from ingestion.connectors.confluence.access import Gate
from ingestion.connectors.confluence.api import Api, refusal_of
from ingestion.connectors.confluence.people import People

EXPAND = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"


class PermissionsUnknown(Exception):
    """Who may read something can't be told; the message says why."""


def space_gate(api: Api, space: Mapping[str, Any]) -> Gate:
    """Who may see a space.

    Raises:
        PermissionsUnknown: we may not know, or nobody is named whom we know how to name.
    """
    users, groups, everyone = set(), set(), False
    try:
        rows = list(api.space_permissions(space))
    except NotFound as error:
        since = "" if api.cloud else " Data Center tells the permissions of spaces since 9.1: update it."
        raise PermissionsUnknown(f"{refusal_of(error)}{since}") from error
    except SourceRefuses as error:
        raise PermissionsUnknown(refusal_of(error)) from error
    for row in rows:
        operation = row.get("operation") or {}
        if (operation.get("key") or operation.get("operationKey"), operation.get("targetType")) != ("read", "space"):
            continue
        subject = row.get("principal") or row.get("subject") or {}
        kind = str(subject.get("type", "")).lower()
        name = subject.get("id") or subject.get("userKey" if kind == "user" else "name")
        if kind == "anonymous":
            everyone = True
        elif kind == "user" and name:
            users.add(str(name))
        elif kind == "group" and name:
            groups.add(str(name))
    if not (users or groups or everyone):
        raise PermissionsUnknown(
            f"Who may read it can't be told: {api.name} names no user and no group who may view the space "
            f"{space['key']}. Give a group the permission to view it; roles aren't read."
        )
    return Gate(frozenset(users), frozenset(groups), everyone)


class Restrictions:
    """The restrictions of pages, each asked for at most once.

    Args:
        api: the Confluence.
        people: takes in the users who are named.
    """

    def __init__(self, api: Api, people: People) -> None:
        self._api = api
        self._people = people
        self._asked: dict[str, Gate | PermissionsUnknown | None] = {}

    def told(self, item: Mapping[str, Any]) -> Gate | None:
        """Whom a page that came with its restrictions is restricted to; None: nobody in particular.

        Raises:
            PermissionsUnknown: it came without, and they can't be had.
        """
        try:
            lists = item["restrictions"]["read"]["restrictions"]
            user, group = lists["user"], lists["group"]
            whole = all(len(one["results"]) < (one.get("limit") or len(one["results"]) + 1) for one in (user, group))
        except (KeyError, TypeError):
            whole = False
        return self._gate([lists]) if whole else self.asked(str(item["id"]))

    def remember(self, item: Mapping[str, Any]) -> None:
        """Take in the restrictions of something that pages lie below."""
        content_id = str(item["id"])
        try:
            self._asked[content_id] = self.told(item)
        except PermissionsUnknown as error:
            self._asked[content_id] = error

    def asked(self, content_id: str) -> Gate | None:
        """Whom a page is restricted to, by asking for it: those of an ancestor that we didn't list, or a long list.

        Raises:
            PermissionsUnknown: they can't be had.
        """
        if content_id not in self._asked:
            try:
                answers = list(self._api.restrictions(content_id))
                self._asked[content_id] = self._gate([answer["restrictions"] for answer in answers])
            except (NotFound, SourceRefuses) as error:
                self._asked[content_id] = PermissionsUnknown(f"{refusal_of(error)} (restrictions of {content_id})")
            except (KeyError, TypeError):
                self._asked[content_id] = PermissionsUnknown(
                    f"Who may read it can't be told: the restrictions of {content_id} came in an unknown shape."
                )
        found = self._asked[content_id]
        if isinstance(found, PermissionsUnknown):
            raise found
        return found

    def _gate(self, lists: Iterable[Mapping[str, Any]]) -> Gate | None:
        named = False
        users, groups = set(), set()
        for one in lists:
            for user in one["user"]["results"]:
                named = True
                users.add(self._people.learn(user))
            for group in one["group"]["results"]:
                named = True
                groups.add(str(group.get("id" if self._api.cloud else "name") or ""))
        return Gate(frozenset(users - {""}), frozenset(groups - {""})) if named else None
