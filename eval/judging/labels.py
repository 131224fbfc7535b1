"""What people said of answers, from JSONL or from a sheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

from eval.datasets import DatasetError, read_rows

_SHAPE = '{"item": "q1", "configuration": "default", "criterion": "groundedness", "label": 4, "reviewer": "ida"}'
_UNSURE = frozenset({"", "can't tell", "cant tell", "can’t tell", "?"})
Key = tuple[str, str]
"""Item and configuration."""


@dataclass(frozen=True, slots=True)
class Labels:
    """People's labels by one criterion.

    Attributes:
        by_item: reviewer to label, by item and configuration.
        unsure: labels that were "can't tell".
    """

    by_item: Mapping[Key, Mapping[str, int]]
    unsure: int

    @property
    def agreed(self) -> dict[Key, int]:
        """One label an item: the median of its reviewers', the lower of two."""
        return {key: median_low(labels.values()) for key, labels in self.by_item.items()}


def read_labels(file: Path, criterion: str, scale: tuple[int, int], *, none: bool = False) -> Labels:
    """Read the labels of one criterion; a line that names none is of every criterion.

    Args:
        file: JSONL, or CSV with the columns item, label, and where wanted configuration, criterion, reviewer.
        none: whether there may be none of the criterion but "can't tell".

    Raises:
        DatasetError: the file isn't there, holds no label of the criterion, or a line isn't a label, is outside the
            scale, or labels again what this reviewer has labelled; names the line.
    """
    found: dict[Key, dict[str, int]] = {}
    unsure = 0
    for where, row in lines(file):
        if row.get("criterion") not in (None, "", criterion):
            continue
        item, said = str(row.get("item") or ""), row.get("label")
        if not item or "label" not in row:
            raise DatasetError(f"{where}: `item` or `label` is missing. A line reads: {_SHAPE}")
        if (isinstance(said, str) and said.strip().casefold() in _UNSURE) or said is None:
            unsure += 1
            continue
        label = _label(said, where, scale)
        reviewer = str(row.get("reviewer") or "")
        labels = found.setdefault((item, str(row.get("configuration") or "")), {})
        if labels.setdefault(reviewer, label) != label:
            raise DatasetError(
                f"{where}: {reviewer or 'somebody'} has labelled {item!r} {labels[reviewer]} before, and {label} here. "
                "Keep one of the two, or name two reviewers."
            )
    if not found and not none:
        raise DatasetError(f"{file} holds no label for {criterion}. A line reads: {_SHAPE}")
    return Labels(found, unsure)


def _label(said: Any, where: str, scale: tuple[int, int]) -> int:
    try:
        label = float(said)  # a spreadsheet may make 4.0 of 4
    except (TypeError, ValueError):
        label = float("nan")
    if isinstance(said, bool) or label not in range(scale[0], scale[1] + 1):
        raise DatasetError(
            f"{where}: {said!r} is outside the scale: use a whole number from {scale[0]} to {scale[1]}, or leave it "
            "empty for can't tell. `--scale` names another scale."
        )
    return int(label)


def lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a file of labels, CSV by its name or else JSONL, each with where it stands.

    Raises:
        DatasetError: it can't be read, or a line isn't JSON; names the line.
    """
    if file.suffix.casefold() != ".csv":
        yield from read_rows(file)
        return
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} can't be read as CSV in UTF-8 ({error}).") from error
    separator = max(",;\t", key=text.split("\n", 1)[0].count)  # what Excel writes depends on the country
    reader = csv.DictReader(text.splitlines(), delimiter=separator)
    for row in reader:
        yield f"{file}, line {reader.line_num}", {str(name).strip(): value for name, value in row.items()}
