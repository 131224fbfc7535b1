"""What goes into the answer's context."""

from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Chunk
from retrieval.hit import Ranks, Scores, SearchHit
from retrieval.selection import select_context


def hit(id: str, text: str, *, document: str = "d", start: int = 0, tokens: int | None = None) -> SearchHit:
    chunk = Chunk(
        id=id,
        document_id=document,
        source_id="s",
        uri="u",
        ordinal=0,
        text=text,
        start=start,
        end=start + len(text),
        tokens=len(text.split()) if tokens is None else tokens,
    )
    return SearchHit(chunk, 1.0, Ranks(), Scores())


def words(first: int, last: int) -> str:
    return " ".join(f"word{i}" for i in range(first, last))


def chosen(hits: list[SearchHit], *, chunks: int = 8, tokens: int = 1000) -> list[str]:
    return [h.chunk.id for h in select_context(hits, max_chunks=chunks, max_tokens=tokens)]


def test_a_span_that_is_mostly_chosen_already_is_dropped_and_a_neighbour_stays() -> None:
    whole = hit("a", "x" * 100)
    inside, neighbour = hit("b", "y" * 40, start=50), hit("c", "z" * 100, start=90)
    elsewhere = hit("d", "q" * 40, start=50, document="other")
    assert chosen([whole, inside, neighbour, elsewhere]) == ["a", "c", "d"]


def test_copies_in_other_documents_are_dropped() -> None:
    first, copy = hit("a", words(0, 60)), hit("b", words(0, 58) + " changed end", document="e")
    assert chosen([first, copy, hit("c", words(100, 160), document="f")]) == ["a", "c"]


def test_the_budget_skips_what_does_not_fit_and_goes_on() -> None:
    hits = [hit(str(n), words(n * 100, n * 100 + 5), document=str(n), tokens=t) for n, t in enumerate((600, 500, 400))]
    assert chosen(hits) == ["0", "2"]
    assert chosen(hits, chunks=1) == ["0"]
    assert chosen(hits, tokens=10) == []


def test_chunks_without_a_count_are_estimated() -> None:
    assert chosen([hit("a", "x" * 400, tokens=0), hit("b", "y" * 4000, document="e", tokens=0)], tokens=200) == ["a"]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200), st.sampled_from("de")), max_size=30))
def test_within_limits_in_order_and_without_repeats(spans: list[tuple[int, int, str]]) -> None:
    hits = [hit(str(i), words(a, a + n), document=d, start=a * 8) for i, (a, n, d) in enumerate(spans)]
    picked = select_context(hits, max_chunks=5, max_tokens=300)
    assert len(picked) <= 5
    assert sum(h.chunk.tokens for h in picked) <= 300
    assert [int(h.chunk.id) for h in picked] == sorted({int(h.chunk.id) for h in picked})
