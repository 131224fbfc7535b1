"""The listing of one library: by its change feed, and what the feed doesn't say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from core.errors import NotFound, SourceUnavailable
from ingestion.connectors.port import Change, Delete, Known, Note
from ingestion.connectors.sharepoint.cursor import DriveState
from ingestion.connectors.sharepoint.graph import Graph, is_gone
from ingestion.connectors.sharepoint.items import Item, Items, acl_digest, external_id, parse_id
from ingestion.connectors.sharepoint.libraries import Library
from ingestion.connectors.sharepoint.tree import Tree, short

PREFER = {
    # https://learn.microsoft.com/onedrive/developer/rest-api/concepts/scan-guidance, and the notes of
    # https://learn.microsoft.com/onedrive/developer/rest-api/api/driveitem_delta: the three of them go together.
    "prefer": "deltashowremovedasdeleted, deltatraversepermissiongaps, deltashowsharingchanges, hierarchicalsharing"
}
_GROUP = 100
_MANY = 1000
"""So many documents to be looked at anew, and the feed from its beginning is shorter."""
_EXPIRIES = 3


class _TooManyError(Exception):
    """The library is better listed from the start."""


class Drive:
    """Lists a library, from where its state says, and moves the state on.

    The feed names a folder that was moved, renamed, shared or deleted, and not what is in it
    (https://github.com/OneDrive/onedrive-api-docs/issues/1250). So each document's note says which folders it lies in
    and whose permissions it has, and documents that this is no longer true of are looked at anew.

    Args:
        complete: whether what this listing doesn't name is taken for gone anyway.
        new_items: makes a reader of items.
    """

    def __init__(
        self,
        *,
        graph: Graph,
        library: Library,
        state: DriveState,
        known: Known,
        complete: bool,
        new_items: Callable[[Tree, set[str]], Items],
    ) -> None:
        self._graph = graph
        self._library = library
        self._state = state
        self._known = known
        self._complete = complete
        self._new_items = new_items
        self._begin()

    def pages(self) -> Iterator[list[Change]]:
        """Changes, a page at a time; behind each the state may be saved."""
        for _ in range(_EXPIRIES):
            try:
                cut_off = self._state.next is not None
                if self._state.delta is None:
                    yield from self._list()
                    if not cut_off:
                        return
                    self._begin()  # what happened meanwhile to what was named before the listing was cut off
                yield from self._follow(str(self._state.delta))
            except NotFound as error:
                if not is_gone(error):
                    raise
                # 410: the link has expired. https://learn.microsoft.com/graph/api/driveitem-delta: enumerate afresh.
            except _TooManyError:
                pass
            else:
                return
            self._state.start_over()
            self._begin()
        raise SourceUnavailable(
            f"The change feed of {self._library.name} ({self._library.site.url}) expires again and again. It is listed "
            "at the next sync."
        )

    def _begin(self) -> None:
        self._hidden = set(self._state.hidden) if self._state.delta is not None else set()
        self._tree = Tree(self._graph, self._library.drive_id)
        self._items = self._new_items(self._tree, self._hidden)
        self._named: set[str] = set()
        self._folders: set[str] = set()
        self._gone: set[str] = set()

    def _list(self) -> Iterator[list[Change]]:
        """From the start: every item is named."""
        resumed = self._state.next is not None
        link = self._state.next or f"/drives/{self._library.drive_id}/root/delta"
        while True:
            page = self._graph.get(link, PREFER)
            changes = self._read(page["value"])
            following = self._graph.relative(page.get("@odata.nextLink"))
            if following is None:
                break
            self._state.hidden |= self._hidden
            self._state.next = link = following
            yield changes
        yield changes
        if not self._complete:
            yield from self._prune(resumed)
        self._state.hidden = self._state.hidden | self._hidden if resumed else self._hidden
        self._state.next, self._state.delta = None, self._graph.relative(page["@odata.deltaLink"])
        yield []

    def _follow(self, start: str) -> Iterator[list[Change]]:
        """What changed since. Cut off, it starts where it started: what folders it met is needed to its end."""
        link: str | None = start
        while link is not None:
            page = self._graph.get(link, PREFER)
            yield self._read(page["value"])
            link = self._graph.relative(page.get("@odata.nextLink"))
        if again := self._hidden - self._named:
            yield from self._look(again)
        if self._folders or self._gone:
            yield from self._review()
        self._state.hidden, self._state.delta = self._hidden, self._graph.relative(page["@odata.deltaLink"])
        yield []

    def _read(self, items: Sequence[Item]) -> list[Change]:
        """A page of the feed. An item may stand in it more than once: the last time counts."""
        last = {item["id"]: item for item in items}
        changes: list[Change] = []
        for item in last.values():
            if item.get("deleted") is not None:
                changes += self._deleted(item)
            elif item.get("folder") is not None or item.get("root") is not None:
                self._tree.add(item, told=True)
                self._gone.discard(item["id"])
                if item.get("root") is None:
                    self._folders.add(item["id"])
        live = [item for item in last.values() if item.get("deleted") is None]
        return changes + self._changes(live, told=True)

    def _deleted(self, item: Item) -> list[Change]:
        item_id = item["id"]
        if item_id in self._tree or item.get("folder") is not None or item.get("file") is None:
            # A deleted item may come without its facets: then it may be either.
            self._gone.add(item_id)
            self._folders.discard(item_id)
        self._named.add(item_id)
        self._hidden.discard(item_id)
        return [Delete(external_id(self._library, item_id))] if item.get("folder") is None else []

    def _changes(self, items: Sequence[Item], *, told: bool) -> list[Change]:
        self._named.update(item["id"] for item in items)
        changes = self._items.changes(items, told=told)
        self._items.forget(items)
        return changes

    def _look(self, item_ids: Iterable[str]) -> Iterator[list[Change]]:
        """Look at items one by one: those that went are named as gone."""
        ids = sorted(item_ids)
        for start in range(0, len(ids), _GROUP):
            some = ids[start : start + _GROUP]
            answers = self._graph.batch([f"/drives/{self._library.drive_id}/items/{one}" for one in some])
            there = [answer.body for answer in answers if answer.good]
            lost = [one for one, answer in zip(some, answers, strict=True) if answer.status == 404]  # noqa: PLR2004
            self._hidden.difference_update(lost)
            yield [Delete(external_id(self._library, one)) for one in lost] + self._changes(there, told=False)

    def _prune(self, resumed: bool) -> Iterator[list[Change]]:
        """After a listing from the start: what the catalog knows and nobody named. Each is asked for before it goes,

        as what was named before a listing was cut off isn't known any more.
        """
        unnamed = {item_id for item_id, _ in self._below() if item_id not in self._named}
        if resumed or len(unnamed) <= _MANY:
            yield from self._look(unnamed)
        else:
            ids = sorted(unnamed)
            for start in range(0, len(ids), _GROUP):
                yield [Delete(external_id(self._library, one)) for one in ids[start : start + _GROUP]]

    def _review(self) -> Iterator[list[Change]]:
        """Documents in folders that the feed named: those that aren't where they were, or are read by others now."""
        there = self._standing()
        gone = {short(folder) for folder in self._gone}
        populated: set[str] = set()
        moved: set[str] = set()
        doubtful: set[str] = set()
        for item_id, note in self._below():
            lies_in = [one for one in str(note.get("up", "")).split(".") if one]
            populated.update(lies_in)
            if item_id in self._named:
                continue
            nearest = next((depth for depth in range(len(lies_in), 0, -1) if lies_in[depth - 1] in there), 0)
            if not gone.isdisjoint(lies_in):
                doubtful.add(item_id)
            elif nearest:
                chain, path, acl = there[lies_in[nearest - 1]]
                elsewhere = chain != lies_in[:nearest] or str(note.get("in", "")).split("/")[:nearest] != path.split(
                    "/"
                )
                if elsewhere:
                    moved.add(lies_in[nearest - 1])
                if elsewhere or _is_read_by_others(note, nearest, acl):
                    doubtful.add(item_id)
            if len(doubtful) > _MANY:
                raise _TooManyError
        yield from self._look(doubtful)
        # A folder in which nothing is known: new, brought back, or left out under its old name.
        empty = [folder for folder in self._folders if short(folder) not in populated or short(folder) in moved]
        yield from self._walk(empty)

    def _standing(self) -> dict[str, tuple[list[str], str, str]]:
        """The folders that the feed named: those they lie in, their paths, and digests of who may read them."""
        self._tree.complete(self._folders)
        scopes = {folder: self._tree.scope(folder).item_id for folder in self._folders}
        self._items.ask(scopes.values())
        found = {}
        for folder, scope in scopes.items():
            chain = self._tree.chain(folder)
            acl = acl_digest(self._items.readers(scope))
            found[short(folder)] = ([short(one) for one in chain], self._tree.path(chain), acl)
        return found

    def _walk(self, folders: Sequence[str]) -> Iterator[list[Change]]:
        """Files and folders below these that this listing hasn't named."""
        waiting = sorted(folders)
        while waiting:
            folder = waiting.pop()
            url = f"/drives/{self._library.drive_id}/items/{folder}/children"
            found: list[Item] = []
            try:
                for item in self._graph.collection(url):
                    if item["id"] in self._named:
                        continue
                    if item.get("folder") is not None:
                        self._named.add(item["id"])
                        self._tree.add(item, told=False)
                        waiting.append(item["id"])
                    found.append(item)
                    if len(found) >= _GROUP:
                        yield self._changes(found, told=False)
                        found = []
            except NotFound:
                pass  # it went meanwhile: the next listing hears of that
            yield self._changes(found, told=False)

    def _below(self) -> Iterator[tuple[str, Note]]:
        for name, note in self._known.below(f"{self._library.drive_id}/"):
            yield parse_id(name)[1], note


def _is_read_by_others(note: Note, depth: int, acl: str) -> bool:
    """Whether a document's readers may have changed with those of a folder that it lies in, so many folders down."""
    at = note.get("at")
    if at is not None and (at < 0 or at > depth):
        return False  # it, or a folder further down that nobody named, has permissions of its own
    return bool(note.get("acl") != acl)
