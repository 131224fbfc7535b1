"""Real text for :mod:`eval.bench.search.filtered`: windows of sentences, and their vectors, kept between runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.progress import Progress

from core.chunk import Vectors
from eval.datasets import DatasetError, read_rows
from retrieval.embedding.port import Embedder

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_PARAGRAPH = re.compile(r"\n\s*\n")
_LEAST_CHARS = 40
_MOST_CHARS = 600
"""Within what most embedders read at once, but for formulas and addresses."""
_LENGTHS = (2, 1, 3)
"""Sentences to a window; a text that is there already isn't taken again."""
_AT_ONCE = 2048


def texts_of(data: Path, count: int, fits: Callable[[str], bool]) -> list[str]:
    """``count`` different windows that ``fits`` takes, neighbours in a document side by side.

    Raises:
        DatasetError: there is no text, or not enough.
    """
    seen: dict[str, None] = {}
    documents = list(_documents(data))
    for length in _LENGTHS:
        for document in documents:
            for window in _windows(document, length):
                if not fits(window):
                    continue
                seen.setdefault(window)
                if len(seen) == count:
                    return list(seen)
    raise DatasetError(f"{data} gives {len(seen)} windows of text, not {count}: lower --vectors.")


def questions_of(data: Path) -> list[str]:
    """The questions of the collections. Raises DatasetError."""
    files = sorted(data.glob("*/queries.jsonl"))
    if not files:
        raise DatasetError(f"{data} holds no collection with a queries.jsonl.")
    return [str(row["text"]) for file in files for _, row in read_rows(file)]


def cached_vectors(embedder: Embedder, texts: Sequence[str], cache: Path, progress: Progress) -> Vectors:
    """The texts' vectors, shape (texts, dimensions); those of an earlier run with the same texts and model are read.

    Written in parts, so that a run that was ended goes on where it was.
    """
    bar = progress.add_task("embedding", total=len(texts))
    parts = []
    for part in vectors_by_part(embedder, texts, cache):
        parts.append(part)
        progress.advance(bar, len(part))
    return np.concatenate(parts)


def vectors_by_part(embedder: Embedder, texts: Sequence[str], cache: Path) -> Iterator[Vectors]:
    """The same, a part at a time: whoever stops asking goes on from there another time."""
    cache.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(texts), _AT_ONCE):
        some = list(texts[first : first + _AT_ONCE])
        key = hashlib.sha256("\0".join([embedder.name, *some]).encode()).hexdigest()[:24]
        file = cache / f"{key}.npy"
        if not file.exists():
            with file.with_suffix(".part").open("wb") as out:
                np.save(out, embedder.embed_passages(some))
            file.with_suffix(".part").replace(file)
        yield np.load(file)


def _documents(data: Path) -> Iterator[str]:
    for file in sorted(data.glob("*/corpus.jsonl")):
        for _, row in read_rows(file):
            yield str(row.get("text", ""))
    for file in sorted(data.glob("handbooks/**/*.md")):
        yield file.read_text(encoding="utf-8", errors="replace")


def _windows(document: str, length: int) -> Iterator[str]:
    sentences = [
        " ".join(sentence.split())
        for paragraph in _PARAGRAPH.split(document)
        for sentence in _SENTENCE.split(paragraph)
    ]
    sentences = [sentence for sentence in sentences if sentence]
    for first in range(len(sentences) - length + 1):
        window = " ".join(sentences[first : first + length])[:_MOST_CHARS]
        if len(window) >= _LEAST_CHARS:
            yield window
