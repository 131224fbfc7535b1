"""Conversations and feedback in the catalog, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import delete, func, select

from core.errors import Conflict, NotFound
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog import conversations
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.feedback import FEEDBACK, REPORTS
from ingestion.catalog.migrate import alembic_config, migrate
from ingestion.catalog.tables import DOCUMENTS
from ingestion.connectors.port import Upsert
from tests.unit.ingestion.catalog.conftest import SteppedClock

IDA, EVE = "user:ida", "user:eve"


def ask(catalog: Catalog, question: str = "How?", number: int = 1, **more: Any) -> tuple[str, str]:
    answer = f"{number:032x}"
    return catalog.conversations.begin_turn(IDA, answer, question, {}, **more), answer


@pytest.fixture
def document(catalog: Catalog) -> str:
    source = catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, 60)
    facts = {"uri": "a", "revision": "1", "content_revision": "1", "size": 1, "metadata": Metadata()}
    acl = AccessList(users=frozenset({"ida"}))
    catalog.intake.apply(run.id, source.id, [Upsert(external_id="a", acl=acl, **facts)], parser=1)  # type: ignore[arg-type]
    return catalog.documents.list(source.id)[0].id


def test_turns_are_kept_in_their_order(catalog: Catalog, clock: SteppedClock) -> None:
    conversation, first = ask(catalog, "First?")
    catalog.conversations.end_turn(first, "done", {"answer": "So."}, {"d": "hash", "e": None})
    clock.advance(5)
    _, second = ask(catalog, "Second?", 2, conversation_id=conversation)
    found = catalog.conversations.turns(conversation)
    assert [(turn.answer_id, turn.number, turn.state) for turn in found] == [(first, 1, "done"), (second, 2, "writing")]
    assert (found[0].answer, found[0].documents, found[1].answer) == ({"answer": "So."}, {"d": "hash", "e": None}, None)
    record = catalog.conversations.get(conversation, IDA)
    assert record.updated_at - record.created_at == timedelta(seconds=5)
    assert catalog.conversations.turn(second).question == "Second?"


def test_what_is_replaced_leaves_with_all_after_it(catalog: Catalog) -> None:
    conversation, first = ask(catalog)
    _, second = ask(catalog, number=2, conversation_id=conversation)
    ask(catalog, number=3, conversation_id=conversation)
    _, fourth = ask(catalog, number=4, conversation_id=conversation, replaces=second)
    assert [turn.answer_id for turn in catalog.conversations.turns(conversation)] == [first, fourth]
    with pytest.raises(NotFound):
        ask(catalog, number=5, conversation_id=conversation, replaces=second)
    assert len(catalog.conversations.turns(conversation)) == 2


def test_the_owner_alone_writes(catalog: Catalog) -> None:
    conversation, _ = ask(catalog)
    store = catalog.conversations
    store.share(conversation, IDA, AccessList(groups=frozenset({"hr"})))
    assert store.get(conversation, EVE, {"public", "group:hr"}).owner == IDA
    for refused in (
        lambda: store.get(conversation, EVE, {"public", "group:eng"}),
        lambda: store.get(conversation, None),
        lambda: store.rename(conversation, EVE, "x"),
        lambda: store.share(conversation, EVE, AccessList.everyone()),
        lambda: store.delete(conversation, EVE),
        lambda: store.begin_turn(EVE, "9" * 32, "x", {}, conversation_id=conversation),
        lambda: store.turn("9" * 32),
    ):
        with pytest.raises(NotFound):
            refused()
    assert store.share(conversation, IDA, None).shared is None
    assert store.delete_all(EVE) == (0, [])
    assert store.list(IDA)[1] == 1


def test_a_conversation_ends_somewhere(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_TURNS", 2)
    conversation, _ = ask(catalog)
    ask(catalog, number=2, conversation_id=conversation)
    with pytest.raises(Conflict, match="Begin a new one"):
        ask(catalog, number=3, conversation_id=conversation)


def test_listing_searches_titles_and_questions(catalog: Catalog, clock: SteppedClock) -> None:
    first, _ = ask(catalog, "Straße in ÖSTERREICH?")
    clock.advance(1)
    second, answer = ask(catalog, "Other " + "words " * 40, 2)
    catalog.conversations.end_turn(answer, "done", {"answer": "strasse"}, {})
    clock.advance(1)
    ask(catalog, "And 50% more?", 3, conversation_id=first)
    listed, total = catalog.conversations.list(IDA)
    assert ([one.id for one in listed], total) == ([first, second], 2)
    assert len(listed[1].title) == 80
    for words, wanted in (
        ("österreich", [first]), ("STRASSE", [first]), ("50%", [first]), ("5_%", []), ("words", [second]), ("x", []),
    ):  # fmt: skip
        assert [one.id for one in catalog.conversations.list(IDA, words)[0]] == wanted, words
    assert catalog.conversations.list(IDA, limit=1, offset=1)[0][0].id == second
    assert catalog.conversations.list(EVE) == ([], 0)


def test_what_nobody_went_on_with_goes(catalog: Catalog, clock: SteppedClock) -> None:
    old, answer = ask(catalog)
    catalog.feedback.say(answer, IDA, "down", ["wrong"], "No.")
    clock.advance(100)
    new, _ = ask(catalog, number=2)
    assert catalog.conversations.expire(clock.now() - timedelta(seconds=50)) == 1
    assert [one.id for one in catalog.conversations.list(IDA)[0]] == [new]
    with catalog.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(FEEDBACK)).scalar_one() == 0
    catalog.conversations.end_turn(answer, "done", {}, {})  # its writer comes too late
    assert catalog.conversations.turns(old) == []
    assert catalog.conversations.expire(None) == 1


def test_feedback_is_one_a_reader_and_comes_with_its_answer(catalog: Catalog) -> None:
    _, answer = ask(catalog)
    store = catalog.feedback
    store.say(answer, IDA, "down", ["wrong", "unclear"], "No.")
    store.say(answer, IDA, "up", [], "")
    store.say(answer, EVE, "down", ["outdated"], "Old.")
    assert store.of([answer], IDA)[answer].rating == "up"
    assert store.counts() == {"up": 1, "down": 1}
    [(said, turn)] = store.list("down")
    assert (said.reader, said.reasons, turn.answer_id, turn.question) == (EVE, ["outdated"], answer, "How?")
    store.take_back(answer, IDA)
    assert len(store.list()) == 1
    with pytest.raises(NotFound):
        store.say("9" * 32, IDA, "up", [], "")


def test_outdated_documents_are_listed_until_they_are_seen_to(
    catalog: Catalog, clock: SteppedClock, document: str
) -> None:
    store = catalog.feedback
    store.report(document, IDA, "It says 2019.", None)
    clock.advance(9)
    store.report(document, EVE, "", None)
    store.report(document, EVE, "Old.", None)
    [listed], total = store.outdated()
    assert (listed.document_id, listed.external_id, listed.readers, total) == (document, "a", 2, 1)
    assert (listed.comments, listed.changed) == (["Old.", "It says 2019."], False)
    assert store.settle(document) == 2
    assert store.outdated() == ([], 0)
    with pytest.raises(NotFound):
        store.settle(document)
    store.report(document, IDA, "", "another hash")
    assert store.outdated()[0][0].changed
    with catalog.database.write() as connection:
        connection.execute(delete(DOCUMENTS))
        assert connection.execute(select(func.count()).select_from(REPORTS)).scalar_one() == 0
    with pytest.raises(NotFound):
        store.report(document, IDA, "", None)


def test_two_processes_write_one_conversation(catalog: Catalog, open_more: Callable[[], Catalog]) -> None:
    conversation, _ = ask(catalog)
    other = open_more()
    for number in range(2, 8):
        ask(other if number % 2 else catalog, number=number, conversation_id=conversation)
    assert [turn.number for turn in catalog.conversations.turns(conversation)] == list(range(1, 8))


def test_the_migration_goes_back_and_forth(catalog: Catalog) -> None:
    with catalog.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0021")
        command.downgrade(alembic_config(connection), "-1")
    migrate(catalog.database)
    assert catalog.conversations.list(IDA) == ([], 0)
