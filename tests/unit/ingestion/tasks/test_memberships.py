"""Reading who is in a source's groups: streamed, kept where it fails, taken over where a worker died."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from core.errors import BrokerUnavailable, SourceRefuses, SourceUnavailable, StorageUnavailable
from ingestion.catalog.membership_syncs import MembershipSync
from ingestion.connectors.port import Membership
from ingestion.service import Ingestion
from ingestion.tasks.memberships import memberships_due, sync_memberships
from ingestion.tasks.recovering import recover
from tests.unit.ingestion.tasks.conftest import Pipeline
from tests.unit.ingestion.tasks.fakes import FakeSource

HOUR_S = 3600.0


class Wiki(FakeSource):
    """A source with groups. ``meanwhile`` runs once, before the last of them is given."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: dict[str, set[str]] = {}
        self.breaks: Exception | None = None
        self.meanwhile: Callable[[], object] | None = None
        self.source_id = ""
        self.closed = 0

    def memberships(self) -> Iterator[Membership]:
        groups = list(self.groups.items())
        for name, users in groups[:-1]:
            yield self._said(name, users)
        if self.meanwhile:
            self.meanwhile, change = None, self.meanwhile
            change()
        if self.breaks:
            raise self.breaks
        for name, users in groups[-1:]:
            yield self._said(name, users)

    def _said(self, name: str, users: set[str]) -> Membership:
        return Membership(f"{self.source_id}/{name}", frozenset(f"{user}@example.com" for user in users))

    def close(self) -> None:
        self.closed += 1


@dataclass
class Following:
    """A wiki, and what follows it."""

    pipeline: Pipeline
    wiki: Wiki

    def sync(self, *, later_s: float = HOUR_S) -> None:
        self.pipeline.clock.advance(later_s)
        memberships_due(self.pipeline.parts)
        self.pipeline.tasks.run(self.pipeline.parts)

    def groups(self, user: str) -> set[str]:
        found = self.pipeline.parts.catalog.memberships.groups_of(f"{user}@example.com")
        return {group.partition("/")[2] for group in found}

    @property
    def state(self) -> MembershipSync:
        found = self.pipeline.parts.catalog.membership_syncs.get(self.pipeline.record.id)
        assert found is not None
        return found


