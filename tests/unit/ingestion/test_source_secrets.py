"""Secrets of sources: who reads the database's file, a log, an error or an answer finds none."""

from __future__ import annotations

import copy
import logging
import stat
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from structlog.testing import capture_logs

from core.errors import ConfigurationError, InvalidRequest
from core.settings import Settings
from ingestion.connectors.port import Withheld
from ingestion.connectors.registry import open_connector, read_config
from ingestion.service import Ingestion, build_ingestion
from ingestion.source_keys import SourceKeys, WrongKey, read_keys
from ingestion.source_secrets import MASK, SourceSecrets, masked
from ingestion.tasks.parts import Parts
from tests.listings import Memory
from tests.secretive_source import KIND, SECRETS, SecretiveConnector, config, secretive

__all__ = ["secretive"]

KEY, OTHER = "k" * 40, "o" * 40


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "d")


@pytest.fixture
def ingestion(settings: Settings, secretive: type[SecretiveConnector]) -> Any:
    made = build_ingestion(settings)
    yield made
    made.close()


def bytes_below(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_who_reads_the_catalogs_file_finds_no_secret(ingestion: Ingestion, settings: Settings) -> None:
    source = ingestion.create_source(KIND, "Wiki", config())
    ingestion.update_source(source.id, config=config(token="right-token-2"))
    written = bytes_below(settings.data_dir)
    assert b"wiki.example.com" in written
    assert not [secret for secret in (*SECRETS, "right-token-2") if secret.encode() in written]
    assert not [secret for secret in SECRETS if secret in repr(source)]


def test_the_worker_gets_them(ingestion: Ingestion, settings: Settings, secretive: type[SecretiveConnector]) -> None:
    source = ingestion.create_source(KIND, "Wiki", config())
    parts = Parts(settings, Mock())
    parts.connector(parts.catalog.sources.get(source.id))
    parts.close()
    opened = secretive.opened[-1]
    assert opened == read_config(KIND, config())
    assert not [secret for secret in SECRETS if secret in repr(opened) + str(opened)]


def test_a_mask_keeps_what_is_stored(ingestion: Ingestion, settings: Settings) -> None:
    source = ingestion.create_source(KIND, "Wiki", config())
    shown = masked(source.config)
    assert shown == config(
        token=MASK,
        headers={"X-Key": MASK},
        logins=[{"user": "ann", "pass": MASK}, {"user": "ben", "pass": MASK}],
    )
    changed = ingestion.update_source(source.id, config={**shown, "count": 9, "headers": {"X-Key": "new-key"}})
    before, after = dict(source.config), dict(changed.config)
    assert {key for key in after if before.get(key) != after[key]} == {"count", "headers"}
    opened = SourceSecrets(lambda: read_keys(settings)).open(changed.config, source.id)
    assert opened == config(count=9, headers={"X-Key": "new-key"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base_url": "https://evil.example"}, "'base_url' changes, and that is where"),
        ({"base_url": "http://wiki.example.com"}, "'base_url' changes"),
        ({"logins": [{"user": "ben", "pass": MASK}]}, "'logins' changes: send its secrets again"),
        ({"logins": [{"user": "cid", "pass": MASK}, {"user": "ben", "pass": MASK}]}, "'logins' changes"),
        ({"headers": {"X-Other": MASK}}, r"'headers\.X-Other': no secret is stored there"),
        ({"headers": {"$secret": "1:a:00"}}, "is no key of a configuration"),
    ],
)
def test_a_kept_secret_goes_nowhere_else(ingestion: Ingestion, change: dict[str, Any], message: str) -> None:
    source = ingestion.create_source(KIND, "Wiki", config())
    with pytest.raises(InvalidRequest, match=message):
        ingestion.update_source(source.id, config={**masked(source.config), **change})
    assert ingestion.catalog.sources.get(source.id) == source


def test_a_new_source_cannot_keep_anything(ingestion: Ingestion) -> None:
    with pytest.raises(InvalidRequest, match="'token': send the secret itself"):
        ingestion.create_source(KIND, "Wiki", config(token=MASK))


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ["right-token"]},
        {"token": "abc"},
        {"count": "right-token"},
        {"logins": [{"user": "ann", "pass": "ann's-password", "port": "right-token"}]},
        {"logins": "ann's-password"},
        {"headers": {"X-Key": {"key-of-header": 1}}},
        {"base_url": ["key-of-header"]},
    ],
)
def test_errors_of_the_wrong_shape_repeat_nothing(ingestion: Ingestion, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ingestion.create_source(KIND, "Wiki", config(**wrong))
    said = f"{caught.value!r} {caught.value.__cause__!r}"
    assert not [secret for secret in ("abc", *SECRETS) if f"'{secret}'" in said or f'{secret}"' in said]


def test_logs_hold_no_secret(ingestion: Ingestion, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as events:
        source = ingestion.create_source(KIND, "Wiki", config())
        ingestion.update_source(source.id, config=config(count=1))
        ingestion.rotate_secrets()
    assert not [secret for secret in SECRETS if secret in caplog.text + repr(events)]


def test_a_sealed_secret_opens_in_its_own_place_only(ingestion: Ingestion, settings: Settings) -> None:
    """Who can write the database can't have another source send the secret to a host of theirs."""
    source = ingestion.create_source(KIND, "Wiki", config())
    secrets = SourceSecrets(lambda: read_keys(settings))
    assert secrets.open(source.config, source.id) == config()
    with pytest.raises(ConfigurationError, match=r"The secret 'token' of source other can't be decrypted"):
        secrets.open(source.config, "other")
    swapped = copy.deepcopy(dict(source.config))
    swapped["headers"]["X-Key"], swapped["token"] = swapped["token"], swapped["headers"]["X-Key"]
    with pytest.raises(ConfigurationError):
        secrets.open(swapped, source.id)


@pytest.mark.usefixtures("secretive")
def test_keys_rotate(tmp_path: Path) -> None:
    def serving(**sources: Any) -> Ingestion:
        return build_ingestion(Settings.model_validate({"data_dir": tmp_path / "d", "sources": sources}))

    source = serving(secret_key=KEY).create_source(KIND, "Wiki", config())
    plain = serving(secret_key=KEY).create_source(KIND, "Open", config())
    with pytest.raises(ConfigurationError, match="can't be decrypted with the keys"):
        serving(secret_key=OTHER).rotate_secrets()
    assert serving(secret_key=OTHER, former_secret_keys=[KEY]).rotate_secrets() == 2
    assert serving(secret_key=OTHER).rotate_secrets() == 0
    changed = serving(secret_key=OTHER).update_source(source.id, config={**masked(source.config), "count": 3})
    assert SourceSecrets(lambda: SourceKeys([OTHER])).open(changed.config, source.id) == config(count=3)
    # With the key lost, the secrets can be sent again.
    again = serving(secret_key="n" * 40)
    again.update_source(plain.id, config=config(count=4))
    assert again.catalog.sources.get(plain.id).config["count"] == 4


def test_the_key_of_development_is_made_once_and_for_its_owner_alone(settings: Settings) -> None:
    sealed = read_keys(settings).encrypt("a", "b")
    assert read_keys(settings).decrypt(sealed, "b") == "a"
    file = settings.data_dir / "sources.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in settings.data_dir.iterdir()] == ["sources.key"]


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "needs a key"), ("# a\nshort\n", "needs a key of at least 32"), ("\0\xff", "isn't text")],
)
def test_a_file_without_a_key_is_said_to_be_none(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=message):
        read_keys(Settings.model_validate({"sources": {"secret_key_file": file}}))
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        read_keys(Settings.model_validate({"sources": {"secret_key_file": tmp_path / "absent"}}))


