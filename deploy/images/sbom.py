"""``python -m deploy.images.sbom FOLDER``: what is installed here, as a CycloneDX bill of materials, with its licences.

Writes ``FOLDER/sbom.cdx.json``, and the licence texts that packages bring to ``FOLDER/licences/``. Python's packages
tell their own licence; Debian's have theirs in ``/usr/share/doc``, which the image keeps.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

_TEXTS = ("licen", "copying", "notice")
"""How the names of files with a licence begin, or their folders'."""
_LONGEST_NAME = 100
"""Characters: what is longer isn't a licence's name but its text."""


def main(arguments: list[str]) -> int:
    """Write both; the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("Name the folder to write to:  python -m deploy.images.sbom FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    installed = sorted(distributions(), key=lambda one: one.name.casefold())
    bill = bill_of_materials(installed, debian_packages())
    (folder / "sbom.cdx.json").write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    count = collect_licences(installed, folder / "licences")
    sys.stdout.write(f"{len(bill['components'])} components, {count} licence texts: {folder}\n")
    return 0


def bill_of_materials(python: Iterable[Distribution], debian: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """A CycloneDX 1.6 document. ``debian``: name, version and architecture of each package."""
    components = [_python_component(one) for one in python]
    components += [
        {
            "type": "library",
            "bom-ref": f"deb/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{name}@{version}?arch={architecture}",
        }
        for name, version, architecture in debian
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}


def _python_component(one: Distribution) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pypi/{one.name}@{one.version}",
        "name": one.name,
        "version": one.version,
        "purl": f"pkg:pypi/{one.name.lower().replace('_', '-')}@{one.version}",
    }
    licence = licence_of(one)
    if licence:
        component["licenses"] = [{"license": {"name": licence}}]
    return component


def licence_of(one: Distribution) -> str | None:
    """The licence's name as the package states it: an expression, a field, or classifiers; None: it is silent."""
    for key in ("License-Expression", "License"):
        value = next(iter(one.metadata.get_all(key) or ()), None)
        if value and len(value) <= _LONGEST_NAME and value.upper() != "UNKNOWN":
            return " ".join(value.split())
    classified = [
        value.rsplit(" :: ", 1)[-1] for value in one.metadata.get_all("Classifier") or () if "License ::" in value
    ]
    return ", ".join(classified) or None


def collect_licences(installed: Iterable[Distribution], folder: Path) -> int:
    """Copy every licence text into a folder for each package; how many there were."""
    count = 0
    for one in installed:
        for text in _texts(one):
            place = folder / one.name / text.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(text, place)
            count += 1
    return count


def _texts(one: Distribution) -> Iterator[Path]:
    for file in one.files or ():
        named = file.name.casefold().startswith(_TEXTS) or file.parent.name.casefold().startswith(_TEXTS)
        path = Path(str(one.locate_file(file)))
        if named and file.suffix not in (".py", ".pyc") and path.is_file():
            yield path


def debian_packages() -> list[tuple[str, str, str]]:
    """Name, version and architecture of what dpkg has installed; empty on another system."""
    program = shutil.which("dpkg-query")
    if program is None:
        return []
    form = "${Package}\t${Version}\t${Architecture}\n"
    done = subprocess.run(  # noqa: S603 - our own command
        [program, "-W", "-f", form], capture_output=True, text=True, check=True, timeout=60
    )
    return [(name, version, kind) for name, version, kind in (line.split("\t") for line in done.stdout.splitlines())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
