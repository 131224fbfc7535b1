"""Configurations of the command line: what each sets, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigurationError, InvalidRequest
from eval.answers.configurations import read_configurations


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_the_settings_are_asked_as_they_are() -> None:
    (one,) = read_configurations(())
    assert (one.name, one.url, one.pipeline, one.prices) == ("current", "", None, None)


def test_pairs_and_files_set_what_they_say_and_no_more() -> None:
    Path("few.toml").write_text("[retrieval]\ncontext_chunks = 3\n")
    few, dropping = read_configurations(
        ("few=few.toml", "dropping=verification.policy=drop,pipeline=lexical,price.input=2,price.output=8")
    )
    assert few.settings.retrieval.context_chunks == 3
    assert dropping.settings.verification.policy == "drop"
    assert dropping.pipeline == "lexical"
    assert dropping.prices is not None
    assert dropping.prices.cost(1_000_000, 500_000) == 6
    assert few.digest != dropping.digest
    assert few.digest == read_configurations(("other=few.toml",))[0].digest


def test_a_service_is_asked_with_the_key_of_a_file_which_isnt_kept() -> None:
    Path("key").write_text("k-0f9e\n")
    (one,) = read_configurations(("live=url=http://127.0.0.1:1,key_file=key",))
    assert (one.url, one.key) == ("http://127.0.0.1:1", "k-0f9e")
    assert "0f9e" not in f"{one!r}{one.about}"


def test_secrets_of_settings_arent_kept() -> None:
    (one,) = read_configurations(("a=llm.url=http://127.0.0.1:1/v1,llm.model=m,llm.api_key=hush-hush",))
    assert "hush" not in str(one.about)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("a=", "a=pipeline=lexical"), "two configurations are called 'a'"),
        (("a",), "takes NAME=FILE.toml or NAME=KEY=VALUE"),
        (("a=gone.toml",), "'gone.toml' is neither a file nor KEY=VALUE"),
        (("a=price.input=2",), "both price.input and price.output"),
        (("a=price.input=-2,price.output=1",), "can't be below 0"),
        (("a=url=http://x,llm.model=m",), "llm can't be set from here"),
        (("a=url=http://x,key_file=gone",), "key_file gone can't be read"),
    ],
)
def test_faults_name_the_configuration_and_the_way_out(given: tuple[str, ...], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        read_configurations(given)


def test_a_setting_that_there_isnt_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"--config a: .*context_chunk.*context_chunks"):
        read_configurations(("a=retrieval.context_chunk=3",))
