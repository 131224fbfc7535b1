"""Takes one file through ingestion's own parts, up to where vectors would be made, and keeps what each of them saw."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import reduce
from pathlib import PurePosixPath

from core.chunk import Chunk
from core.errors import EmptyDocument, UnreadableDocument
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.chunking.chunks import Common, as_chunks
from ingestion.chunking.model import ChunkedDocument, cells_of
from ingestion.chunking.port import Chunker
from ingestion.inspection.model import Fact, Inner, InspectedChunk, Inspection, Said, Window
from ingestion.inspection.origin import Located
from ingestion.partitioning.port import Partition, Partitioner
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import cut_windows

_WAKING = b"Awake."


class Inspector:
    """Inspects files.

    Args:
        partitioner, chunker, embedder: as the worker has them; of the embedder nothing but its tokenizer is used
            where the chunker asks for no more.
    """

    def __init__(self, partitioner: Partitioner, chunker: Chunker, embedder: Embedder) -> None:
        self._partitioner = partitioner
        self._chunker = chunker
        self._embedder = embedder

    def inspect(self, located: Located) -> Inspection:
        """What ingestion makes of a file.

        Raises:
            NotFound, UnreadableDocument, EmptyDocument, DocumentTooLarge: as ingestion would record it.
            Unavailable: the parser or a model can't be started.
        """
        times = _Times()
        name = PurePosixPath(located.external_id).name
        with times("fetch"):
            layers = located.connector.layers(located.external_id)
            content = located.content()
        with times("start the parser"):
            # Paid once by each parser process, not by each file.
            self._partitioner.partition(_WAKING, name="awake.txt", media_type="text/plain")
        with times("parse"):
            partition = self._partitioner.partition(content, name=name)
        readers = next((layer.acl for layer in layers if layer.acl is not None), AccessList())
        if partition.readers is not None and not partition.readers.include(readers):
            raise UnreadableDocument(partition.readers.refusal())
        with times("chunk"):
            document = self._chunker.chunk(partition)
        if not document.passages:
            raise EmptyDocument(f"{name} holds no text that could be searched.")
        facts = facts_of([layer.metadata for layer in layers], partition.metadata, name)
        with times("cut windows"):
            chunks = self._chunks(document, facts)
        return Inspection(
            name=located.external_id,
            source=located.source,
            size=len(content),
            media_type=partition.media_type,
            parser=partition.parser,
            facts=facts,
            readers=readers.terms(),
            warnings=partition.warnings,
            secrets=partition.secrets,
            document=document,
            chunks=chunks,
            attachments=_inner(partition),
            timings_ms=times.ms,
        )

    def _chunks(self, document: ChunkedDocument, facts: Sequence[Fact]) -> tuple[InspectedChunk, ...]:
        title = next((str(fact.counts.value) for fact in facts if fact.name == "title"), "")
        nowhere = Common(document_id="", source_id="", uri="", metadata=Metadata(title=title))
        return tuple(self._chunk(document, one) for one in as_chunks(document.text, document.passages, nowhere))

    def _chunk(self, document: ChunkedDocument, chunk: Chunk) -> InspectedChunk:
        count = self._embedder.tokenizer.count
        return InspectedChunk(
            ordinal=chunk.ordinal,
            start=chunk.start,
            end=chunk.end,
            page=chunk.page,
            heading_path=chunk.heading_path,
            context=chunk.context,
            tokens=chunk.tokens,
            cells=cells_of(document.elements, document.text, chunk.start, chunk.end),
            windows=tuple(Window(text, count(text)) for text in cut_windows(chunk, self._embedder)),
        )


class _Times:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.ms[stage] = (time.perf_counter() - began) * 1000


def facts_of(around: Sequence[Metadata], own: Metadata, name: str) -> tuple[Fact, ...]:
    """Every fact that is known, with what was said otherwise and doesn't count.

    Args:
        around: what each place around the document says, the nearest first.
        own: what the document itself says.
        name: the file's, a title of last resort.
    """
    layers = [*around, own, Metadata(title=name).coming_from("file name")]
    # The same rule as ingestion's: what counts is the first.
    settled = reduce(Metadata.over, layers)
    facts = []
    for one in fields(Metadata):
        if one.name == "origins" or one.name not in settled.known():
            continue
        counts = _said(settled, one.name)
        said = [_said(layer, one.name) for layer in layers if one.name in layer.known()]
        overruled = tuple(other for other in said if other.value != counts.value)
        facts.append(Fact(name=one.name, counts=counts, overruled=overruled))
    return tuple(facts)


def _said(metadata: Metadata, name: str) -> Said:
    return Said(getattr(metadata, name), metadata.origins.get(name, ""))


def _inner(partition: Partition) -> tuple[Inner, ...]:
    return tuple(Inner(one.name, one.media_type, len(one.content)) for one in partition.attachments)
