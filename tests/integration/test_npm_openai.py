"""OpenAI's client for Node.js: ``make npm``, as it needs npm and its registry."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import ADMIN_KEY, Stack, an_answer, make_settings

pytestmark = pytest.mark.npm

PACKAGE = "openai@7.57.0"
SCRIPT = Path(__file__).with_name("openai_npm.mjs")


def test_the_client_of_node(tmp_path: Path) -> None:
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", PACKAGE]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=300)
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "data").mkdir()
    stack = Stack(make_settings(tmp_path / "data"))
    stack.answerer.script = an_answer()
    with on_a_port(stack) as url:
        asked = ["node", SCRIPT.name, url, ADMIN_KEY]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    stack.catalog.close()
    assert done.returncode == 0, done.stderr
