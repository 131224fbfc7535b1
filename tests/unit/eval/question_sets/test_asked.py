"""Questions that readers asked as a set: whose, with what was said of them, and without personal data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.principal import AccessList, Principal
from core.settings import Settings
from eval.question_sets.asked import asked_questions
from generation.guarding.pii import Entity
from ingestion.catalog.catalog import Catalog
from tests.unit.api.fakes import Stack, make_settings

ANYBODY = Principal()


class Names:
    """Knows one name."""

    def find(self, text: str, kinds: Collection[str]) -> Sequence[Entity]:
        at = text.find("Ann Lee")
        return [Entity("PERSON", at, at + 7, 1.0)] if at >= 0 and "PERSON" in kinds else []


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(Settings.model_validate({"data_dir": tmp_path, "review": {"weekly": 10}}))
    made.add_document("open", AccessList.everyone())
    made.add_document("hidden", AccessList(users=frozenset({"ida"})))
    yield made
    made.catalog.close()


def keep(catalog: Catalog, answer: str, question: str, *documents: str, conversation: str = "") -> str:
    more: dict[str, Any] = {"conversation_id": conversation} if conversation else {}
    found = catalog.conversations.begin_turn("user:bo", answer, question, {"filters": {"department": ["HR"]}}, **more)
    body = {"citations": [{"document_id": one} for one in documents]}
    catalog.conversations.end_turn(answer, "done", body, dict.fromkeys(documents, "h1"))
    return found


def test_first_questions_are_drawn_with_thumbs_and_comments_and_nobodys_name(stack: Stack) -> None:
    catalog = stack.catalog
    first = keep(catalog, "a", "How long is the leave of Ann Lee?", "open")
    keep(catalog, "b", "And in her department?", "open", conversation=first)
    keep(catalog, "c", "What does the secret say?", "open", "hidden")
    keep(catalog, "d", "how long  is the leave of ann lee?", "open")
    keep(catalog, "e", "Who pays?", "open")
    catalog.feedback.say("a", "user:bo", "up", [], "Ann Lee agrees")
    catalog.feedback.say("e", "user:bo", "down", ["wrong"], "")
    made = asked_questions(catalog, stack.settings, Names(), ANYBODY, limit=10, seed=0)
    by_id = {one.id: one for one in made.questions}
    assert by_id.keys() == {"a", "e"}
    good, bad = by_id["a"], by_id["e"]
    assert (good.question, good.comments) == ("How long is the leave of [PERSON]?", ("[PERSON] agrees",))
    assert (good.rating, good.documents, good.versions) == ("up", ("open",), {"open": "h1"})
    assert (bad.rating, bad.documents, bad.answerable, bad.filters) == ("down", (), None, {"department": ["HR"]})
    assert made.dropped == {"made from what the set's reader may not read": 1}
    assert "user:bo" not in "".join(one.model_dump_json() for one in made.questions)


def test_the_draw_is_the_seeds_and_takes_consent(stack: Stack) -> None:
    for at in range(8):
        keep(stack.catalog, f"a{at}", f"Question {at}?", "open")

    def drawn(seed: int) -> list[str]:
        found = asked_questions(stack.catalog, stack.settings, Names(), ANYBODY, limit=3, seed=seed)
        return [one.id for one in found.questions]

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(5)}) > 1
    silent = make_settings(stack.settings.data_dir)
    with pytest.raises(InvalidRequest, match=r"tell them, then set review\.weekly"):
        asked_questions(stack.catalog, silent, Names(), ANYBODY, limit=3, seed=0)
