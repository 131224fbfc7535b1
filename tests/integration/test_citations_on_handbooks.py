"""On two real handbooks every quote is labelled with the section that it stands in, not its passage's first one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from api.place_locator import PlaceLocator
from core.chunk import Chunk
from core.errors import DocumentError
from core.lazy import Lazy
from core.metadata import Metadata
from core.principal import ANONYMOUS
from core.settings import ChunkingSettings, Settings
from generation.answerer import Answerer
from generation.answering.writing import MAX_CITATIONS
from generation.events import Citation
from generation.models.port import Delta, Message
from generation.question import Question
from generation.text.sentences import split_sentences
from ingestion.chunking.model import PlacedElement
from ingestion.chunking.structural import StructuralChunker
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.build import build_partitioner
from ingestion.partitioning.port import ElementKind, Partitioner
from retrieval.hit import Ranks, Scores, SearchHit, SearchResponse
from tests.word_tokenizer import WordTokenizer

HANDBOOKS = Path(__file__).parents[3] / "shared" / "data" / "handbooks"
SAMPLE = 60
KINDS = {".md", ".html", ".docx", ".pdf"}


@pytest.fixture(scope="module")
def partitioner() -> Iterator[Partitioner]:
    built = build_partitioner(Settings())
    yield built
    built.close()


class Kept:
    """The catalog and the blob store, with one document in them."""

    id, content_hash = "d", "h"

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.documents = self

    def get(self, key: str) -> Any:
        return self if key == self.id else self.content


class Passage:
    """A retriever that finds one passage."""

    embedder: Any = None
    generation = "g"

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk

    def check(self, *_: Any) -> None:
        pass

    def search(self, *_: Any, **__: Any) -> SearchResponse:
        return SearchResponse((SearchHit(self.chunk, 1.0, Ranks(), Scores()),), 1, {}, (), "g", "hybrid")

    def spelt_nearly(self, *_: Any) -> Sequence[Chunk]:
        return ()


class Quoting:
    """A model that repeats what it is given, a citation behind each sentence."""

    name = "quoting"

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = sentences

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        for sentence in self.sentences:
            yield Delta(f"{' '.join(sentence.split())} [1]\n")
        yield Delta(finish_reason="stop")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("handbook", ["sourcegraph", "18f"])
def test_every_quote_is_labelled_with_the_last_heading_above_it(handbook: str, partitioner: Partitioner) -> None:
    if not (HANDBOOKS / handbook).is_dir():
        pytest.skip(f"{HANDBOOKS / handbook} is not there")
    files = sorted(path for path in (HANDBOOKS / handbook).rglob("*") if path.suffix in KINDS)
    checked, inner = 0, 0
    for file in random.Random(11).sample(files, SAMPLE):
        try:
            parsed = read(partitioner, file)
        except DocumentError:
            continue
        headings = [element for element in parsed.elements if element.kind is ElementKind.TITLE]
        for citation, passage in cited(parsed):
            start = citation.quote_start
            if start is None:  # no sentence of the passage bears it out
                continue
            above = [heading_text(parsed, one) for one in headings if one.start <= start][-1:]
            label = citation.heading_path[-1:]
            assert list(label) == above, f"{file}: {citation.quote!r} is labelled {label}"
            checked, inner = checked + 1, inner + (label != passage.heading_path[-1:])
    assert checked > 1000
    assert inner > checked / 10, "passages hold more than one section"


def read(partitioner: Partitioner, file: Path) -> ParsedDocument:
    partition = partitioner.partition(file.read_bytes(), name=file.name)
    cut = StructuralChunker(WordTokenizer(), ChunkingSettings()).chunk(partition)
    return ParsedDocument(
        title=partition.metadata.title,
        metadata=Metadata(),
        media_type=partition.media_type,
        text=cut.text,
        elements=cut.elements,
        passages=cut.passages,
        parser="",
        warnings=(),
    )


def cited(parsed: ParsedDocument) -> Iterator[tuple[Citation, Chunk]]:
    """Each sentence of each passage cited by an answer of its own passage, with that passage."""
    part: Lazy[Any] = Lazy("kept", lambda: Kept(parsed.to_bytes()))
    locate = PlaceLocator(cast("Any", part), cast("Any", part))
    for one in parsed.passages:
        text = parsed.text[one.start : one.end]
        chunk = Chunk(
            id=str(one.ordinal), document_id="d", source_id="s", uri="u", ordinal=one.ordinal, text=text,
            start=one.start, end=one.end, heading_path=one.heading_path,
        )  # fmt: skip
        sentences = [sentence.text for sentence in split_sentences(text)][:MAX_CITATIONS]
        answerer = Answerer(
            Passage(chunk), Quoting(sentences), Settings.model_validate({"embedder": {"languages": ["en"]}}), locate
        )
        for citation in asyncio.run(citations(answerer)):
            yield citation, chunk


async def citations(answerer: Answerer) -> list[Citation]:
    question = Question(text="What does it say?", principal=ANONYMOUS, answer_id="a", conversation_id="c")
    return [event async for event in answerer.answer(question) if isinstance(event, Citation)]


def heading_text(parsed: ParsedDocument, element: PlacedElement) -> str:
    return " ".join(parsed.text[element.start : element.end].split())[:200]
