"""One side of the comparison as a process of its own: requests and answers are lines of JSON.

Run as ``python serving.py SIDE_FILE`` by the Python that has the side's libraries. A side is a file with a class
``Side``; its public methods take and give JSON. Nothing of Footnote may be imported here: the peer's environment
doesn't have it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

CLOSE = "close"


def load(file: Path) -> Any:
    """The ``Side`` of a file, constructed."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} can't be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module.Side()


def answer(side: Any, line: str) -> dict[str, Any]:
    """The answer to one request, with the CPU seconds of all threads that it took.

    What went wrong is an answer too, or the other process would wait for nothing.
    """
    try:
        request = json.loads(line)
        method: Callable[..., Any] = getattr(side, request["call"])
        began = time.process_time()
        result = method(**request["arguments"])
        return {"result": result, "cpu_s": time.process_time() - began}
    except Exception as error:  # noqa: BLE001 - the boundary of the process
        return {"error": f"{type(error).__name__}: {error}"}


def serve(side: Any, requests: TextIO, answers: TextIO) -> None:
    """Answer requests until the other end closes."""
    for line in requests:
        answers.write(json.dumps(answer(side, line)) + "\n")
        answers.flush()
        if json.loads(line).get("call") == CLOSE:
            return


def main() -> None:
    """Serve the side that the command line names."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the answers
    try:
        side = load(Path(sys.argv[1]))
    except Exception as error:  # noqa: BLE001 - the boundary of the process
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        answers.flush()
        sys.exit(1)
    answers.write(json.dumps({"result": "ready"}) + "\n")
    answers.flush()
    serve(side, sys.stdin, answers)


if __name__ == "__main__":
    main()
