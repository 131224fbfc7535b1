"""Fakes at the ports: an embedder that knows words only, a retriever that finds what it is given."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence

import numpy as np
import pytest

from core.chunk import Chunk
from core.errors import InvalidRequest, ModelUnavailable
from core.filters import Filter
from core.metadata import Metadata
from core.principal import Principal
from generation.models.port import Delta, Message
from generation.text.word_stems import terms
from retrieval.hit import Ranks, Scores, SearchHit, SearchResponse
from tests.word_tokenizer import WordTokenizer

ChunkMaker = Callable[..., Chunk]


class WordEmbedder:
    """Cosine similarity of the words that two texts share."""

    name = "all-MiniLM-L6-v2-00000000"
    """Taken for the packaged one, so that its cosines are used as they are."""
    dimensions = 512
    window_tokens = 40

    def __init__(self) -> None:
        self.tokenizer = WordTokenizer()
        self.down = False
        self.longest = 0

    def warm_up(self) -> None:
        pass

    def embed_query(self, query: str) -> np.ndarray:
        if self.down:
            raise ModelUnavailable("The embedder is down.")
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for term in terms(query):
            vector[int(hashlib.sha256(term.encode()).hexdigest(), 16) % self.dimensions] += 1
        return vector / (np.linalg.norm(vector) or 1)

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.longest = max([self.longest, *(self.tokenizer.count(text) for text in texts)])
        return np.stack([self.embed_query(text) for text in texts])


class GivenPassages:
    """A retriever that finds the same passages whatever is asked."""

    def __init__(self, chunks: Sequence[Chunk], embedder: WordEmbedder) -> None:
        self.chunks = list(chunks)
        self.embedder = embedder
        self.degraded: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.asked: list[tuple[str, Principal, Filter | None, str | None]] = []
        self.near: Sequence[Chunk] = ()
        self.looked_up: list[str] = []

    generation = "gen-0"

    def check(self, query: str, pipeline: str | None = None) -> None:
        if pipeline == "magic":
            raise InvalidRequest("There is no pipeline 'magic'.")

    def search(
        self,
        query: str,
        principal: Principal,
        *,
        filters: Filter | None = None,
        limit: int = 10,
        offset: int = 0,
        pipeline: str | None = None,
    ) -> SearchResponse:
        self.asked.append((query, principal, filters, pipeline))
        if self.error:
            raise self.error
        hits = tuple(SearchHit(one, 1.0, Ranks(1, 1, None), Scores(1.0, 1.0, 1.0, None)) for one in self.chunks)
        return SearchResponse(
            hits[:limit], len(hits), {"total": 1.0}, self.degraded, "gen-1", pipeline or "hybrid", self.notices
        )

    def spelt_nearly(self, word: str, principal: Principal, filters: Filter | None, limit: int) -> Sequence[Chunk]:
        self.looked_up.append(word)
        return self.near


class ScriptedModel:
    """A chat model that plays back deltas, and raises what is among them."""

    name = "scripted"

    def __init__(self, *script: Delta | Exception) -> None:
        self.script = script
        self.messages: list[Message] = []
        self.closed_early = False
        self.closed = False

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        self.messages = list(messages)
        finished = False
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                yield step
            finished = True
        finally:
            self.closed_early = not finished

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def make_chunk() -> ChunkMaker:
    def make(text: str, *, document: str = "d1", ordinal: int = 0, start: int = 50, title: str = "Handbook") -> Chunk:
        return Chunk(
            id=f"{document}-{ordinal}",
            document_id=document,
            source_id="s",
            uri=f"hr/{document}.md",
            ordinal=ordinal,
            text=text,
            start=start,
            end=start + len(text),
            page=3,
            tokens=len(text.split()),
            metadata=Metadata(title=title),
        )

    return make


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def passages(embedder: WordEmbedder) -> Callable[..., GivenPassages]:
    return lambda *chunks: GivenPassages(chunks, embedder)


@pytest.fixture
def scripted() -> Callable[..., ScriptedModel]:
    return ScriptedModel