def test_a_files_first_key_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# newest first\n{OTHER}\n{KEY}\n")
    keys = read_keys(Settings.model_validate({"sources": {"secret_key_file": file}}))
    assert keys.decrypt(SourceKeys([KEY]).encrypt("a", "b"), "b") == "a"
    assert SourceKeys([OTHER]).decrypt(keys.encrypt("a", "b"), "b") == "a"


def test_the_key_file_is_never_a_document(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    file = tmp_path / "docs" / "note.md"
    file.write_text(KEY)
    settings = Settings.model_validate({"data_dir": tmp_path / "d", "sources": {"secret_key_file": file}})
    connector = open_connector("folder", {"path": str(tmp_path / "docs")}, settings, "s")
    assert [type(change) for page in connector.changes({}, Memory()) for change in page.changes] == [Withheld]


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), st.integers(0, 200))
def test_what_was_tampered_with_does_not_open(text: str, place: str, at: int) -> None:
    keys = SourceKeys([KEY])
    sealed = keys.encrypt(text, place)
    assert keys.decrypt(sealed, place) == text
    at %= len(sealed)
    tampered = sealed[:at] + ("0" if sealed[at] != "0" else "1") + sealed[at + 1 :]
    with pytest.raises(WrongKey):
        keys.decrypt(tampered, place)
    with pytest.raises(WrongKey):
        keys.decrypt(sealed, place + "x")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
)


class _Any(BaseModel):
    """Secrets at every depth of lists and mappings, whatever else there is."""

    secrets: list[dict[str, SecretStr | list[SecretStr]]]
    other: Any = None


@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(codec="utf-8")).filter(lambda key: key != "$secret"),
            st.text(st.characters(codec="utf-8"), min_size=9).map(lambda text: f"S{text}")
            | st.lists(st.text(st.characters(codec="utf-8"), min_size=9).map(lambda text: f"S{text}")),
        )
    ),
    _values,
)
def test_what_is_sealed_opens_to_what_was_sent(hidden: list[Any], other: Any) -> None:
    secrets = SourceSecrets(lambda: SourceKeys([KEY]))
    sent = {"secrets": hidden, "other": other}
    try:
        sealed = secrets.seal(sent, _Any.model_validate(sent), "owner")
    except InvalidRequest:
        return  # a "$secret" of its own
    assert secrets.open(sealed, "owner") == sent
    assert secrets.open(secrets.seal(sent, _Any.model_validate(sent), "owner", sealed), "owner") == sent
    if any(any(one.values()) for one in hidden):
        assert sealed != sent
        assert MASK in repr(masked(sealed))


def test_a_model_that_hides_where_its_secrets_are_is_refused() -> None:
    class Reshaping(BaseModel):
        tokens: frozenset[SecretStr]

    sent = {"tokens": ["a-secret"]}
    with pytest.raises(ConfigurationError, match="into another shape"):
        SourceSecrets(lambda: SourceKeys([KEY])).seal(sent, Reshaping.model_validate(sent), "owner")
