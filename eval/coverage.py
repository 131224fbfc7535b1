"""Whether text gets lost: ``python -m eval.coverage --samples ../shared/data/samples/unstructured --folders ...``.

Every file is read twice: as a document is (child process, then chunking), and by unstructured called directly in one
process. Reported are what each file became, the share of unstructured's words that our text holds, with what is
missing, and the time of the whole parse stage over unstructured's own, on the files that both can read.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from core.errors import DocumentError
from core.settings import Settings
from ingestion.chunking.structural import chunk
from ingestion.partitioning.pool import ChildProcessPartitioner
from ingestion.partitioning.port import Attachment
from retrieval.embedding.model_files import describe
from retrieval.embedding.tokenizer import FileTokenizer

LEAST_SHARE = 0.99
_WORD = re.compile(r"\w+")
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One file.

    Attributes:
        became: ``read``, or the class of the error.
        detail: the error's message, or what was left out.
        share: share of unstructured's words that our text holds; None where either can't read it.
        missing: words that it lacks, the commonest first.
        seconds, reference_seconds: of the parse stage, and of unstructured; None where it can't read it.
        reference_error: why unstructured can't read it.
    """

    file: str
    became: str
    detail: str
    share: float | None
    missing: list[str]
    words: int
    seconds: float
    reference_seconds: float | None
    reference_error: str


class Reference:
    """unstructured in a process of its own."""

    def __init__(self, python: str, *options: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [python, "-m", "eval.reference_parser", *options],
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


def words(text: str) -> Counter[str]:
    """The words of a text, in lower case, with how often each occurs."""
    return Counter(word.casefold() for word in _WORD.findall(text))


def compare(path: Path, name: str, reader: ChildProcessPartitioner, tokenizer: FileTokenizer, other: Any) -> Compared:
    """Read one file in both ways."""
    settings = Settings().chunking
    became, detail, text = "read", "", ""
    began = time.perf_counter()
    try:
        partition = reader.partition(path.read_bytes(), name=path.name)
        text = chunk(partition, tokenizer, settings).text
        # unstructured puts attachments into the message's text; here they are documents of their own.
        text += "\n".join(_text(reader, one) for one in partition.attachments)
        detail = " ".join(partition.warnings)
    except DocumentError as error:
        became, detail = type(error).__name__, error.message
    seconds = time.perf_counter() - began
    reference = other.read(path)
    expected = words(reference.get("text", ""))
    lacking = expected - words(text)
    both = became == "read" and "error" not in reference and bool(expected)
    return Compared(
        file=name,
        became=became,
        detail=detail,
        share=1 - lacking.total() / expected.total() if both else None,
        missing=[word for word, _ in lacking.most_common(_SHOWN)] if both else [],
        words=words(text).total(),
        seconds=seconds,
        reference_seconds=reference.get("seconds"),
        reference_error=reference.get("error", ""),
    )


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
    parser.add_argument("--out", type=Path, help="write what became of each file here, a JSON object a line")
    parser.add_argument(
        "--reference-python",
        default=sys.executable,
        help="the interpreter to call unstructured with: one that has unstructured[all-docs], to compare every kind",
    )
    arguments = parser.parse_args()
    files = [(root, path) for root in arguments.samples for path in sorted(root.rglob("*")) if path.is_file()]
    settings = Settings()
    tokenizer = FileTokenizer(describe(settings.embedder.model).folder / "tokenizer.json")
    reader, other = ChildProcessPartitioner(settings.parsing), Reference(arguments.reference_python)
    try:
        # Both are up, and have imported what they need, before anything is timed.
        reader.partition(b"# Warm", name="warm.md")
        for kind in {path.suffix.lower(): path for _, path in files}.values():
            other.read(kind)
        found = []
        for root, path in track(files, "Reading"):
            name = f"{root.name}/{path.relative_to(root)}"
            found.append(compare(path, name, reader, tokenizer, other))
    finally:
        reader.close()
        other.close()
    if arguments.out:
        lines = (json.dumps(asdict(one), ensure_ascii=False) for one in found)
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _report(found)


def _report(found: Sequence[Compared]) -> None:
    became = Counter(one.became for one in found)
    print(f"{len(found)} files: " + ", ".join(f"{count} {kind}" for kind, count in became.most_common()))
    for one in found:
        if one.became != "read":
            print(f"  {one.file}: {one.became}: {one.detail}")
    shares = [one for one in found if one.share is not None]
    short = [one for one in shares if one.share is not None and one.share < LEAST_SHARE]
    print(
        f"Compared with unstructured: {len(shares)} files; "
        f"in {len(shares) - len(short)} at least {LEAST_SHARE:.0%} of its words"
    )
    for one in short:
        print(f"  {one.file}: {one.share:.2%} of its words; missing: {' '.join(one.missing)} | {one.detail}")
    for one in found:
        if one.became == "read" and one.reference_error:
            print(f"  {one.file}: read here, not by unstructured: {one.reference_error}")
    timed = [one for one in found if one.became == "read" and one.reference_seconds is not None]
    ours, theirs = sum(one.seconds for one in timed), sum(one.reference_seconds or 0 for one in timed)
    if theirs:
        print(f"Parse stage {ours:.1f} s, unstructured {theirs:.1f} s, ratio {ours / theirs:.2f} ({len(timed)} files)")


if __name__ == "__main__":
    main()
