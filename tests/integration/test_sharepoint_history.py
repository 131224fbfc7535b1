"""Whatever happens to the folders and files of a library, and whatever its change feed leaves out: a sync finds it."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingestion.connectors.port import Upsert
from tests.integration.sharepoint_following import Followed, truth
from tests.servers.graph.grants import for_group, for_person
from tests.servers.graph.server import serving
from tests.servers.graph.tenant import Drive, Tenant

FOLDERS = ["", "a", "a/b", "a/b/c", "d", "d/b"]
folders = st.sampled_from(FOLDERS)
names = st.sampled_from(["x.txt", "y.txt"])
paths = st.tuples(folders, names).map(lambda pair: "/".join(filter(None, pair)))
people = st.lists(st.sampled_from(["ann", "bob", "cy"]), max_size=2, unique=True)
anything = st.one_of(paths, folders.filter(bool))
steps = st.one_of(
    st.tuples(st.just("put"), paths, st.text("ab", min_size=1, max_size=2)),
    st.tuples(st.just("put"), paths, st.text("ab", min_size=1, max_size=2)),
    st.tuples(st.just("move"), anything, folders, names),
    st.tuples(st.just("delete"), anything, st.booleans()),
    st.tuples(st.just("share"), st.one_of(anything, st.just("")), people),
    st.tuples(st.just("inherit"), anything),
    st.tuples(st.just("withhold"), st.one_of(anything, st.just("")), st.booleans()),
    st.just(("expire",)),
    st.tuples(st.just("sync"), st.one_of(st.none(), st.integers(1, 4))),
)


def there(drive: Drive, path: str) -> bool:
    """Whether something has this path."""
    here = drive.root
    for name in filter(None, path.split("/")):
        found = drive.child(here, name)
        if found is None:
            return False
        here = found
    return True


def take(tenant: Tenant, drive: Drive, followed: Followed, step: tuple[Any, ...]) -> None:
    """Do a step if it can be done in this library as it is now."""
    what, *rest = step
    if what == "sync":
        followed.sync(rest[0])
    elif what == "expire":
        drive.expire()
    elif what == "put":
        drive.put(rest[0], rest[1].encode())
    elif not there(drive, rest[0]):
        return
    elif what == "move":
        path, folder, name = rest
        to = "/".join(filter(None, (folder, name if path.endswith(".txt") else "moved")))
        if not there(drive, to) and not f"{to}/".startswith(f"{path}/"):
            drive.move(path, to)
    elif what == "delete":
        drive.children_of_deleted = rest[1]
        drive.delete(rest[0])
    elif what == "inherit":
        drive.share(rest[0], None)
    elif what == "withhold":
        drive.at(rest[0]).withheld = rest[1] and drive.at(rest[0]).permissions is not None
    elif rest[0]:
        drive.share(rest[0], [for_person(tenant, f"{one}@example.com") for one in rest[1]])
    else:  # the library's own: the feed says nothing
        drive.root.permissions = [for_person(tenant, f"{one}@example.com") for one in rest[1]]


def revisions(followed: Followed) -> dict[str, str]:
    """Each document's revision; none for those that can't be read."""
    return {name: one.revision if isinstance(one, Upsert) else "" for name, one in followed.documents.items()}


# Without shrinking, for each try of it starts a server.
@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(history=st.lists(steps, max_size=25), page_size=st.integers(1, 4))
def test_any_history_ends_with_what_the_library_has(history: list[tuple[Any, ...]], page_size: int) -> None:
    tenant = Tenant()
    site = tenant.site("sites/team")
    site.permissions = [for_group(tenant.group("team"))]
    drive = site.library("Documents")
    with serving(tenant, page_size) as server:
        followed = Followed(server)
        for step in history:
            take(tenant, drive, followed, step)
        followed.sync()
        assert followed.readers() == truth(tenant)
        before = revisions(followed)
        followed.sync()
        assert revisions(followed) == before
