"""The change feed of a library: https://learn.microsoft.com/graph/api/driveitem-delta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.graph import shapes
from tests.servers.graph.tenant import Drive, Item
from tests.servers.graph.wire import Answer, Asked, refusal

if TYPE_CHECKING:
    from tests.servers.graph.server import GraphServer


def delta(server: GraphServer, asked: Asked, drive: Drive) -> Answer:
    """A page. Tokens: ``all.SINCE.AFTER`` in an enumeration, ``new.SINCE.UNTIL.AFTER`` in a set of changes."""
    preferred = asked.headers.get("prefer", "").lower()
    if shapes.PREFERENCES[2] in preferred and not all(one in preferred for one in shapes.PREFERENCES):
        # https://github.com/OneDrive/onedrive-api-docs/issues/1298
        text = "Must also prefer deltashowremovedasdeleted and deltatraversepermissiongaps"
        return refusal(400, "invalidRequest", text)
    kind, *numbers = asked.query.get("token", f"all.{drive.clock}.0").split(".")
    if kind == "latest":
        return _page(server, drive, [], ("", f"new.{drive.clock}"), preferred=preferred)
    since, *rest = map(int, numbers)
    if since < drive.expired_before:
        fresh = f"{_address(server, drive)}?token=all.{drive.clock}.0"
        return refusal(410, "resyncChangesApplyDifferences", "Resync required.", Location=fresh)
    if kind == "all":
        return _all(server, drive, since, rest[0], preferred)
    until, after = rest or (drive.clock, 0)
    return _new(server, drive, (since, until, after), preferred, "deltaexcludeparent" in asked.headers)


def _all(server: GraphServer, drive: Drive, since: int, after: int, preferred: str) -> Answer:
    """The state: every item, oldest first."""
    live = [one for one in list(drive.items.values())[after:] if not one.deleted]
    some = live[: server.page_size]
    more = f"all.{since}.{some[-1].number}" if len(live) > server.page_size else ""
    return _page(server, drive, some, (more, f"new.{since}"), preferred=preferred)


def _new(
    server: GraphServer, drive: Drive, window: tuple[int, int, int], preferred: str, exclude_parents: bool
) -> Answer:
    """What changed, each item once and as it is now, with the folders above it."""
    since, until, after = window
    changed = sorted((one for one in drive.items.values() if since < one.changed <= until), key=lambda one: one.changed)
    left = [one for one in changed if one.changed > after]
    some = left[: server.page_size]
    more = f"new.{since}.{until}.{some[-1].changed}" if len(left) > server.page_size else ""
    above: dict[str, Item] = {}
    if not exclude_parents:
        for one in some:
            above |= {folder.id: folder for folder in drive.above(one) if not folder.deleted}
    told = [one for one in above.values() if one not in some] + some
    return _page(server, drive, told, (more, f"new.{until}"), preferred=preferred, since=since)


def _page(
    server: GraphServer,
    drive: Drive,
    items: list[Item],
    links: tuple[str, str],
    *,
    preferred: str,
    since: int | None = None,
) -> Answer:
    """These items, and the token that leads on: to more, or, where there is none, to later changes."""
    more, last = links
    told = []
    for item in items:
        one = shapes.item_of(drive, item, preferred)
        if since is not None and item.sharing_changed > since and not item.is_folder:
            # Folders go without it: https://github.com/microsoftgraph/msgraph-sdk-java/issues/2548
            one["@microsoft.graph.sharedChanged"] = "True"
        told.append(one)
    body: dict[str, Any] = {"@odata.context": f"{server.base}/v1.0/$metadata#Collection(driveItem)", "value": told}
    name, token = ("@odata.nextLink", more) if more else ("@odata.deltaLink", last)
    body[name] = f"{_address(server, drive)}?token={token}"
    return Answer(200, body)


def _address(server: GraphServer, drive: Drive) -> str:
    return f"{server.base}/v1.0/drives/{drive.id}/root/delta"
