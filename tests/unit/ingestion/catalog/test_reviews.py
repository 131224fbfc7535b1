"""Reviews in the catalog, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import update

from core.errors import Conflict, NotFound
from eval.judging import rubric
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.conversation_rows import TURNS
from ingestion.catalog.reviews import CRITERIA, Criterion
from tests.unit.ingestion.catalog.conftest import SteppedClock

IDA, ANN, BEN = "user:ida", "user:ann", "user:ben"
GOOD = cast(dict[Criterion, int | None], dict.fromkeys(CRITERIA, 5))
ANSWER: dict[str, Any] = {"abstained": None, "verdicts": [], "sources": []}


def ask(catalog: Catalog, number: int, owner: str = IDA, **more: Any) -> str:
    answer = f"{number:032x}"
    catalog.conversations.begin_turn(owner, answer, f"Question {number}?", {}, **more)
    catalog.conversations.end_turn(answer, "done", ANSWER, {f"d{number}": None})
    return answer


def sample(catalog: Catalog, name: str = "2026-W02", size: int = 10, twice: float = 0.0, seed: str = "s") -> int:
    now = catalog.clock.now()
    since, until, due = now - timedelta(days=7), now + timedelta(seconds=1), now + timedelta(days=7)
    return catalog.reviews.sample(name, since, until, due, size=size, twice=twice, seed=seed)


def test_what_people_judge_by_is_what_judges_do() -> None:
    assert CRITERIA == rubric.CRITERIA


def test_a_sample_is_drawn_once_and_the_same_by_the_same_seed(
    catalog: Catalog, open_more: Callable[[], Catalog]
) -> None:
    for number in range(30):
        ask(catalog, number)
    assert sample(catalog) == 10
    assert catalog.reviews.has("2026-W02")
    first = set(catalog.reviews.open_to(ANN))
    with pytest.raises(Conflict, match="already"):
        sample(open_more())
    assert sample(catalog, "later", size=100) == 20  # what was drawn isn't drawn again
    with catalog.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM review_samples")
    assert catalog.reviews.open_to(ANN) == []
    assert sample(catalog) == 10
    assert set(catalog.reviews.open_to(ANN)) == first


def test_what_is_no_answer_is_not_drawn(catalog: Catalog, clock: SteppedClock) -> None:
    ask(catalog, 1)
    clock.advance(8 * 86_400)
    done = ask(catalog, 2)
    catalog.conversations.begin_turn(IDA, "f" * 32, "Still writing?", {})
    replaced = ask(catalog, 3)
    with catalog.database.write() as connection:
        connection.execute(update(TURNS).where(TURNS.c.answer_id == replaced).values(replaced=True))
    assert sample(catalog) == 1
    assert catalog.reviews.open_to(ANN) == [done]


def test_outcomes_and_feedback_decide_the_strata(catalog: Catalog) -> None:
    answers = [ask(catalog, number) for number in range(3)]
    catalog.feedback.say(answers[0], IDA, "down", [], "")
    refused = {**ANSWER, "abstained": {"reason": "none", "nearest": []}}
    catalog.conversations.end_turn(answers[1], "done", refused, {})
    sample(catalog)
    for answer in answers:
        catalog.reviews.say(answer, ANN, GOOD, None, "")
    found = {one.answer_id: one.outcome for one in catalog.reviews.list(10)}
    assert found == dict(zip(answers, ("thumbs_down", "abstained", "answered"), strict=True))


def test_two_reviewers_see_an_answer_and_no_third(catalog: Catalog) -> None:
    answer = ask(catalog, 1)
    sample(catalog, twice=1.0)
    store = catalog.reviews
    store.say(answer, ANN, GOOD, None, "Fine.")
    assert (store.open_to(ANN), store.open_to(BEN)) == ([], [answer])
    assert store.list(10) == []  # told to nobody while somebody is to judge by themselves
    store.say(answer, ANN, {**GOOD, "coherence": None}, "writing", "")
    store.say(answer, BEN, {**GOOD, "coherence": 2}, None, "")
    with pytest.raises(Conflict, match="Enough"):
        store.say(answer, "user:third", GOOD, None, "")
    ann, ben = store.list(10)
    assert (ann.reviewer, ann.scores["coherence"], ann.cause, ann.comment) == (ANN, None, "writing", "")
    assert (ben.scores["coherence"], ben.weight, ben.sample) == (2, 1.0, "2026-W02")
    [progress] = store.progress(ANN)
    assert (progress.pairs, progress.wanted, progress.done, progress.mine) == (1, 2, 2, 1)


def test_nobody_reviews_answers_to_themselves(catalog: Catalog) -> None:
    answer = ask(catalog, 1, owner=ANN)
    sample(catalog)
    assert catalog.reviews.open_to(ANN) == []
    for refused in (answer, "9" * 32):
        with pytest.raises(NotFound):
            catalog.reviews.say(refused, ANN, GOOD, None, "")


def test_an_answer_comes_with_the_documents_of_those_before_it(catalog: Catalog) -> None:
    first = ask(catalog, 1)
    conversation = catalog.conversations.turn(first).conversation_id
    second = ask(catalog, 2, conversation_id=conversation)
    ask(catalog, 3, conversation_id=conversation)
    sample(catalog)
    [found] = catalog.reviews.get([second, "9" * 32])
    assert (found.turn.answer_id, set(found.documents)) == (second, {"d1", "d2"})


def test_what_its_owner_deletes_is_reviewed_no_more(catalog: Catalog) -> None:
    answer = ask(catalog, 1)
    sample(catalog)
    catalog.reviews.say(answer, ANN, GOOD, None, "Quotes the answer.")
    catalog.conversations.delete_all(IDA)
    assert (catalog.reviews.list(10), catalog.reviews.get([answer])) == ([], [])
    assert catalog.reviews.progress(ANN) == []
