"""unstructured called directly, in one process: what :mod:`eval.coverage` compares with.

Reads a path a line from standard input and answers with a JSON object a line: text and seconds, or the error.
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

from ingestion.partitioning.unstructured_setup import ENVIRONMENT, link_sentence_model


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    os.environ.update(ENVIRONMENT)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        link_sentence_model(Path(folder))
        for line in sys.stdin:
            replies.write(json.dumps(_read(line.rstrip("\n"))) + "\n")
            replies.flush()


def _read(path: str) -> dict[str, object]:
    from unstructured.partition.auto import partition  # noqa: PLC0415 - after the environment

    began = time.perf_counter()
    try:
        elements = partition(filename=path, strategy="fast")
        text = "\n".join(str(element) for element in elements)
    except Exception as error:  # noqa: BLE001 - its readers raise anything at all
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return {"text": text, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    main()
