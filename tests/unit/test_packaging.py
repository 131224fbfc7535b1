"""Everything that runs is in the wheel: a checkout finds files that an installation would miss."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = (
    *("deploy/demo/documents/", "deploy/demo/sources/"),
    *("deploy/compose/", "deploy/grafana/", "deploy/helm/", "deploy/prometheus/", "deploy/tofu/"),
)
"""Read from a checkout only: by `make demo`, those who change the demo, and those who deploy."""


@pytest.fixture(scope="module")
def setuptools() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings: dict[str, Any] = tomllib.load(file)["tool"]["setuptools"]
    return settings


@pytest.fixture(scope="module")
def files(setuptools: dict[str, Any]) -> list[Path]:
    """The files of the packages, as paths from the root: those that git knows."""
    tops = [pattern.removesuffix("*") for pattern in setuptools["packages"]["find"]["include"]]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *tops], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith(LEFT_OUT)]
    return [Path(name) for name in names if (ROOT / name).exists()]


def test_every_module_is_in_a_package(files: list[Path]) -> None:
    modules = [path for path in files if path.suffix == ".py"]
    folders = {folder for path in modules for folder in path.parents if folder != Path()}
    assert Path("ingestion/catalog/migrations/versions") in folders
    assert [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()] == []


def test_every_other_file_is_package_data(files: list[Path], setuptools: dict[str, Any]) -> None:
    packed = {
        found.relative_to(ROOT)
        for top, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for found in (ROOT / top).glob(pattern)
    }
    data = [path for path in files if path.suffix != ".py" and path.parent != Path("deploy/images")]
    for needed in ("api/page/index.html", "deploy/opensearch/pom.xml", "deploy/opensearch/Launcher.java"):
        assert Path(needed) in data
    assert [str(path) for path in data if path not in packed] == []
