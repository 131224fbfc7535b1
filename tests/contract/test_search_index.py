"""What every search index must do, over both adapters: writing, finding, permissions, generations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from core.chunk import EmbeddedChunk
from core.errors import ConfigurationError
from core.filters import All, AnyOf, for_reader, visible_to
from core.metadata import Metadata
from core.principal import Principal
from retrieval.index.port import DocumentUpdate, IndexCounts, IndexedDocument, SearchIndex
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, at, found, ids, passage, write

OpenIndex = Callable[[], SearchIndex]


@pytest.fixture(scope="module")
def zoo(shared_index: SearchIndex) -> SearchIndex:
    """A passage for everybody, and one that few may see."""
    write(shared_index, passage("a", "penguin"), passage("b", "secret and confidential", acl=("user:x",)))
    return shared_index


def test_it_is_a_search_index(index: SearchIndex) -> None:
    assert isinstance(index, SearchIndex)
    index.ping()


def test_it_tells_how_full_its_disk_is(index: SearchIndex) -> None:
    room = index.room()
    assert 0 < room.free < room.total


class TestWriting:
    def test_what_was_written_is_read_back_to_the_letter(self, index: SearchIndex) -> None:
        full = passage(
            "a", "Gauß said: \u201cnaïve\u201d 'quotes' \\ \U0001f600\n\ttabs", acl=("public", "user:o'neil")
        )
        chunk = replace(
            full.chunk,
            page=3,
            heading_path=("Travel", "By train"),
            tokens=17,
            start=5,
            end=5 + len(full.chunk.text),
            ordinal=2,
            version=4,
            metadata=Metadata(
                title="Travel policy",
                document_type="pdf",
                department="HR",
                author="Grace Hopper",
                owner="Ada",
                tags=("trains", "travel"),
                created=datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC),
                modified=datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=5))),
                language="en",
            ),
        )
        bare = passage("b")
        write(index, replace(full, chunk=chunk), bare)
        assert index.fetch(["a", "b"], PUBLIC) == [chunk, bare.chunk]

    def test_writing_twice_is_writing_once(self, index: SearchIndex) -> None:
        both = [passage("a", angles=(0, 40)), passage("b")]
        write(index, *both)
        write(index, *both)
        assert index.counts() == IndexCounts(documents=2, chunks=2, windows=3)
        assert found(index, PUBLIC) == ["a", "b"]

    def test_an_upsert_replaces_text_vectors_and_permissions(self, index: SearchIndex) -> None:
        write(index, passage("a", "walrus", angles=(0, 10, 20)))
        write(index, passage("a", "penguin", angles=(90,), acl=("public", "group:x")))
        assert ids(index.lexical("walrus", PUBLIC, 5)) == []
        assert ids(index.lexical("penguin", PUBLIC, 5)) == ["a"]
        assert index.vector(at(0), PUBLIC, 5)[0].score == pytest.approx(0, abs=1e-3)
        assert index.counts() == IndexCounts(1, 1, 1)

    def test_writing_nothing_changes_nothing(self, index: SearchIndex) -> None:
        index.upsert([])
        assert index.counts() == IndexCounts(0, 0, 0)

    def test_a_vector_of_another_dimension_is_refused(self, index: SearchIndex) -> None:
        wrong = EmbeddedChunk(passage("a").chunk, np.ones((1, DIMENSIONS + 1), np.float32))
        with pytest.raises(ConfigurationError, match="dimension"):
            index.upsert([wrong])
        assert index.counts().chunks == 0

    def test_stale_chunks_go_and_newer_ones_stay(self, index: SearchIndex) -> None:
        old = [passage(f"old{n}", document="d", version=1) for n in range(3)]
        write(index, *old, passage("other", version=1))
        write(index, passage("new", document="d", version=2))
        assert index.delete_stale({"d": 2}) == 3
        assert index.delete_stale({"d": 2, "doc-other": 1}) == 0
        index.refresh()
        assert found(index, PUBLIC) == ["new", "other"]

    def test_documents_are_deleted_whole(self, index: SearchIndex) -> None:
        odd = 'it\'s "odd" * ? : \\'
        write(index, passage("a1", document="a"), passage("a2", document="a"), passage("b", document=odd), passage("c"))
        assert index.delete_documents({}) == 0
        assert index.delete_documents({"a": 2, odd: 1, "no such document": 1}) == 3
        index.refresh()
        assert found(index, PUBLIC) == ["c"]
        assert index.counts() == IndexCounts(1, 1, 1)

    def test_an_update_takes_effect_and_keeps_the_vectors(self, index: SearchIndex) -> None:
        write(index, passage("a", document="d", angles=(30, 200)), passage("b", document="d"), passage("c"))
        metadata = Metadata(title="Zeppelin handbook", department="Legal", tags=("new",))
        changed = index.update_documents(
            [DocumentUpdate("d", acl=["group:x"], metadata=metadata, uri="file:///moved.md", up_to=7)]
        )
        index.refresh()
        assert changed == 2
        assert found(index, PUBLIC) == ["c"]
        members = visible_to(Principal(groups=frozenset({"x"})))
        scores = {c.chunk_id: c.score for c in index.vector(at(200), members, 5)}
        assert scores["a"] == pytest.approx(1, abs=1e-3)
        assert scores["b"] == pytest.approx(math.cos(math.radians(200)), abs=1e-3)
        assert sorted(ids(index.lexical("zeppelins", members, 5))) == ["a", "b"]
        (chunk,) = index.fetch(["a"], members)
        assert (chunk.metadata, chunk.uri, chunk.version, chunk.acl) == (metadata, "file:///moved.md", 7, ("group:x",))
        assert index.counts() == IndexCounts(2, 3, 4)
        assert index.delete_stale({"d": 7}) == 0

    def test_an_update_of_nothing_says_so(self, index: SearchIndex) -> None:
        assert index.update_documents([DocumentUpdate("none", acl=[], metadata=Metadata(), uri="", up_to=1)]) == 0

    def test_many_documents_are_updated_together_each_to_its_own(self, index: SearchIndex) -> None:
        passages = [passage(f"{n}", document=f"d{n}", angles=(n, n + 5), version=n % 3) for n in range(12)]
        write(index, *passages, passage("d0-more", document="d0", version=0), passage("other"))
        metadata = Metadata(title="New title")
        updates = [
            DocumentUpdate(
                f"d{n}", acl=[f"user:{n}"], metadata=metadata, uri=f"file:///{n}", up_to=1, restamp=n % 2 == 0
            )
            for n in range(12)
        ]
        before = index.vectors(["3"], PUBLIC)["3"]
        assert index.update_documents([*updates, DocumentUpdate("none", acl=[], up_to=9)]) == 9
        # Those of a later version are left alone.
        assert found(index, PUBLIC) == ["11", "2", "5", "8", "other"]
        own = visible_to(Principal(user="3"))
        (chunk,) = index.fetch(["3"], own)
        assert (chunk.acl, chunk.metadata, chunk.uri, chunk.version) == (("user:3",), metadata, "file:///3", 0)
        assert {chunk.version for chunk in index.fetch(["0", "d0-more"], visible_to(Principal(user="0")))} == {1}
        np.testing.assert_allclose(index.vectors(["3"], own)["3"], before, atol=1e-6)

    def test_documents_are_told_page_by_page_in_the_order_of_their_ids(self, index: SearchIndex) -> None:
        hidden = passage("h", document="d500", acl=())
        write(index, passage("m1", document="m", version=1))
        mixed = [passage("m2", document="m", version=2, acl=("user:x",))]
        many = [passage(f"p{n}", document=f"d{n:03d}", acl=("public", "group:g")) for n in range(200)]
        write(index, hidden, *mixed, *many, passage("p0b", document="d000", acl=("group:g", "public")))
        told: list[IndexedDocument] = []
        while page := index.documents(told[-1].document_id if told else "", 90):
            assert len(page) <= 90
            told += page
        assert [one.document_id for one in told] == [*(f"d{n:03d}" for n in range(200)), "d500", "m"]
        assert told[0] == IndexedDocument("d000", {1: 2}, frozenset({"public", "group:g"}), 1)
        assert told[-2:] == [
            IndexedDocument("d500", {1: 1}, frozenset(), 1),
            IndexedDocument("m", {1: 1, 2: 1}, None, 2),
        ]

    def test_a_mark_is_kept(self, index: SearchIndex) -> None:
        assert index.mark() == ""
        index.set_mark("catalog 1")
        index.set_mark("catalog 2")
        new = index.begin(EMBEDDER, DIMENSIONS)
        index.swap(new.name)
        assert index.mark() == "catalog 2"
        assert [generation.embedder for generation in index.generations()] == [EMBEDDER, EMBEDDER]


class TestFinding:
    def test_words_are_stemmed_and_stop_words_left_out(self, index: SearchIndex) -> None:
        write(index, passage("a", "The travelling policies"), passage("b", "The canteen's menu"))
        assert ids(index.lexical("what is the travel policy", PUBLIC, 5)) == ["a"]

    @pytest.mark.parametrize(
        ("text", "question"),
        [
            ("出張の宿泊費は一泊一万二千円までです。", "宿泊費の上限はいくらですか"),
            ("員工每年享有十五天帶薪年假", "帶薪年假有幾天"),
            ("직원은 매년 십오일의 휴가를 받습니다", "휴가는 며칠입니까"),
            ("ﾌﾟﾛｼﾞｪｸﾄの予算", "プロジェクトの費用"),
            ("Die Reise nach 東京都 dauert", "東京都"),
        ],
    )
    def test_scripts_without_spaces_are_searched_by_pairs(self, index: SearchIndex, text: str, question: str) -> None:
        write(index, passage("a", text), passage("b", "今日は天気がいい"), passage("c", "The canteen's menu"))
        assert ids(index.lexical(question, PUBLIC, 5))[:1] == ["a"]

    def test_title_and_headings_are_searched(self, index: SearchIndex) -> None:
        titled = passage("a", "Ask your manager.", title="Parental leave")
        write(index, replace(titled, chunk=replace(titled.chunk, heading_path=("Sabbaticals",))), passage("b"))
        assert ids(index.lexical("parental", PUBLIC, 5)) == ["a"]
        assert ids(index.lexical("sabbatical", PUBLIC, 5)) == ["a"]

    def test_rare_words_weigh_more_and_scores_fall(self, index: SearchIndex) -> None:
        write(index, *(passage(f"n{n}", "holiday rules") for n in range(8)), passage("z", "holiday walrus"))
        ranked = index.lexical("holiday walrus", PUBLIC, 20)
        assert ranked[0].chunk_id == "z"
        assert ranked[0].document_id == "doc-z"
        assert [c.score for c in ranked] == sorted((c.score for c in ranked), reverse=True)
        assert ids(ranked)[1:] == [f"n{n}" for n in range(8)]

    def test_a_chunk_ranks_by_its_best_window(self, index: SearchIndex) -> None:
        write(index, passage("a", angles=(170, 5, 90)), passage("b", angles=(20,)), passage("c", angles=(180, 175)))
        ranked = index.vector(at(0), PUBLIC, 5)
        assert ids(ranked) == ["a", "b", "c"]
        expected = [math.cos(math.radians(angle)) for angle in (5, 20, 175)]
        assert [c.score for c in ranked] == pytest.approx(expected, abs=1e-3)

    def test_ties_are_broken_by_id(self, index: SearchIndex) -> None:
        names = [f"c{n:02d}" for n in range(20)]
        write(index, *(passage(name, "same words") for name in reversed(names)))
        assert ids(index.lexical("words", PUBLIC, 20)) == names
        assert ids(index.vector(at(0), PUBLIC, 20)) == names

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("the T-cell count", "t cell"),
            ("snake_case names", "case"),
            ("generously", "generous"),
            ("na\u00efve walruses", "naive walrus"),
            ("the hiker's boots", "hiker"),
        ],
    )
    def test_words_find_their_other_forms(self, index: SearchIndex, text: str, query: str) -> None:
        write(index, passage("a", text), passage("b", "something else"))
        assert ids(index.lexical(query, PUBLIC, 5)) == ["a"]

    def test_words_that_only_make_a_question_find_nothing(self, index: SearchIndex) -> None:
        write(index, passage("a", "what do you do when it is not there, and how can they be with us"))
        assert index.lexical("what do you do and how can they be there", PUBLIC, 5) == []

    def test_k_bounds_the_list(self, index: SearchIndex) -> None:
        write(index, *(passage(f"c{n}", angles=(n,)) for n in range(9)))
        assert len(index.lexical("words", PUBLIC, 4)) == 4
        assert ids(index.vector(at(0), PUBLIC, 4)) == ["c0", "c1", "c2", "c3"]
        assert len(index.lexical("words", PUBLIC, 10_000)) == 9
        assert len(index.vector(at(0), PUBLIC, 10_000)) == 9

    def test_an_empty_index_finds_nothing(self, index: SearchIndex) -> None:
        assert found(index, PUBLIC) == []
        assert index.fetch(["a"], PUBLIC) == []

    def test_a_query_vector_of_another_dimension_is_refused(self, index: SearchIndex) -> None:
        write(index, passage("a"))
        with pytest.raises(ConfigurationError):
            index.vector(np.ones(DIMENSIONS + 1, np.float32), PUBLIC, 5)

    def test_both_legs_come_together(self, index: SearchIndex) -> None:
        write(index, passage("a", "walrus", angles=(90,)), passage("b", "penguin"))
        together = index.both("walrus", at(0), PUBLIC, 5)
        assert ids(together.lexical) == ["a"]
        assert ids(together.vector) == ["b", "a"]
        assert together.errors == {}
        assert together.lexical == index.lexical("walrus", PUBLIC, 5)
        assert together.vector == index.vector(at(0), PUBLIC, 5)

    @pytest.mark.parametrize(
        "query",
        ["", "   ", '"', '"walrus', "the", "AND OR NOT", "a AND (b", "\U0001f600", "~^*?:\\/{}[]", "\x00", "\ud800"],
    )
    def test_odd_queries_find_nothing_and_break_nothing(self, zoo: SearchIndex, query: str) -> None:
        assert zoo.lexical(query, PUBLIC, 5) == []
        assert zoo.both(query, at(0), PUBLIC, 5).lexical == []

    @pytest.mark.parametrize(
        "query",
        [
            "penguin'; DROP TABLE chunks; --",
            '{"match_all": {}} penguin',
            "secret OR penguin*",
            "+penguin -penguin",
            'text:secret "penguin',
            "penguin " * 1250,
            " ".join(f"word{n}" for n in range(1100)) + " penguin",
        ],
    )
    def test_a_query_is_words_and_nothing_else(self, zoo: SearchIndex, query: str) -> None:
        assert ids(zoo.lexical(query, PUBLIC, 5)) == ["a"]


class TestFetching:
    def test_in_the_order_asked_for(self, index: SearchIndex) -> None:
        write(index, *(passage(f"c{n}") for n in range(5)))
        assert [chunk.id for chunk in index.fetch(["c3", "gone", "c0", "c4"], PUBLIC)] == ["c3", "c0", "c4"]
        assert index.fetch([], PUBLIC) == []

    def test_only_what_the_reader_may_see(self, index: SearchIndex) -> None:
        write(index, passage("a"), passage("b", acl=("user:bob",)), passage("c", acl=()))
        assert [chunk.id for chunk in index.fetch(["c", "b", "a"], PUBLIC)] == ["a"]
        bob = visible_to(Principal(user="bob"))
        assert [chunk.id for chunk in index.fetch(["c", "b", "a"], bob)] == ["b", "a"]

    def test_ids_are_not_a_language(self, index: SearchIndex) -> None:
        write(index, passage("a"))
        assert index.fetch(["' OR 1=1 --", "*", "a') OR ('a'='a", "\x00", "\ud800"], PUBLIC) == []


class TestVectors:
    def test_of_each_window_as_they_were_written(self, index: SearchIndex) -> None:
        one, two = passage("a", angles=(10, 20, 170)), passage("b", angles=(90,))
        write(index, one, two)
        found = index.vectors(["b", "gone", "a"], PUBLIC)
        assert set(found) == {"a", "b"}
        np.testing.assert_allclose(found["a"], one.windows, atol=1e-6)
        np.testing.assert_allclose(found["b"], two.windows, atol=1e-6)
        assert index.vectors([], PUBLIC) == {}

    def test_only_what_the_reader_may_see(self, index: SearchIndex) -> None:
        write(index, passage("a"), passage("b", acl=("user:bob",)))
        assert set(index.vectors(["a", "b"], PUBLIC)) == {"a"}
        assert index.vectors(["\ud800", "' OR 1=1 --"], PUBLIC) == {}

    def test_with_their_passages_in_one_go(self, index: SearchIndex) -> None:
        one, two, hidden = passage("a", angles=(10, 20, 170)), passage("b", "others"), passage("c", acl=("user:bob",))
        write(index, one, two, hidden)
        read = index.fetch_embedded(["b", "c", "gone", "a"], PUBLIC)
        assert [each.chunk for each in read] == index.fetch(["b", "a"], PUBLIC)
        for each, written in zip(read, (two, one), strict=True):
            np.testing.assert_allclose(each.windows, written.windows, atol=1e-6)
        assert index.fetch_embedded([], PUBLIC) == []

    def test_an_update_of_permissions_keeps_them(self, index: SearchIndex) -> None:
        written = passage("a", angles=(10, 20))
        write(index, written)
        index.update_documents([DocumentUpdate("doc-a", acl=["public"], metadata=Metadata(), uri="u", up_to=2)])
        index.refresh()
        np.testing.assert_allclose(index.vectors(["a"], PUBLIC)["a"], written.windows, atol=1e-6)


class TestPermissionsAtScale:
    def test_a_filter_that_passes_few_of_many_still_fills_k(self, index: SearchIndex) -> None:
        many = [passage(f"m{n:03d}", "words", angles=(n % 5,)) for n in range(500)]
        few = [
            passage(f"few{n}", "words and more words apart", angles=(150 + n,), acl=("group:few",)) for n in range(6)
        ]
        write(index, *many, *few)
        reader = AnyOf("acl", frozenset({"group:few"}))
        assert ids(index.vector(at(0), reader, 6)) == [f"few{n}" for n in range(6)]
        assert sorted(ids(index.lexical("words", reader, 6))) == [f"few{n}" for n in range(6)]

    def test_a_reader_of_a_thousand_groups(self, index: SearchIndex) -> None:
        write(index, passage("a", acl=("group:g700",)), passage("b", acl=("group:other",)))
        reader = visible_to(Principal("ann", frozenset(f"g{n}" for n in range(1000))))
        assert found(index, reader) == ["a"]

    def test_a_request_never_widens_what_a_reader_sees(self, index: SearchIndex) -> None:
        write(index, passage("a", department="HR"), passage("b", department="HR", acl=("user:bob",)))
        assert found(index, for_reader(Principal(), AnyOf("department", frozenset({"HR"})))) == ["a"]
        assert found(index, for_reader(Principal(), AnyOf("acl", frozenset({"user:bob"})))) == []
        assert found(index, for_reader(Principal(), All(()))) == ["a"]
