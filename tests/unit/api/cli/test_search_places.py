"""How ``footnote search`` writes the other places of a passage."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.search import search


class Client:
    """Answers each request with one hit."""

    def __init__(self, duplicates: list[dict[str, str]]) -> None:
        self.duplicates = duplicates

    def request(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert (method, path) == ("POST", "/v1/search")
        hit = {
            "title": "Policy",
            "uri": "file:///a.md",
            "text": "A night costs 120 euros.",
            "score": 1.0,
            "ranks": {"lexical": 1},
            "scores": {"lexical": 2.5},
            "duplicates": self.duplicates,
        }
        return {"hits": [hit], "degraded": []}


@pytest.mark.parametrize(
    ("duplicates", "lines"),
    [
        ([], []),
        (
            [
                {"document_id": "b", "uri": "file:///b.md", "title": "Policy"},
                {"document_id": "c", "uri": "file:///c.md", "title": "Old policy"},
            ],
            ["     also in file:///b.md", "     also in Old policy, file:///c.md"],
        ),
    ],
)
def test_the_other_places_follow_the_first(
    monkeypatch: pytest.MonkeyPatch, duplicates: list[dict[str, str]], lines: list[str]
) -> None:
    monkeypatch.setattr(context, "client", lambda reader: Client(duplicates))
    done = CliRunner().invoke(search, ["night"])
    assert done.exit_code == 0, done.output
    printed = done.stdout.splitlines()
    assert printed[printed.index("     file:///a.md") + 1 :] == lines
