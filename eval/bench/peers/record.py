"""What a comparison has measured so far."""

from __future__ import annotations

from typing import Any

from eval.records import Part, Record

FORMAT = 2
FILE = "peers.json"


class Block(Part):
    """The same documents, ingested by every arm in turn.

    Attributes:
        seconds, vectors: by arm.
        cpu_s: CPU seconds of the arm's process, by arm; OpenSearch's own are not in it.
        stages: seconds by arm and stage.
    """

    documents: int
    seconds: dict[str, float] = {}
    cpu_s: dict[str, float] = {}
    stages: dict[str, dict[str, float]] = {}
    vectors: dict[str, int] = {}


class Question(Part):
    """One question, asked of every arm in turn.

    Attributes:
        seconds, cpu_s: by arm, as of a block.
        stages: seconds by arm and stage.
        found: documents by arm, best first.
    """

    id: str
    seconds: dict[str, float] = {}
    cpu_s: dict[str, float] = {}
    stages: dict[str, dict[str, float]] = {}
    found: dict[str, list[str]] = {}


class SetRecord(Part):
    """A collection's share of the record.

    Attributes:
        fingerprint: of its documents and judgments.
        fit: its documents were cut to the model's window before either side got them.
        texts: how many there were to ingest.
        covered: share of the texts' tokens that is within the model's first window of each.
        beside: the questions once more, while another process was busy.
    """

    fingerprint: str
    fit: bool
    documents: int
    texts: int
    covered: float
    blocks: list[Block] = []
    questions: list[Question] = []
    beside: list[Question] = []


class Comparison(Record):
    """A comparison.

    Attributes:
        run: names its indexes.
        about: the machine; versions by side; settings by arm.
    """

    format: int = FORMAT
    run: str
    model: str
    about: dict[str, dict[str, Any]] = {}
    sets: dict[str, SetRecord] = {}
