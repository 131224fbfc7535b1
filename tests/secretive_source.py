"""A connector of another package, with secrets in its configuration, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any, ClassVar, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from core.errors import SourceRefuses
from core.principal import AccessList
from ingestion.connectors.port import ConnectorContext, Cursor, Known, Page, Sink, SourceConfig, Upsert

KIND = "secretive"


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    user: str
    password: SecretStr = Field(alias="pass")


class SecretiveConfig(SourceConfig):
    base_url: str
    token: SecretStr
    logins: list[Login] = Field(default=[])
    headers: dict[str, SecretStr] = Field(default={})
    count: int = 7

    @field_validator("token")
    @classmethod
    def _long(cls, token: SecretStr) -> SecretStr:
        if len(token.get_secret_value()) < 5:
            raise ValueError("it is too short for a token")
        return token


class SecretiveConnector:
    """Lets in who has the token ``right-token``. Has ``count`` documents."""

    config_model: ClassVar[type[SourceConfig]] = SecretiveConfig
    opened: ClassVar[list[SecretiveConfig]] = []

    def __init__(self, config: SecretiveConfig) -> None:
        self._config = config

    @classmethod
    def open(cls, config: SecretiveConfig, context: ConnectorContext) -> Self:
        cls.opened.append(config)
        return cls(config)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        token = self._config.token.get_secret_value()
        if token == "breaks-down":
            raise RuntimeError(f"unexpected, with {token} in its words")
        if token != "right-token":
            raise SourceRefuses(f"The wiki at {self._config.base_url} doesn't let us in: no such token as {token}.")
        names = [f"page {number}" for number in range(self._config.count)]
        yield Page(changes=[self._page(name) for name in names], complete=True)

    def _page(self, name: str) -> Upsert:
        acl = AccessList.from_terms(["user:ann@example.com"])
        return Upsert(external_id=name, uri=f"https://wiki/{name}", revision="1", content_revision="1", size=1, acl=acl)

    def fetch(self, external_id: str, into: Sink) -> str | None:
        into.write(b"text")
        return "text/plain"

    def close(self) -> None:
        pass


@pytest.fixture
def secretive(monkeypatch: pytest.MonkeyPatch) -> type[SecretiveConnector]:
    """The connector, installed for this test."""
    point = EntryPoint(KIND, f"{__name__}:{SecretiveConnector.__name__}", "footnote.connectors")
    monkeypatch.setattr("ingestion.connectors.registry._foreign", lambda: {KIND: point})
    monkeypatch.setattr(SecretiveConnector, "opened", [])
    return SecretiveConnector


def config(**changed: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "base_url": "https://wiki.example.com",
        "token": "right-token",
        "logins": [{"user": "ann", "pass": "ann's-password"}, {"user": "ben", "pass": "ben's-password"}],
        "headers": {"X-Key": "key-of-header"},
    }
    return whole | changed


SECRETS = ("right-token", "ann's-password", "ben's-password", "key-of-header")
