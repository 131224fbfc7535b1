"""``footnote why``."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli import context
from api.cli.commands.why import why
from core.errors import InvalidRequest, NotFound

PASSAGE = {
    "ordinal": 4,
    "page": 2,
    "ranks": {"lexical": 1, "vector": 40, "fused": 3},
    "place": 3,
    "twin_of": None,
    "given": True,
}
TOLD = {
    "title": "Travel",
    "verdict": "given",
    "state": "indexed",
    "reader": {"user": "ida", "opened_by": ["group:hr"]},
    "filters": [{"field": "department", "passes": True, "wanted": ["hr"], "has": ["HR"]}],
    "words": False,
    "passages": [PASSAGE, {**PASSAGE, "place": None, "given": False, "twin_of": "d9", "ranks": {}}],
    "notices": [],
    "degraded": ["vector: no answer"],
}


def run(monkeypatch: pytest.MonkeyPatch, named: list[str], *arguments: str) -> tuple[Result, list[Any]]:
    sent: list[Any] = []

    class Client:
        def request(self, method: str, path: str, body: Any = None, **query: str) -> Any:
            sent.append((method, path, body or query))
            return {"documents": [{"document_id": one} for one in named]} if method == "GET" else TOLD

    monkeypatch.setattr(context, "client", lambda reader: Client())
    return CliRunner().invoke(why, ["hotel limit", "travel.pdf", *arguments]), sent


def test_it_says_where_each_passage_came(monkeypatch: pytest.MonkeyPatch) -> None:
    done, sent = run(monkeypatch, ["d1"], "--as", "ida", "--group", "hr", "--department", "hr")
    assert sent[0] == ("GET", "/v1/ledger", {"named": "travel.pdf"})
    reader = {"user": "ida", "groups": ["hr"]}
    asked = {"question": "hotel limit", "filters": {"department": ["hr"]}, "reader": reader}
    assert sent[1] == ("POST", "/v1/ledger/d1/why", asked)
    assert done.stdout.splitlines() == [
        "Travel: An answer is written from it.",
        "  Read by ida through group:hr; it is indexed.",
        "  department hr: passes, it has HR",
        "  No passage of it has a word of the question.",
        "  passage 4, page 2: lexical #1, vector #40, fused #3; result 3, given to the answer",
        "  passage 4, page 2: nowhere; shown as document d9",
    ]
    assert "vector: no answer" in done.stderr


@pytest.mark.parametrize(
    ("named", "error", "said"), [([], NotFound, "no document"), (["a1", "b2"], InvalidRequest, "by its id: a1, b2")]
)
def test_a_name_that_is_none_or_several(
    monkeypatch: pytest.MonkeyPatch, named: list[str], error: type[Exception], said: str
) -> None:
    done, _ = run(monkeypatch, named)
    assert isinstance(done.exception, error)
    assert said in str(done.exception)
