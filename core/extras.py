"""The line that installs one of Footnote's extras: another one for a clone than for an installed package."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_CONSTRAINTS = "constraints.txt"


def installing(extra: str, root: Path = _ROOT) -> str:
    """What to enter in a shell.

    Args:
        extra: its name in pyproject.toml.
        root: the folder that Footnote's packages are in.
    """
    if not (root / _CONSTRAINTS).is_file():  # only a clone has the versions that it was tested with
        return f"pip install 'footnote[{extra}]'"
    python, constraints, clone = (shlex.quote(str(part)) for part in (sys.executable, root / _CONSTRAINTS, root))
    return f"{python} -m pip install -c {constraints} -e {clone}'[{extra}]'"
