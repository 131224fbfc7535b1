"""Lists one space: its pages, blog posts and attachments, with who may read each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.errors import NotFound, SourceRefuses
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.connectors.confluence.access import Gate, Gates, access_list, narrowed
from ingestion.connectors.confluence.api import Api
from ingestion.connectors.confluence.config import ConfluenceConfig
from ingestion.connectors.confluence.people import People
from ingestion.connectors.confluence.permissions import EXPAND, PermissionsUnknown, Restrictions, space_gate
from ingestion.connectors.confluence.rows import Row, attachment_row, comment_mark, merged, page_row
from ingestion.connectors.confluence.tree import KINDS, Tree
from ingestion.connectors.port import Change, ConnectorContext, Unreadable, Upsert
from ingestion.partitioning.facts import clean_tags

Space = Mapping[str, Any]
_FACTS = f"version,history,metadata.labels,{EXPAND}"
_NOT_READ = ("video/", "audio/")


@dataclass(frozen=True, slots=True)
class _Readers:
    """Who may read the pages of a space: the gates before each, or why that can't be told."""

    gates: Mapping[str, Gates]
    unknown: Mapping[str, str]


class Listing:
    """Lists spaces, one after the other.

    A space is read whole before anything of it is told, since a page may come before the pages above it. What is held
    of a page meanwhile is a row of some hundred bytes.
    """

    def __init__(self, api: Api, people: People, config: ConfluenceConfig, context: ConnectorContext) -> None:
        self._api = api
        self._people = people
        self._config = config
        self._context = context
        self._restrictions = Restrictions(api, people)
        self._given = Metadata(department=config.department, tags=clean_tags(config.tags)).coming_from("source")
        self._lists: dict[Gates, AccessList] = {}

    def changes(self, space: Space) -> Iterator[Change]:
        """Every document of a space, as it is now."""
        comments, files = self._beside(space)
        rows = {row.content_id: row for row in self._pages(space, _FACTS)}
        readers = self._readers(space, rows)
        self._write_lists(set(readers.gates.values()))
        for row in rows.values():
            yield self._change(space, row, row, readers, comments.get(row.content_id, []))
        for file in files:
            page = rows.get(file.page)
            if page is not None:
                yield self._file(space, file, page, readers)

    def joint_gates(self, space: Space) -> set[Gates]:
        """The sets of several gates that access lists of this space stand for by a group of their own."""
        rows = {row.content_id: row for row in self._pages(space, f"version,{EXPAND}")}
        return {gates for gates in self._readers(space, rows).gates.values() if len(gates) > 1}

    def _pages(self, space: Space, expand: str) -> Iterator[Row]:
        kinds = ("page", "blogpost") if self._config.blogs else ("page",)
        if self._api.cloud:
            items = self._cloud_items(space, kinds, expand)
        else:
            items = self._api.pages(space, kinds, f"ancestors,{expand}")
        for item in items:
            row = page_row(item, self._config.links, self._given)
            lacking = "version" if not row.version else "ancestors" if _unplaced(item) else ""
            if lacking:
                yield replace(row, unknown=f"Who may read it can't be told: {self._api.name} tells no {lacking}.")
                continue
            try:
                yield replace(row, gate=self._restrictions.told(item))
            except PermissionsUnknown as error:
                yield replace(row, unknown=str(error))

    def _cloud_items(self, space: Space, kinds: tuple[str, ...], expand: str) -> Iterator[Mapping[str, Any]]:
        """Pages and blog posts as Data Center has them: v2 says what there is, and search tells restrictions in bulk.

        Restrictions of what search lacks are asked for one by one.
        """
        found: dict[str, Mapping[str, Any]] = {}
        for items in self._api.search(space["key"], tuple(dict.fromkeys((*kinds, *KINDS))), expand):
            for item in items:
                if item["type"] in kinds:
                    found[str(item["id"])] = item
                else:
                    self._restrictions.remember(item)
        tree = Tree(self._api)
        pages = list(self._api.pages_v2(space, "page"))
        for page in pages:
            tree.add(page)
        for page in pages:
            yield merged("page", page, found.get(str(page["id"]), {}), self._above(tree, str(page["id"])))
        if "blogpost" in kinds:
            for post in self._api.pages_v2(space, "blogpost"):
                yield merged("blogpost", post, found.get(str(post["id"]), {}), [])

    @staticmethod
    def _above(tree: Tree, page: str) -> list[dict[str, str]] | None:
        """What a page lies below; None: that can't be told."""
        try:
            return tree.above(page)
        except (NotFound, SourceRefuses):
            return None

    def _beside(self, space: Space) -> tuple[dict[str, list[str]], list[Row]]:
        """What is said below pages, by page, and the files that hang on them."""
        comments: dict[str, list[str]] = {}
        files: dict[str, Row] = {}
        kinds = tuple(kind for kind in ("attachment", "comment") if getattr(self._config, f"{kind}s"))
        for items in self._api.search(space["key"], kinds, "version,container,history") if kinds else ():
            for item in items:
                if item["type"] == "comment":
                    page, mark = comment_mark(item)
                    comments.setdefault(page, []).append(mark)
                else:
                    files[str(item["id"])] = attachment_row(item, self._config.links, self._given)
        return {page: sorted(set(marks)) for page, marks in comments.items()}, list(files.values())

    def _readers(self, space: Space, rows: Mapping[str, Row]) -> _Readers:
        gates: dict[str, Gates] = {}
        unknown: dict[str, str] = {}
        try:
            everywhere = space_gate(self._api, space)
        except PermissionsUnknown as error:
            return _Readers({}, dict.fromkeys(rows, str(error)))
        seen: dict[frozenset[Gate], Gates] = {}
        for row in rows.values():
            try:
                above = [self._gate(ancestor, rows) for ancestor, _ in row.ancestors]
                passed = frozenset({everywhere, *filter(None, (self._gate(row.content_id, rows), *above))})
            except PermissionsUnknown as error:
                unknown[row.content_id] = str(error)
            else:
                gates[row.content_id] = seen.setdefault(passed, narrowed(passed))
        return _Readers(gates, unknown)

    def _gate(self, content_id: str, rows: Mapping[str, Row]) -> Gate | None:
        """Whom a page is restricted to; one that the listing doesn't have (a folder, a draft) is asked for."""
        row = rows.get(content_id)
        if row is None:
            return self._restrictions.asked(content_id)
        if row.unknown:
            raise PermissionsUnknown(row.unknown)
        return row.gate

    def _write_lists(self, asked: Collection[Gates]) -> None:
        """Access lists of these gates; all users whom they name are looked up together."""
        fresh = [gates for gates in asked if gates not in self._lists]
        alone = [next(iter(gates)) for gates in fresh if len(gates) == 1]
        emails = self._people.emails(frozenset().union(*(gate.users for gate in alone)))
        for gates in fresh:
            self._lists[gates] = access_list(gates, self._context.group, emails)

    def _change(
        self, space: Space, row: Row, page: Row, readers: _Readers, comments: Collection[str]
    ) -> Upsert | Unreadable:
        """A document with the permissions of its page."""
        if page.content_id in readers.unknown:
            return Unreadable(row.external_id, row.uri, readers.unknown[page.content_id])
        path = [str(space.get("name") or space["key"]), *(title for _, title in page.ancestors)]
        return row.upsert(space, self._lists[readers.gates[page.content_id]], path, list(comments))

    def _file(self, space: Space, file: Row, page: Row, readers: _Readers) -> Change:
        change = self._change(space, file, page, readers, ())
        if isinstance(change, Upsert) and file.media_type.startswith(_NOT_READ):
            return Unreadable(file.external_id, file.uri, f"{file.media_type} is not read.", change.acl)
        return change


def _unplaced(item: Mapping[str, Any]) -> bool:
    """Whether a page came without what lies above it, and so without the restrictions that it inherits."""
    return item["type"] == "page" and not isinstance(item.get("ancestors"), list)
