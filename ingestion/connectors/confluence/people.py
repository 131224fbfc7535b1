"""Users of Confluence as readers of Footnote: their e-mail addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from core.errors import NotFound
from ingestion.connectors.confluence.api import PAGE, Api

_BULK = 100
"""Users that one look-up gives at most."""


def user_key(user: Mapping[str, Any]) -> str:
    """A user's id that stays: the account id on Cloud, the user key on Data Center; empty for nobody in particular."""
    return str(user.get("accountId") or user.get("userKey") or "")


class People:
    """What is known of users, asked for once.

    Cloud gives an address where the user's privacy settings let the account see it
    (https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-users/#api-wiki-rest-api-user-bulk-get). Data
    Center gives it to its own mobile app (``/rest/mobile/1.0/profile``).

    Args:
        api: the Confluence.
        email_domain: what follows the @ of a user name's address where Data Center gives none.
    """

    def __init__(self, api: Api, email_domain: str | None) -> None:
        self._api = api
        self._email_domain = email_domain
        self._emails: dict[str, str | None] = {}
        self._names: dict[str, str] = {}
        self._usernames: dict[str, str] = {}

    def learn(self, user: Mapping[str, Any]) -> str:
        """Take in a user as an answer has them; their key."""
        key = user_key(user)
        if key:
            if user.get("email"):
                self._emails[key] = str(user["email"]).lower()
            if user.get("username"):
                self._usernames[key] = str(user["username"])
            if user.get("displayName"):
                self._names[key] = str(user["displayName"])
        return key

    def emails(self, keys: Collection[str]) -> Mapping[str, str]:
        """The addresses of these users, those that are known."""
        self._look_up([key for key in sorted(keys) if key not in self._emails])
        return {key: email for key in keys if (email := self._emails.get(key))}

    def names(self, keys: Collection[str]) -> Mapping[str, str]:
        """What these users are called, those that are known."""
        self._look_up([key for key in sorted(keys) if key not in self._names and key not in self._emails])
        return {key: self._names[key] for key in keys if key in self._names}

    @property
    def without_email(self) -> int:
        """Users asked for of whom no address is known: nobody is let in for them."""
        return sum(email is None for email in self._emails.values())

    def group_ids(self) -> Iterator[str]:
        """Every group of the site, as access lists name it: by id on Cloud, by name on Data Center.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-group/
        """
        for page in self._api.following("/rest/api/group", {"limit": PAGE}):
            yield from (str(group["id" if self._api.cloud else "name"]) for group in page)

    def members(self, group: str) -> frozenset[str]:
        """The users in a group; none if it went meanwhile."""
        last = "membersByGroupId" if self._api.cloud else "member"
        try:
            pages = self._api.following(f"/rest/api/group/{quote(group, safe='')}/{last}", {"limit": PAGE})
            return frozenset(self.learn(user) for page in pages for user in page) - {""}
        except NotFound:
            return frozenset()

    def _look_up(self, keys: list[str]) -> None:
        if self._api.cloud:
            for at in range(0, len(keys), _BULK):
                some = keys[at : at + _BULK]
                for user in self._api.get("/rest/api/user/bulk", {"accountId": some}).get("results", []):
                    self.learn(user)
        else:
            for key in keys:
                self._look_up_one(key)
        for key in keys:
            self._emails.setdefault(key, None)

    def _look_up_one(self, key: str) -> None:
        try:
            if key not in self._usernames:
                self.learn(self._api.get("/rest/api/user", {"key": key}))
            username = self._usernames.get(key)
            if username and key not in self._emails:
                profile = self._api.get(f"/rest/mobile/1.0/profile/{quote(username, safe='')}")
                self.learn({"userKey": key, "email": profile.get("email")})
        except NotFound:
            pass  # a user who was deleted, or a site without the mobile app's part
        if key not in self._emails and self._email_domain and key in self._usernames:
            self._emails[key] = f"{self._usernames[key]}@{self._email_domain}".lower()
