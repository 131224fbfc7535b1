"""What documents are read with, as one line that changes when any of it does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.settings import ParsingSettings
from ingestion.partitioning.version import parser_version


def version(**settings: Any) -> str:
    return parser_version(ParsingSettings.model_validate(settings))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a program that says this on a search path on which nothing else is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    stamp = iter(range(1_000_000_000, 2_000_000_000))

    def put(command: str, says: str) -> None:
        program = tmp_path / command
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        os.utime(program, (moment := next(stamp), moment))

    return put


def test_packages_and_limits_are_named() -> None:
    found = version()
    assert all(f"{package} " in found for package in ("footnote", "unstructured", "pdfminer.six", "openpyxl"))
    assert "timeout_s 120;" in found
    assert version() == found


@pytest.mark.parametrize(
    "changed",
    [
        {"timeout_s": 240},
        {"memory_mb": 4096},
        {"max_file_mb": 900},
        {"ocr_languages": ["eng", "deu"]},
        {"pdf_passwords": ["secret"]},
        {"engine": "textract"},
        {"engine": "textract", "cloud_kinds": ["pdf"]},
    ],
)
def test_a_setting_that_lets_more_be_read_makes_another(changed: dict[str, Any]) -> None:
    assert version(**changed) != version()


def test_a_password_is_not_in_it() -> None:
    assert "hunter2" not in version(pdf_passwords=["hunter2"])
    assert version(pdf_passwords=["hunter2"]) == version(pdf_passwords=["hunter3"])


def test_one_that_changes_nothing_about_reading_makes_none() -> None:
    assert version(processes=4) == version()


def test_a_program_that_is_installed_or_updated_makes_another(install: Callable[[str, str], None]) -> None:
    none = version()
    assert "Pandoc: none" in none
    install("pandoc", "pandoc 2.17")
    old = version()
    assert "Pandoc: pandoc 2.17;" in old
    install("pandoc", "pandoc 3.1")
    assert "Pandoc: pandoc 3.1;" in version()


def test_a_language_that_is_installed_makes_another(install: Callable[[str, str], None]) -> None:
    install("tesseract", "List of available languages (1):\neng")
    assert "languages eng;" in version()
    install("tesseract", "List of available languages (2):\neng\ndeu")
    assert "languages deu,eng;" in version()


def test_a_program_that_does_not_start_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "pandoc").write_bytes(b"\x00not a program")
    (tmp_path / "pandoc").chmod(0o755)
    assert "Pandoc: unknown;" in version()
