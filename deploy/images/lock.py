"""``python -m deploy.images.lock``: write the requirements that images install, each with its version and hashes.

``uv pip compile`` resolves pyproject.toml within constraints.txt. What it found is written to two files: what every
image has, and torch with what it brings for GPUs, which a slim image does without.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "deploy" / "images"
EXTRAS = ("postgres", "mysql", "otlp", "azure", "pii")
"""What a production deployment may need beside the package itself."""
_PLATFORM = ("--python-version", "3.11.9", "--python-platform", "x86_64-manylinux_2_36")
_FOR_GPUS = re.compile(r"^(torch|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==")
_HEAD = "# Written by `make lock` from pyproject.toml and constraints.txt: change those, and run it again.\n"


def main() -> int:
    """Write the files; the exit status."""
    extras = [part for extra in EXTRAS for part in ("--extra", extra)]
    found = _compile("pyproject.toml", *extras, "-c", "constraints.txt")
    for_gpus = [one for one in found if _FOR_GPUS.match(one)]
    building = [one for one in found if one.startswith("setuptools==")]
    assert building, "what builds the few packages that come as sources, and Footnote's own wheel"
    _write("requirements.txt", [one for one in found if one not in for_gpus + building])
    _write("requirements-build.txt", building)
    _write("requirements-cuda.txt", for_gpus)
    return 0


def _compile(*arguments: str) -> list[str]:
    """The resolved requirements, each with its hashes on further lines."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate"]
    command += ["--no-header", *_PLATFORM, *arguments]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise SystemExit(f"uv can't resolve {arguments[0]}:\n{done.stderr}")
    return re.findall(r"^\S.*?(?=^\S|\Z)", done.stdout, re.MULTILINE | re.DOTALL)


def _write(name: str, requirements: list[str]) -> None:
    (IMAGES / name).write_text(_HEAD + "".join(requirements), encoding="utf-8")
    sys.stdout.write(f"deploy/images/{name}: {len(requirements)} packages\n")


if __name__ == "__main__":
    sys.exit(main())
