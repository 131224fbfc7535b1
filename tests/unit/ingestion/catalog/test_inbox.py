"""What was pushed, on both databases: the last word on each document, listed in the order in which it came."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import NotFound
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.inbox import Incoming, Word


def a_source(catalog: Catalog, name: str = "Pushed") -> str:
    return catalog.sources.create(kind="push", name=name, config={}, interval_s=3600).id


def test_a_word_is_kept_whole(catalog: Catalog) -> None:
    source = a_source(catalog)
    incoming = Incoming(
        external_id="a/b",
        version=2**62,
        blob="inbox/x",
        content_hash="h",
        size=2**40,
        media_type="text/plain",
        uri="https://example.com",
        acl=AccessList(users=frozenset({"ann"})),
        metadata=Metadata(title="Größe", tags=("a",)),
    )
    catalog.inbox.receive(source, incoming)
    [pushed] = catalog.inbox.after(source, 0, 10)
    for name in ("external_id", "blob", "content_hash", "size", "media_type", "uri", "acl", "metadata"):
        assert getattr(pushed, name) == getattr(incoming, name), name
    assert catalog.inbox.get(source, "a/b") == pushed
    assert catalog.inbox.get(source, "a") is None
    with pytest.raises(NotFound):
        catalog.inbox.receive("absent", incoming)


def test_sequences_follow_each_other_however_many_push(catalog: Catalog) -> None:
    source = a_source(catalog)

    def push(name: str) -> None:
        for number in range(10):
            catalog.inbox.receive(source, Incoming(external_id=f"{name}{number % 5}", blob="b"))

    threads = [threading.Thread(target=push, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = catalog.inbox.after(source, 0, 100)
    assert [pushed.sequence for pushed in found] == sorted({pushed.sequence for pushed in found})
    assert (len(found), found[-1].sequence) == (20, 40)


def test_a_source_takes_its_inbox_with_it(catalog: Catalog) -> None:
    one, other = a_source(catalog), a_source(catalog, "Other")
    for source in (one, other):
        catalog.inbox.receive(source, Incoming(external_id="a", blob="b"))
    catalog.sources.remove(one)
    assert catalog.inbox.after(one, 0, 10) == []
    assert len(catalog.inbox.after(other, 0, 10)) == 1


WORDS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.booleans(), st.booleans()), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(WORDS)
def test_the_greatest_version_is_what_listings_end_with(
    catalog: Catalog, words: list[tuple[str, int, bool, bool]]
) -> None:
    source = a_source(catalog, f"Pushed {catalog.sources.list().__len__()}")
    truth: dict[str, tuple[int, bool]] = {}
    listed: dict[str, bool] = {}
    sequence = 0
    for key, version, deleted, lists in words:
        blob = None if deleted else f"{key}{version}"
        received = catalog.inbox.receive(source, Incoming(external_id=key, version=version, blob=blob))
        if key not in truth or version > truth[key][0]:
            truth[key] = (version, deleted)
            assert received.word is (Word.DELETED if deleted else Word.STORED)
        else:
            assert received.word is (Word.UNCHANGED if version == truth[key][0] else Word.OLDER)
            assert received.obsolete == blob
        if lists:
            for pushed in catalog.inbox.after(source, sequence, 100):
                listed[pushed.external_id], sequence = pushed.blob is None, pushed.sequence
    for pushed in catalog.inbox.after(source, sequence, 100):
        listed[pushed.external_id] = pushed.blob is None
    assert listed == {key: deleted for key, (_, deleted) in truth.items()}
