"""What a Confluence of tests has: people, groups, spaces and content, and what may be done to them."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class User:
    """A person. ``visible``: whether privacy settings let others see the address."""

    key: str
    name: str
    email: str
    visible: bool = True


@dataclass
class Group:
    """A group, with the keys of its members."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)


@dataclass
class Space:
    """A space, and who may view it: keys of users, ids of groups."""

    id: int
    key: str
    name: str
    users: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    anonymous: bool = False
    withheld: bool = False


@dataclass
class Content:
    """A page, a blog post, a folder, an attachment or a comment."""

    id: str
    type: str
    space: str
    title: str
    body: str = ""
    parent: str | None = None
    """The page or folder above a page; the page of an attachment or a comment."""
    version: int = 1
    created: datetime = BEGIN
    modified: datetime = BEGIN
    author: str = ""
    labels: list[str] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    """Whom reading is restricted to."""
    status: str = "current"
    media_type: str = ""
    data: bytes = b""
    withheld: bool = False
    """Whether the site refuses to tell whom it is restricted to."""


class Site:
    """A whole Confluence.

    Args:
        cloud: whether it is Cloud: groups have ids apart from their names, users account ids.
    """

    def __init__(self, *, cloud: bool) -> None:
        self.cloud = cloud
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.spaces: dict[str, Space] = {}
        self.content: dict[str, Content] = {}
        self.unindexed: set[str] = set()
        """What the search lacks."""
        self._numbers = itertools.count(65537)
        self._ticks = itertools.count(1)

    def now(self) -> datetime:
        """A moment later than all before."""
        return BEGIN + timedelta(seconds=next(self._ticks))

    def user(self, email: str, *, visible: bool = True) -> str:
        """The key of the user with this address, made if there is none."""
        for user in self.users.values():
            if user.email == email:
                return user.key
        key = f"557058:{next(self._numbers):x}" if self.cloud else f"ff8080{next(self._numbers):026x}"
        name = email.partition("@")[0]
        self.users[key] = User(key, name, email, visible)
        return key

    def group(self, name: str, *emails: str) -> str:
        """The id of a group, made if there is none; with these members, if any are given."""
        found = self.groups.setdefault(name, Group(name, name))
        if emails:
            found.members = {self.user(email) for email in emails}
        return found.id

    def space(self, key: str, *, groups: set[str] | None = None, anonymous: bool = False) -> Space:
        """A new space that these groups may view."""
        space = Space(next(self._numbers), key, f"Space {key}", set(), groups or set(), anonymous)
        self.spaces[key] = space
        return space

    def add(self, kind: str, space: str, title: str, body: str = "", parent: str | None = None) -> Content:
        """New content."""
        number = str(next(self._numbers))
        moment = self.now()
        content = Content(f"att{number}" if kind == "attachment" else number, kind, space, title, body, parent)
        content.created = content.modified = moment
        content.author = next(iter(self.users), "")
        self.content[content.id] = content
        return content

    def attach(self, page: str, name: str, data: bytes, media_type: str) -> Content:
        """A file on a page."""
        attachment = self.add("attachment", self.content[page].space, name, parent=page)
        attachment.data, attachment.media_type = data, media_type
        return attachment

    def edit(self, content_id: str, body: str | None = None, title: str | None = None) -> None:
        """A new version; restrictions and moves make none."""
        content = self.content[content_id]
        content.body = content.body if body is None else body
        content.title = title or content.title
        content.version += 1
        content.modified = self.now()

    def ancestors(self, content: Content) -> list[Content]:
        """What a page lies below, from the top."""
        found: list[Content] = []
        while content.parent is not None and content.type in ("page", "folder"):
            content = self.content[content.parent]
            found.insert(0, content)
        return found

    def shown(self, content: Content) -> bool:
        """Whether it is there for readers: not in the bin, nor on something that is."""
        if content.status != "current" or content.space not in self.spaces:
            return False
        if content.type in ("attachment", "comment"):
            return content.parent in self.content and self.shown(self.content[content.parent])
        return True

    def indexed(self, content: Content) -> bool:
        """Whether the search finds it."""
        return content.id not in self.unindexed and self.shown(content)

    def readers(self, content: Content) -> set[str] | None:
        """The addresses of who may read it, worked out one by one; None: everybody.

        https://confluence.atlassian.com/doc/page-restrictions-139414.html: the space, and every restriction above.
        """
        page = self.content[content.parent or ""] if content.type in ("attachment", "comment") else content
        space = self.spaces[page.space]
        gates = [(one.users, one.groups) for one in (page, *self.ancestors(page)) if one.users or one.groups]
        if not space.anonymous:
            gates.append((space.users, space.groups))
        if not gates:
            return None
        return {user.email for user in self.users.values() if all(self._passes(user.key, *gate) for gate in gates)}

    def _passes(self, user: str, users: set[str], groups: set[str]) -> bool:
        return user in users or any(user in self.groups[group].members for group in groups if group in self.groups)


def generated(seed: int, items: int, *, cloud: bool, spaces: int = 2) -> Site:
    """A site of so many pages, blog posts and attachments, the same for the same seed."""
    dice = random.Random(seed)
    site = Site(cloud=cloud)
    people = [f"person{number}@example.com" for number in range(40)]
    everybody = site.group("confluence-users", *people)
    teams = [site.group(f"team-{number}", *dice.sample(people, 8)) for number in range(8)]
    keys = [f"S{number}" for number in range(spaces)]
    for key in keys:
        site.space(key, groups={everybody})
    pages: dict[str, list[str]] = {key: [] for key in keys}
    for number in range(items):
        key = keys[number % spaces]
        kind = dice.choices(("page", "blogpost", "attachment"), (16, 2, 2))[0] if pages[key] else "page"
        if kind == "attachment":
            site.attach(dice.choice(pages[key]), f"notes-{number}.txt", b"Notes %d" % number, "text/plain")
            continue
        parent = dice.choice(pages[key][-50:]) if kind == "page" and pages[key] and dice.random() < 0.8 else None
        content = site.add(kind, key, f"Page {number}", f"<p>Paragraph {number}</p>", parent)
        content.labels = [f"label-{number % 7}"]
        if dice.random() < 0.02:
            content.groups = {dice.choice(teams)}
        if kind == "page":
            pages[key].append(content.id)
    return site
