"""What images are made of, and how a worker in one stops."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from deploy.images.lock import EXTRAS
from deploy.images.sbom import bill_of_materials, licence_of, main

ROOT = Path(__file__).parents[4]
IMAGES = ROOT / "deploy/images"


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s\\]+)", path.read_text(), re.MULTILINE)
    return {re.sub(r"[_.]", "-", name.lower()): version for name, version in found}


def test_images_install_what_was_tested() -> None:
    tested = pins(ROOT / "constraints.txt")
    for name in ("requirements.txt", "requirements-cuda.txt"):
        installed = pins(IMAGES / name)
        assert installed
        others = {name: version for name, version in installed.items() if tested.get(name) != version}
        assert others == {}, "run make lock (it needs uv: pip install uv)"


def test_every_requirement_has_hashes() -> None:
    for path in IMAGES.glob("requirements*.txt"):
        requirements = re.findall(r"^\w.*?(?=^\w|\Z)", path.read_text(), re.MULTILINE | re.DOTALL)
        assert requirements
        assert all("--hash=sha256:" in one for one in requirements)


def test_extras_of_the_images_are_there() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
    direct = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    names = {re.split(r"[\[<>=~]", one)[0].lower().replace("_", "-").replace(".", "-") for one in direct}
    locked = {name for path in IMAGES.glob("requirements*.txt") for name in pins(path)}
    assert names - locked == set(), "run make lock (it needs uv: pip install uv)"


def test_the_bill_names_every_package_with_its_licence(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    bill = json.loads((tmp_path / "sbom.cdx.json").read_text())
    parts = {part["purl"]: part for part in bill["components"]}
    fastapi = distribution("fastapi")
    assert parts[f"pkg:pypi/fastapi@{fastapi.version}"]["licenses"] == [{"license": {"name": licence_of(fastapi)}}]
    assert licence_of(fastapi) == "MIT"
    assert (tmp_path / "licences/fastapi/LICENSE").is_file()
    assert main([]) == 2


def test_a_package_of_the_system_is_named_too() -> None:
    [part] = bill_of_materials([], [("zlib1g", "1:1.2.13", "amd64")])["components"]
    assert part["purl"] == "pkg:deb/debian/zlib1g@1:1.2.13?arch=amd64"


WORKER = """
import os, signal, sys
def note(number, _):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == {ends_on}:
        os._exit(3)
for number in (signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, note)
os.write(1, ("ready " + " ".join(sys.argv[1:]) + "\\n").encode())
while True:
    signal.pause()
"""


def run_worker(tmp_path: Path, ends_on: int, **environment: str) -> subprocess.Popen[str]:
    """The script of the image, over a program that stands for Celery's."""
    program = tmp_path / "python"
    (tmp_path / "worker.py").write_text(WORKER.format(ends_on=int(ends_on)))
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/worker.py "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return subprocess.Popen(
        [IMAGES / "run-worker"],
        env={"PATH": path, "QUEUES": "sync,check", "THREADS": "4", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_worker_that_ends_in_time_is_not_hurried(tmp_path: Path) -> None:
    with run_worker(tmp_path, signal.SIGTERM, GRACE_S="20") as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert "-m celery -A ingestion.worker worker -P threads -c 4 -Q sync,check -n sync-check@%h" in ready
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert (said, process.returncode) == ("SIGTERM\n", 3)


def test_what_takes_too_long_goes_back_to_the_queue(tmp_path: Path) -> None:
    with run_worker(tmp_path, signal.SIGQUIT, GRACE_S="0.01") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert (said, process.returncode) == ("SIGTERM\nSIGQUIT\n", 3)


def test_a_worker_without_queues_says_what_to_set(tmp_path: Path) -> None:
    with run_worker(tmp_path, signal.SIGTERM, QUEUES="") as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "set QUEUES" in said


@pytest.mark.parametrize("name", ["run-worker", "probe"])
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(IMAGES / name, os.X_OK)
