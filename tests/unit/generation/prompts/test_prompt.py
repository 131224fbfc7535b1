"""Prompts as files: versions, placeholders, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.model_settings import PromptSettings
from generation.prompts.messages import build_messages
from generation.prompts.prompt import Prompt, Prompts

GOOD = "Write {no_answer}.\n---\n{sources}\n{question}\n"


def test_the_packaged_ones_ask_for_the_language_of_the_question() -> None:
    prompts = Prompts.of(PromptSettings())
    assert "in the language of the question" in prompts.answering.system
    system, user = build_messages(prompts.answering, "Wie viele?", [])
    assert "NO ANSWER" in system.content
    assert user.content == "<sources>\n\n</sources>\n\nQuestion: Wie viele?"
    assert [version.rsplit("-")[0] for version in prompts.versions] == ["answering", "rewriting"]


def test_the_version_goes_by_the_content(tmp_path: Path) -> None:
    one, same, other = tmp_path / "a.md", tmp_path / "b.md", tmp_path / "c.md"
    one.write_text(GOOD)
    same.write_bytes(GOOD.encode())
    other.write_text(GOOD + "!")
    versions = [Prompt.read("answering", file).version for file in (one, same, other)]
    assert versions[0] == versions[1] != versions[2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD.replace("{sources}", ""), r"lacks the placeholder \{sources\} behind"),
        (GOOD.replace("{question}", ""), r"lacks the placeholder \{question\} behind"),
        (GOOD.replace("{no_answer}", ""), r"lacks the placeholder \{no_answer\} before"),
        (GOOD.replace("---", "***"), "three dashes"),
        ("---\n{sources}{question}", "three dashes"),
        (GOOD + "---\n", "three dashes"),
        ("", "three dashes"),
        (GOOD + "x" * 100_000, "bytes"),
    ],
)
def test_a_file_that_is_no_prompt_is_a_wrong_setting(content: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        Prompts.of(PromptSettings(answering=file))
    assert str(caught.value).startswith(f"prompts.answering: {file}")


@pytest.mark.parametrize("content", [None, b"\xff\xfe{"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"prompts\.rewriting"):
        Prompts.of(PromptSettings(rewriting=file))


@given(st.text(max_size=40), st.sampled_from(["{question}", "{sources}", "{no_answer}", "{", "{{question}}", "\\\\1"]))
def test_what_looks_like_a_placeholder_in_a_value_stays(text: str, odd: str) -> None:
    prompt = Prompt("answering", "S {no_answer}", "{sources}|{question}", "v")
    assert prompt.filled(no_answer="N", sources=odd + text, question=odd) == ("S N", f"{odd}{text}|{odd}")
