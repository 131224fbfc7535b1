from __future__ import annotations

import json
from pathlib import Path

import pytest

from generation.text.languages import language_notices, read_by

QUESTIONS = Path(__file__).parents[4] / "eval" / "questions"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie viele Urlaubstage habe ich?", "German"),
        ("Combien de jours de congé ai-je ?", "French"),
        ("¿Quién aprueba mi viaje?", "Spanish"),
        ("Quanti giorni di ferie ho?", "Italian"),
        ("Hoeveel vakantiedagen heb ik?", "Dutch"),
        ("Сколько дней отпуска?", "Russian"),
        ("休暇は何日ありますか?", "Japanese"),
        ("연차는 며칠입니까?", "Korean"),
    ],
)
def test_a_question_that_the_embedder_does_not_read_is_told_of(question: str, language: str) -> None:
    [notice] = language_notices(question, [], ("en",))
    assert notice.startswith(f"The question seems to be in {language}, and meaning is only read in English here")


@pytest.mark.parametrize(
    "question",
    [
        *("How many days of leave do I get?", "travel", "El Paso", "", "12 345 ... \ud83d", "naïve café", "HIPAA BAA"),
        *("Who is Karl Müller?", "per diem San Francisco", "| a | https://example.com | 3 |\n" * 100),
    ],
)
def test_names_and_what_nobody_can_tell_are_not(question: str) -> None:
    assert language_notices(question, [], ("en",)) == []


def test_no_english_question_of_our_sets_is_taken_for_another() -> None:
    rows = [json.loads(line) for file in QUESTIONS.glob("*.jsonl") for line in file.read_text().splitlines()]
    asked = [row["question"] for row in rows if isinstance(row.get("question"), str)]
    assert len(asked) > 400
    assert [one for one in asked if language_notices(one, [], ("en",))] == []


def test_passages_count_by_what_their_documents_are_in() -> None:
    told = language_notices("How long is leave?", ["de", "de-AT", "en", ""], ("en",))
    assert [notice[:46] for notice in told] == ["2 passages found seem to be in German, and mea"]
    assert language_notices("Wie lange ist der Urlaub?", ["de"], ("en", "de")) == []


def test_nothing_is_said_of_an_embedder_that_is_not_known() -> None:
    assert read_by("all-MiniLM-L6-v2-67611a26") == ("en",)
    assert language_notices("Wie lange ist der Urlaub?", [], read_by("bge-m3-1")) == []