@pytest.fixture
def following(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Following:
    wiki = Wiki()
    wiki.source_id = pipeline.record.id
    monkeypatch.setattr(pipeline.parts, "connector", lambda _: wiki)
    return Following(pipeline, wiki)


def test_who_leaves_a_group_is_out_of_it_with_the_next_sync(following: Following) -> None:
    following.wiki.groups = {"hr": {"ann", "bob"}, "eng": {"ann"}}
    following.sync()
    assert (following.groups("ann"), following.groups("bob")) == ({"hr", "eng"}, {"hr"})
    following.wiki.groups = {"hr": {"bob"}}
    following.sync(later_s=HOUR_S - 61)
    assert following.groups("ann") == {"hr", "eng"}, "it isn't due"
    following.sync(later_s=61)
    assert (following.groups("ann"), following.groups("bob")) == (set(), {"hr"})
    assert following.wiki.closed == 2
    assert following.state.has_groups


def test_groups_are_written_in_batches_while_they_are_read(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.tasks.memberships._GROUPS", 2)
    monkeypatch.setattr("ingestion.tasks.memberships._MEMBERS", 3)
    following.wiki.groups = {str(number): {"ann"} for number in range(4)} | {
        "many": {"a", "b", "c", "ann"},
        "last": {"ann"},
    }
    early: list[set[str]] = []
    following.wiki.meanwhile = lambda: early.append(following.groups("ann"))
    following.sync()
    assert early == [{"0", "1", "2", "3", "many"}]
    assert following.groups("ann") == set(following.wiki.groups)


@pytest.mark.parametrize(
    ("error", "shown", "soon"),
    [
        (SourceUnavailable("The wiki doesn't answer."), "The wiki doesn't answer.", True),
        (SourceRefuses("The wiki's token has expired."), "The wiki's token has expired.", False),
        (RuntimeError("secret: hunter2"), "An unexpected RuntimeError occurred", True),
    ],
)
def test_a_sync_that_fails_keeps_what_was_known_says_why_and_is_tried_again(
    following: Following, error: Exception, shown: str, soon: bool
) -> None:
    following.wiki.groups = {"hr": {"ann"}, "eng": {"ann"}}
    following.sync()
    following.wiki.groups, following.wiki.breaks = {"hr": {"bob"}, "new": {"bob"}}, error
    following.sync()
    assert (following.groups("ann"), following.groups("bob")) == ({"hr", "eng"}, set())
    assert shown in str(following.state.error)
    assert "hunter2" not in str(following.state.error)
    assert following.wiki.closed == 2
    following.wiki.breaks = None
    following.sync(later_s=60)
    assert (following.groups("bob") == {"hr", "new"}) == soon
    following.sync()
    assert (following.groups("ann"), following.groups("bob")) == (set(), {"hr", "new"})
    assert (following.state.error, following.state.failures) == (None, 0)


def test_failures_are_tried_again_more_and_more_seldom(following: Following) -> None:
    following.wiki.groups, following.wiki.breaks = {"hr": {"ann"}}, SourceUnavailable("It doesn't answer.")
    for failures in range(1, 5):
        following.sync()
        assert following.state.failures == failures
    assert following.state.begun_at is not None
    assert (following.state.due_at - following.state.begun_at).total_seconds() >= 20


def test_a_source_without_groups_is_asked_for_none(pipeline: Pipeline) -> None:
    memberships_due(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    state = pipeline.parts.catalog.membership_syncs.get(pipeline.record.id)
    assert state is not None
    assert (state.has_groups, state.error, state.done_at) == (False, None, pipeline.clock.now())


def test_two_syncs_of_a_source_never_overlap_and_one_that_is_asked_for_meanwhile_comes_after(
    following: Following,
) -> None:
    parts, source_id = following.pipeline.parts, following.pipeline.record.id
    following.wiki.groups = {"hr": {"ann"}, "eng": {"ann"}}

    def ask_again() -> None:
        following.wiki.groups = {"hr": {"bob"}}
        parts.catalog.membership_syncs.want(source_id)
        sync_memberships(parts, source_id)
        assert following.wiki.closed == 0, "another one is at it"

    following.wiki.meanwhile = ask_again
    following.sync()
    assert following.wiki.closed == 2
    assert (following.groups("ann"), following.groups("bob")) == (set(), {"hr"})


def test_one_that_was_taken_over_writes_nothing_more(following: Following) -> None:
    parts, source_id = following.pipeline.parts, following.pipeline.record.id
    following.wiki.groups = {"hr": {"ann"}, "eng": {"ann"}}

    def another_takes_over() -> None:
        following.pipeline.clock.advance(HOUR_S)
        claim = parts.catalog.membership_syncs.claim(source_id, "other", 100, HOUR_S)
        assert claim is not None

    following.wiki.meanwhile = another_takes_over
    following.sync()
    assert following.groups("ann") == set()
    assert following.state.error is None


def test_a_deleted_source_is_left_alone(following: Following) -> None:
    parts = following.pipeline.parts
    following.wiki.groups = {"hr": {"ann"}}
    following.wiki.meanwhile = lambda: parts.catalog.sources.begin_delete(following.pipeline.record.id)
    following.sync()
    assert following.groups("ann") == set()
    following.pipeline.tasks.send("footnote.purge", {"source_id": following.pipeline.record.id})
    following.pipeline.tasks.run(parts)
    assert parts.catalog.membership_syncs.get(following.pipeline.record.id) is None


def test_what_a_dead_worker_or_broker_lost_is_begun_anew(following: Following) -> None:
    parts, source_id = following.pipeline.parts, following.pipeline.record.id
    following.wiki.groups = {"hr": {"ann"}}
    memberships_due(parts)
    following.pipeline.tasks.waiting.clear()
    following.pipeline.tasks.forgotten = True
    recover(parts)
    following.pipeline.tasks.forgotten = False
    following.pipeline.tasks.run(parts)
    assert following.groups("ann") == {"hr"}
    parts.catalog.membership_syncs.want(source_id)
    assert parts.catalog.membership_syncs.claim(source_id, "host|1|2|a|b", 100, HOUR_S)
    following.wiki.groups = {}
    recover(parts)
    following.pipeline.tasks.run(parts)
    assert following.groups("ann") == {"hr"}, "somebody may be at it"
    following.sync(later_s=101)
    assert following.groups("ann") == set(), "it was too long without a sign of life"


def test_a_catalog_that_goes_away_loses_no_sync(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = following.pipeline.parts
    following.wiki.groups = {"hr": {"ann"}}

    def down(*_: object, **__: object) -> None:
        raise StorageUnavailable("The catalog doesn't answer.")

    with monkeypatch.context() as patch:
        patch.setattr(parts.catalog.memberships, "enter", down)
        patch.setattr(parts.catalog.membership_syncs, "fail", down)
        memberships_due(parts)
        with pytest.raises(StorageUnavailable):
            following.pipeline.tasks.run(parts)
    recover(parts)
    following.pipeline.tasks.run(parts)
    assert following.groups("ann") == {"hr"}


def test_asking_for_a_sync_reads_the_groups_too(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = following.pipeline.parts
    sent: list[tuple[str, object]] = []

    def send(task: str, arguments: object = None, *, delay_s: float = 0) -> None:
        if task == "footnote.memberships" and down:
            raise BrokerUnavailable("The task queue doesn't answer.")
        sent.append((task, arguments))

    down = False
    monkeypatch.setattr("ingestion.broker.TaskQueue.send", lambda _, *args, **more: send(*args, **more))
    ingestion = Ingestion(parts.catalog, object(), parts.settings)
    ingestion.sync(following.pipeline.record.id)
    assert ("footnote.memberships", {"source_id": following.pipeline.record.id}) in sent
    down = True
    ingestion.sync(following.pipeline.record.id)
    memberships_due(parts)
    assert parts.catalog.membership_syncs.take_due(1) == [], "the schedule has sent for it"
