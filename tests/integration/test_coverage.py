"""No text gets lost: a document holds the words that unstructured, called directly, gives of the same file.

Every file is read twice: as a document is (child process, then chunking), and by unstructured in a process of its own.
``ATTACK_CASES=30000`` takes all samples, ``COVERAGE_SAMPLES`` other folders (with ``:`` between them), and
``COVERAGE_PYTHON`` a Python that has ``unstructured[all-docs]``, to compare every kind; with ``-s`` the table of
docs/pdf.md is printed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.errors import DocumentError
from core.settings import Settings
from ingestion.chunking.structural import chunk
from ingestion.partitioning.front_matter import split_front_matter
from ingestion.partitioning.kinds import told_kind
from ingestion.partitioning.pdf.reader import read_pdf
from ingestion.partitioning.port import Attachment
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from ingestion.partitioning.text.decoding import decode
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Tokenizer
from tests.coverage_words import Share, compare, otherwise, words

ROOT = Path(__file__).parents[2]
SAMPLES = os.environ.get("COVERAGE_SAMPLES", str(ROOT.parent / "shared" / "data" / "samples" / "unstructured"))
SEED, LARGEST, CASES_TO_A_FILE = 5, 100_000, 100
"""Bytes of a sample that is read in a moment; a file takes about as long as so many cases of other attacks."""
UNLIKE = ("2023-half-year-analyses-by-segment.xlsx", "eml__fake-email-utf-16")
"""Of these unstructured gives words that don't stand in them (docs/documents.md)."""
LEAST_SHARE = 0.99
FRONT_MATTER = "front matter, which is metadata"
_OTHERWISE = "read otherwise by OCR"
_NOWHERE = "not that often in PDFium's text either"


@dataclass(frozen=True, slots=True)
class Compared:
    """One file: how much of unstructured's words our text holds, and unstructured's strategy that gave them."""

    file: str
    share: Share
    strategy: str

    def row(self) -> str:
        """A row of the table in docs/pdf.md."""
        share = self.share
        reasons = "; ".join(f"{reason}: {found.total()}" for reason, found in share.reasons.items())
        lost = f"{share.missing.total()} ({' '.join(word for word, _ in share.missing.most_common(12))})"
        name = f"{self.file} (OCR)" if self.strategy == "ocr_only" else self.file
        return f"| {name} | {share.words} | {share.alike / share.words:.1%} | {share.elsewhere} | {reasons} | {lost} |"


class Reference:
    """unstructured in a process of its own."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-m", "tests.reference_parser"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def read(self, path: Path) -> dict[str, Any]:
        """The text and its strategy, or the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path.absolute()}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"unstructured's process ended on {path}.")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def close(self) -> None:
        """End it."""
        with self._process:
            self._process.kill()


def compared(path: Path, reader: ChildProcessPartitioner, tokenizer: Tokenizer, other: Reference) -> Compared | None:
    """Read one file in both ways; None where either can't."""
    content = path.read_bytes()
    try:
        partition = reader.partition(content, name=path.name)
    except DocumentError:
        return None
    text = chunk(partition, tokenizer, Settings().chunking).text
    # unstructured puts attachments into the message's text; here they are documents of their own.
    text += "\n".join(_text(reader, one) for one in partition.attachments)
    reference = other.read(path)
    if not words(reference.get("text", "")):
        return None
    return Compared(path.name, _share(reference, text, content, path.name), reference["strategy"])


def _share(reference: dict[str, Any], text: str, content: bytes, name: str) -> Share:
    left_out = _left_out(content, name)
    share = compare(reference["text"], text, left_out)
    if reference["strategy"] != "fast":
        # Two programs around one Tesseract read some words differently, each now and then better.
        share.excuse(_OTHERWISE, otherwise(words(reference["text"]), words(text)))
    elif share.missing and name.lower().endswith(".pdf"):
        # unstructured tells some lists twice, and glues what stands apart: a third reader knows.
        drawn, ours = Counter(words(_drawn(content))), Counter(words(text))
        share.excuse(
            _NOWHERE, Counter({word: share.missing[word] for word in share.missing if drawn[word] <= ours[word]})
        )
    return share


def _left_out(content: bytes, name: str) -> dict[str, list[str]]:
    """What is in a file and, on purpose, not in its text, by the reason."""
    if name.lower().endswith(".pdf"):
        return read_pdf(content, name).left_out
    if told_kind(name, None) == "markdown":
        text, _ = decode(content, name)
        _, body, is_read = split_front_matter(text)
        return {FRONT_MATTER: [text.removesuffix(body)]} if is_read else {}
    return {}


def _drawn(content: bytes) -> str:
    """The text layer of a PDF, by PDFium."""
    import pypdfium2 as pdfium

    with pdfium.PdfDocument(content) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def _text(reader: ChildProcessPartitioner, attachment: Attachment) -> str:
    try:
        partition = reader.partition(attachment.content, name=attachment.name, media_type=attachment.media_type)
    except DocumentError:
        return ""
    return "\n".join(element.text for element in partition.elements)


def _is_quick(path: Path) -> bool:
    return path.stat().st_size < LARGEST and told_kind(path.name, None) not in ("pdf", "image")


@pytest.fixture
def reader() -> Iterator[ChildProcessPartitioner]:
    pool = ChildProcessPartitioner(Settings().parsing)
    yield pool
    pool.close()


@pytest.fixture
def reference() -> Iterator[Reference]:
    other = Reference(os.environ.get("COVERAGE_PYTHON", sys.executable))
    yield other
    other.close()


@pytest.mark.attack
def test_documents_hold_the_words_that_unstructured_gives(
    attack_cases: int, reader: ChildProcessPartitioner, reference: Reference
) -> None:
    files = [path for folder in SAMPLES.split(":") for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    if not files:
        pytest.skip(f"{SAMPLES} holds no files")
    wanted = max(1, attack_cases // CASES_TO_A_FILE)
    small = files if wanted >= len(files) else [path for path in files if _is_quick(path)]
    tokenizer = build_embedder(Settings()).tokenizer
    chosen = random.Random(SEED).sample(small, min(wanted, len(small)))
    found = [one for one in (compared(path, reader, tokenizer, reference) for path in chosen) if one is not None]
    print("\n".join(one.row() for one in found if one.share.alike < one.share.words))

    assert found
    expected = [one for one in found if not one.file.startswith(UNLIKE)]
    assert [one.row() for one in expected if one.share.held < LEAST_SHARE] == []
