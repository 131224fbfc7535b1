"""JUnit's XML, which every CI system shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET


def write_junit(file: Path, suite: str, cases: Iterable[tuple[str, str, Sequence[str]]]) -> None:
    """Write a suite of cases, each with what it says and its faults; one with faults has failed."""
    told = list(cases)
    root = ET.Element(
        "testsuite",
        name=suite,
        tests=str(len(told)),
        failures=str(sum(bool(faults) for _, _, faults in told)),
        errors="0",
        skipped="0",
    )
    for name, says, faults in told:
        case = ET.SubElement(root, "testcase", classname=suite, name=name)
        if faults:
            ET.SubElement(case, "failure", message=faults[0]).text = "\n".join(faults)
        ET.SubElement(case, "system-out").text = says
    file.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
