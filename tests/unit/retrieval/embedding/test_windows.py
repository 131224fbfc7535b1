"""A chunk's windows cover it, whatever is in it."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.chunk import Chunk, Vectors
from core.errors import ConfigurationError
from core.metadata import Metadata
from core.settings import EmbedderSettings
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder
from retrieval.embedding.windows import cut_windows, embed_chunks
from tests.word_tokenizer import WordTokenizer


class CountingEmbedder:
    """Its vectors count: how many tokens the text has, and its place in the call."""

    name = "counting"
    dimensions = 2
    window_tokens = 12
    tokenizer = WordTokenizer(r"\S{1,4}")  # long words are several tokens, counted from the start of what it is given

    def warm_up(self) -> None: ...

    def embed_query(self, query: str):
        return self.embed_passages([query])[0]

    def embed_passages(self, texts, progress=None) -> Vectors:
        if progress is not None:
            progress(len(texts))
        return np.array([[self.tokenizer.count(t), i] for i, t in enumerate(texts)], dtype=np.float32)


class RoomyEmbedder(CountingEmbedder):
    window_tokens = 32


def chunk(text: str, title: str = "", headings: tuple[str, ...] = (), id: str = "c") -> Chunk:
    return Chunk(
        id=id,
        document_id="d",
        source_id="s",
        uri="file:///d",
        ordinal=0,
        text=text,
        start=0,
        end=len(text),
        heading_path=headings,
        metadata=Metadata(title=title),
    )


PACKAGED = SentenceTransformersEmbedder(EmbedderSettings())

text_of_words = st.lists(
    st.text(alphabet=st.sampled_from("aßé漢한بก \n-.x\u0301\u0e47🙂\u200b"), min_size=1, max_size=30),
    min_size=1,
    max_size=60,
).map(" ".join)


@given(
    text_of_words,
    st.sampled_from(["", "Leave", "A title that is far too long to be repeated each time"]),
    st.sampled_from(["", "{}\n\n", " {}\n"]),
)
@settings(max_examples=90, deadline=None)
@pytest.mark.parametrize("embedder", [CountingEmbedder(), PACKAGED], ids=["small", "packaged"])
def test_every_token_is_in_a_window_and_every_window_fits(embedder, text: str, title: str, opening: str) -> None:
    opening = opening.format(title) if title else ""
    one = chunk(opening + (text if embedder is not PACKAGED else text * 8), title)
    windows = cut_windows(one, embedder)
    assert windows
    assert all(embedder.tokenizer.count(w) <= embedder.window_tokens for w in windows)
    if opening:  # empty lines under it belong to it
        opening += str(re.match(r"(?:[^\S\n]*\n)*", one.text[len(opening) :]).group())
    head = (f"{one.context}\n" if one.context else "") + opening
    repeated = len(windows) > 1 and head and all(w.startswith(head) for w in windows)
    parts = [w.removeprefix(head) for w in windows] if repeated else windows
    body = one.search_text.removeprefix(head) if repeated else one.search_text
    assert_covered(body, parts, embedder.tokenizer.offsets(body))


def assert_covered(body: str, parts: list[str], offsets: list[tuple[int, int]]) -> None:
    """Place each part at or after the last and no later than where the covered stretch of tokens ends."""
    token, least = 0, 0
    for part in parts:
        furthest = offsets[token][0] if token < len(offsets) else len(body)
        places = [at for at in range(least, furthest + 1) if body.startswith(part, at)]
        assert places, "a window leaves a token out before it"
        least = places[-1] if part is parts[-1] else places[0]
        reached = places[-1] + len(part)
        while token < len(offsets) and offsets[token][1] <= reached:
            token += 1
    assert token == len(offsets)


def test_a_short_chunk_is_one_window() -> None:
    assert cut_windows(chunk("Twenty days a year.", "Leave"), CountingEmbedder()) == ["Leave\nTwenty days a year."]


def test_a_short_context_heads_each_window_and_words_stay_whole() -> None:
    words = " ".join(f"w{i:02}" for i in range(40))
    windows = cut_windows(chunk(words, "Trip"), CountingEmbedder())
    assert all(w.startswith("Trip\n") for w in windows)
    assert all(re.fullmatch(r"Trip\n\s?w\d\d( w\d\d)*", w) for w in windows)
    sizes = [CountingEmbedder.tokenizer.count(w) for w in windows]
    assert max(sizes) - min(sizes) <= 2, "even windows: the last is no crumb"


def test_a_title_that_the_text_opens_with_heads_each_window_too() -> None:
    words = " ".join(f"w{i:02}" for i in range(40))
    windows = cut_windows(chunk(f"Trip\n\nby rail\n{words}", "TRIP", ("Travel", "by rail")), RoomyEmbedder())
    assert len(windows) > 1
    assert all(w.startswith("Travel\nTrip\n\nby rail\n") for w in windows)
    assert windows[1].count("Trip") == 1


def test_a_long_opening_leaves_the_context_on_each_window() -> None:
    heading = " ".join(f"h{i:02}" for i in range(30))
    words = " ".join(f"w{i:02}" for i in range(40))
    windows = cut_windows(chunk(f"{heading}\n\n{words}", "Trip", (heading,)), RoomyEmbedder())
    assert all(w.startswith("Trip\n") for w in windows)
    assert sum("h00" in w for w in windows) == 1


def test_text_that_merely_mentions_its_heading_is_left_whole() -> None:
    words = " ".join(f"w{i:02}" for i in range(40))
    windows = cut_windows(chunk(f"by rail and ship {words}", "", ("by rail",)), RoomyEmbedder())
    assert [w.startswith("by rail") for w in windows] == [True, *[False] * (len(windows) - 1)]


def test_neighbours_overlap() -> None:
    embedder = CountingEmbedder()
    embedder.window_tokens = 20
    windows = cut_windows(chunk(" ".join(f"w{i:02}" for i in range(60))), embedder)
    for before, after in itertools.pairwise(windows):
        assert before.split()[-1] in after.split() or before.split()[-2] in after.split()


def test_a_window_that_holds_no_word_is_a_configuration_error() -> None:
    class Greedy(WordTokenizer):
        def count(self, text: str) -> int:
            return 5 * len(self.offsets(text))

    embedder = CountingEmbedder()
    embedder.window_tokens = 4
    embedder.tokenizer = Greedy(r"\S{1,4}")
    with pytest.raises(ConfigurationError, match="too small"):
        cut_windows(chunk("some words here"), embedder)


def test_chunks_get_their_own_vectors_from_one_pass() -> None:
    told: list[int] = []
    long = " ".join(f"w{i:02}" for i in range(30))
    embedded = embed_chunks(
        CountingEmbedder(), [chunk("one", id="a"), chunk(long, id="b"), chunk("x y", id="c")], told.append
    )
    assert [e.chunk.id for e in embedded] == ["a", "b", "c"]
    places = [int(place) for e in embedded for place in e.windows[:, 1]]
    assert places == list(range(len(places)))
    assert len(embedded[1].windows) > 1
    assert sum(told) == len(places)
    assert embed_chunks(CountingEmbedder(), []) == []
