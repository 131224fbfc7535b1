from __future__ import annotations

import pytest

from generation.text.languages import language_notices, language_of, read_by


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many days of leave do I get?", "en"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("Quanti giorni di ferie ho?", "it"),
        ("Hoeveel vakantiedagen heb ik?", "nl"),
        ("Сколько дней отпуска?", "ru"),
        ("有多少天年假?", "zh"),
        ("休暇は何日ありますか?", "ja"),
        ("연차는 며칠입니까?", "ko"),
        ("travel", ""),
        ("El Paso", ""),
        ("", ""),
        ("12 345 ... \ud83d", ""),
        ("naïve café", ""),
        ("| a | https://example.com | 3 |\n" * 100, ""),
    ],
)
def test_what_letters_and_small_words_tell(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_reader_is_told_of_what_the_embedder_does_not_read() -> None:
    german = "Der Urlaub ist bis zum 31. März des Jahres zu nehmen, das auf das Jahr folgt, für das er gilt."
    told = language_notices("Wie lange ist der Urlaub?", [(german, ""), ("Urlaub", "de"), ("Leave", "en")], ("en",))
    assert [notice[:46] for notice in told] == [
        "The question seems to be in German, and meanin",
        "2 passages found seem to be in German, and mea",
    ]
    assert language_notices("How long is leave?", [("It lasts for the year.", "")], ("en",)) == []
    assert language_notices("Wie lange ist der Urlaub?", [(german, "")], ("en", "de")) == []


def test_nothing_is_said_of_an_embedder_that_is_not_known() -> None:
    assert read_by("all-MiniLM-L6-v2-67611a26") == ("en",)
    assert language_notices("Wie lange ist der Urlaub?", [], read_by("bge-m3-1")) == []
