"""unstructured called directly, in one process: what :mod:`eval.bench.documents.coverage` compares with.

Reads a path a line from standard input and answers with a JSON object a line: text, seconds, seconds of CPU (its
children's too) and the strategy that gave the text, or the error. ``--without-detection`` turns language detection off,
which its API allows for.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from ingestion.partitioning.unstructured_setup import ENVIRONMENT, link_sentence_model

_STRATEGIES = ("fast", "ocr_only")
_MOST_SCANNED = 20
"""Pages of a document without text up to which unstructured's OCR is waited for: some seconds each."""


def main() -> None:
    """Answer until the input ends."""
    options: dict[str, Any] = {"languages": [""]} if "--without-detection" in sys.argv[1:] else {}
    warnings.simplefilter("ignore")
    os.environ.update(ENVIRONMENT)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        link_sentence_model(Path(folder))
        for line in sys.stdin:
            replies.write(json.dumps(_read(line.rstrip("\n"), options)) + "\n")
            replies.flush()


def _read(path: str, options: dict[str, Any]) -> dict[str, object]:
    """Read a file as its text layer tells it; a scan, which has none, by the OCR that unstructured brings."""
    from unstructured.partition.auto import partition  # noqa: PLC0415 - after the environment

    began, used = time.perf_counter(), _cpu_s()
    strategy, text = "", ""
    try:
        for strategy in _strategies(path):
            text = "\n".join(str(element) for element in partition(filename=path, strategy=strategy, **options))
            if text.strip():
                break
    except Exception as error:  # noqa: BLE001 - its readers raise anything at all
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return {"text": text, "seconds": time.perf_counter() - began, "cpu_s": _cpu_s() - used, "strategy": strategy}


def _cpu_s() -> float:
    used = os.times()
    return time.process_time() + used.children_user + used.children_system


def _strategies(path: str) -> tuple[str, ...]:
    if not path.lower().endswith(".pdf"):
        return _STRATEGIES[:1]
    import pypdfium2 as pdfium  # noqa: PLC0415

    try:
        with pdfium.PdfDocument(path) as document:
            return _STRATEGIES if len(document) <= _MOST_SCANNED else _STRATEGIES[:1]
    except pdfium.PdfiumError:
        return _STRATEGIES[:1]


if __name__ == "__main__":
    main()
