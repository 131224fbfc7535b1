"""What comes between the steps of an upsert to OpenSearch, and writers who die there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from core.filters import AnyOf
from core.settings import IndexSettings, OpenSearchSettings
from retrieval.index.opensearch import bulk, writing
from retrieval.index.opensearch.index import OpenSearchIndex
from retrieval.index.port import DocumentUpdate
from tests.contract.passages import DIMENSIONS, EMBEDDER, passage

ANN = ("user:ann",)
STEPS = ("reserve", "fence", "fill")
_NUMBERS = itertools.count()


class DiedError(Exception):
    """A worker was killed."""


@pytest.fixture(scope="module")
def index(opensearch_url: str) -> Iterator[OpenSearchIndex]:
    settings = IndexSettings(kind="opensearch", name="between", opensearch=OpenSearchSettings(url=opensearch_url))
    index = OpenSearchIndex(settings)
    index.ensure(EMBEDDER, DIMENSIONS)
    yield index
    index.close()


def _new_permissions(index: OpenSearchIndex, document: str) -> None:
    index.update_documents([DocumentUpdate(document, acl=ANN, up_to=2)])


def _deletion(index: OpenSearchIndex, document: str) -> None:
    index.delete_documents({document: 2})


def _new_content(index: OpenSearchIndex, document: str) -> None:
    assert index.upsert([passage(f"{document}-shared", document=document, version=2, acl=ANN)]) == {}
    index.delete_stale({document: 2})


def _before(step: str, act: Callable[[], object], *, dies: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something done before a step of the next upsert, whose writer may die behind it."""
    sent, count = bulk.send, itertools.count()

    def send(*arguments: Any) -> Sequence[bulk.Outcome]:
        number = next(count)
        if number == STEPS.index(step):
            monkeypatch.setattr(writing, "send", sent)
            act()
            outcomes = sent(*arguments)
            if dies:
                raise DiedError
            return outcomes
        return sent(*arguments)

    monkeypatch.setattr(writing, "send", send)


@pytest.mark.parametrize("at", list(itertools.product(STEPS, [False, True])), ids=str)
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("later", [_new_permissions, _deletion, _new_content])
def test_nothing_old_is_left(
    index: OpenSearchIndex,
    monkeypatch: pytest.MonkeyPatch,
    later: Callable[[OpenSearchIndex, str], None],
    there: bool,
    at: tuple[str, bool],
) -> None:
    """A chunk of version 1 is written that both versions have, and one that only this has; some are there already."""
    step, dies = at
    document = f"d{next(_NUMBERS)}"
    old = [passage(f"{document}-shared", document=document), passage(f"{document}-own", document=document)]
    if there:
        assert index.upsert(old) == {}
    _before(step, lambda: later(index, document), dies=dies, monkeypatch=monkeypatch)
    try:
        refused = index.upsert(old)
    except DiedError:
        assert dies
    else:
        assert not dies
        assert refused == {document: 2}
    index.refresh()
    found = index.fetch([one.chunk.id for one in old], AnyOf("document_id", frozenset({document})))
    assert {chunk.acl for chunk in found} <= {ANN}
    wanted = {one.chunk.id for one in old} if there and later is _new_permissions else set()
    wanted |= {f"{document}-shared"} if later is _new_content else set()
    assert {chunk.id for chunk in found} == wanted


def test_a_place_that_was_reserved_and_never_filled_is_no_chunk(
    index: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = f"d{next(_NUMBERS)}"
    before = index.counts()
    one = passage(f"{document}-a", document=document)
    _before("reserve", lambda: None, dies=True, monkeypatch=monkeypatch)
    with pytest.raises(DiedError):
        index.upsert([one])
    index.refresh()
    assert index.counts() == before
    everyone = AnyOf("document_id", frozenset({document}))
    assert index.fetch([one.chunk.id], everyone) == []
    assert index.lexical("words", everyone, 5) == []
    assert index.vectors([one.chunk.id], everyone) == {}
    assert document not in {held.document_id for held in index.documents("", 60)}
    assert index.upsert([one]) == {}
    index.refresh()
    assert [chunk.id for chunk in index.fetch([one.chunk.id], everyone)] == [one.chunk.id]
