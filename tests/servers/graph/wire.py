"""Requests and answers of the server, and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Answer:
    """What is sent back."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request: of the connection, or one within a batch."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Its path, decoded."""
        return unquote(urlsplit(self.url).path)

    @property
    def query(self) -> dict[str, str]:
        """Its parameters."""
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.url).query, keep_blank_values=True).items()}


def refusal(status: int, code: str, message: str = "It can't be.", **headers: str) -> Answer:
    """An error as Graph writes it: https://learn.microsoft.com/graph/errors."""
    inner = {"date": "2026-11-26T10:00:00", "request-id": "r", "client-request-id": "c"}
    return Answer(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)
