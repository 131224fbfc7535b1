"""Whether text gets lost: ``python -m eval.bench coverage --samples ../shared/data/samples/unstructured``.

Every file is read twice: as a document is (child process, then chunking), and by unstructured called directly in one
process. Reported are what each file became, the share of unstructured's words that our text holds
(:mod:`eval.bench.documents.coverage_words`), with what is missing and why, and the time of the whole parse stage over
unstructured's own, on the files that both can read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.progress import track

from core.errors import DocumentError
from core.settings import Settings
from eval.bench.documents.coverage_words import Share, compare, otherwise, words
from ingestion.chunking.structural import chunk
from ingestion.partitioning.front_matter import split_front_matter
from ingestion.partitioning.kinds import told_kind
from ingestion.partitioning.pdf.reader import read_pdf
from ingestion.partitioning.port import Attachment
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from ingestion.partitioning.text.decoding import decode
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Tokenizer

LEAST_SHARE = 0.99
FRONT_MATTER = "front matter, which is metadata"
_SHOWN = 12
_OTHERWISE = "read otherwise by OCR"
_NOWHERE = "not that often in PDFium's text either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One file.

    Attributes:
        became: ``read``, or the class of the error.
        detail: the error's message, or what was left out.
        share: how much of unstructured's words our text holds; None where either can't read it.
        strategy: of unstructured, that gave its words.
        seconds, reference_seconds: of the parse stage, and of unstructured; None where it can't read it.
        reference_error: why unstructured can't read it.
    """

    file: str
    became: str
    detail: str
    share: Share | None
    strategy: str
    seconds: float
    reference_seconds: float | None
    reference_error: str


class Reference:
    """unstructured in a process of its own."""

    def __init__(self, python: str, *options: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [python, "-m", "eval.bench.documents.reference_parser", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def read(self, path: Path) -> dict[str, Any]:
        """The text and the seconds, of the clock and of CPU, or the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path.absolute()}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"unstructured's process ended on {path}.")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def close(self) -> None:
        """End it."""
        with self._process:
            self._process.kill()


def compared(path: Path, name: str, reader: ChildProcessPartitioner, tokenizer: Tokenizer, other: Any) -> Compared:
    """Read one file in both ways."""
    settings = Settings().chunking
    became, detail, text = "read", "", ""
    content = path.read_bytes()
    began = time.perf_counter()
    try:
        partition = reader.partition(content, name=path.name)
        text = chunk(partition, tokenizer, settings).text
        # unstructured puts attachments into the message's text; here they are documents of their own.
        text += "\n".join(_text(reader, one) for one in partition.attachments)
        detail = " ".join(partition.warnings)
    except DocumentError as error:
        became, detail = type(error).__name__, error.message
    seconds = time.perf_counter() - began
    reference = other.read(path)
    both = became == "read" and bool(words(reference.get("text", "")))
    return Compared(
        file=name,
        became=became,
        detail=detail,
        share=_share(reference, text, content, path.name) if both else None,
        strategy=reference.get("strategy", ""),
        seconds=seconds,
        reference_seconds=reference.get("seconds"),
        reference_error=reference.get("error", ""),
    )


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
    import pypdfium2 as pdfium  # noqa: PLC0415

    with pdfium.PdfDocument(content) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def _text(reader: ChildProcessPartitioner, attachment: Attachment) -> str:
    try:
        partition = reader.partition(attachment.content, name=attachment.name, media_type=attachment.media_type)
    except DocumentError:
        return ""
    return "\n".join(element.text for element in partition.elements)


def main() -> None:
    """Read everything, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, nargs="+", required=True, help="folders of files")
    parser.add_argument("--only", default="", help="read only files whose name ends like this")
    parser.add_argument("--out", type=Path, help="write what became of each file here, a JSON object a line")
    parser.add_argument(
        "--reference-python",
        default=sys.executable,
        help="the interpreter to call unstructured with: one that has unstructured[all-docs], to compare every kind",
    )
    arguments = parser.parse_args()
    files = [
        (root, path)
        for root in arguments.samples
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name.endswith(arguments.only)
    ]
    settings = Settings()
    tokenizer = build_embedder(settings).tokenizer
    reader, other = ChildProcessPartitioner(settings.parsing), Reference(arguments.reference_python)
    try:
        # Both are up, and have imported what they need, before anything is timed.
        reader.partition(b"# Warm", name="warm.md")
        for kind in {path.suffix.lower(): path for _, path in files}.values():
            other.read(kind)
        found = []
        for root, path in track(files, "Reading"):
            name = f"{root.name}/{path.relative_to(root)}"
            found.append(compared(path, name, reader, tokenizer, other))
    finally:
        reader.close()
        other.close()
    _report(found)
    if arguments.out:
        lines = (json.dumps(_record(one), ensure_ascii=False) for one in found)
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _record(one: Compared) -> dict[str, Any]:
    """One file as a JSON object; ``asdict`` can't copy counters."""
    told = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "share"}
    share = one.share
    return told | ({} if share is None else {field.name: getattr(share, field.name) for field in fields(share)})


def _report(found: Sequence[Compared]) -> None:
    became = Counter(one.became for one in found)
    print(f"{len(found)} files: " + ", ".join(f"{count} {kind}" for kind, count in became.most_common()))
    for one in found:
        if one.became != "read":
            print(f"  {one.file}: {one.became}: {one.detail}")
    shares = [(one, one.share) for one in found if one.share is not None]
    alike = sum(share.alike >= LEAST_SHARE * share.words for _, share in shares)
    held = sum(share.held >= LEAST_SHARE for _, share in shares)
    print(f"Compared with unstructured: {len(shares)} files; at least {LEAST_SHARE:.0%} of its words")
    print(f"  as they stand in {alike}; held, or left out for a reason that is listed, in {held}")
    print("| file | words | as they stand | cut or joined elsewhere | not held, and why | lost |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one, share in shares:
        if share.alike < share.words:
            print(_row(one, share))
    for one in found:
        if one.became == "read" and one.share is None:
            print(f"  {one.file}: read here; by unstructured {one.reference_error or 'no word'}")
    timed = [one for one in found if one.became == "read" and one.reference_seconds is not None]
    ours, theirs = sum(one.seconds for one in timed), sum(one.reference_seconds or 0 for one in timed)
    if theirs:
        print(f"Parse stage {ours:.1f} s, unstructured {theirs:.1f} s, ratio {ours / theirs:.2f} ({len(timed)} files)")


def _row(one: Compared, share: Share) -> str:
    """A row of the table in docs/pdf.md."""
    reasons = "; ".join(f"{reason}: {found.total()}" for reason, found in share.reasons.items())
    lost = f"{share.missing.total()}"
    if share.missing:
        lost += f" ({' '.join(word for word, _ in share.missing.most_common(_SHOWN))})"
    name = f"{one.file} (OCR)" if one.strategy == "ocr_only" else one.file
    return f"| {name} | {share.words} | {share.alike / share.words:.1%} | {share.elsewhere} | {reasons} | {lost} |"
