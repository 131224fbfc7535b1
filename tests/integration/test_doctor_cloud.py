"""``footnote doctor`` about the cloud service that reads documents: what is missing, without paying for a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from api import doctor
from api.doctor import Finding, examine
from core.extras import installing
from core.settings import Settings
from tests.integration.cloud_server import Answer, Asked, serving

KEY = "0123456789abcdef-very-secret"
LIMITS = {"customDocumentModels": {"count": 0, "limit": 500}}


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of this machine, and none looked for on the network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **parsing: Any) -> Finding | None:
    """What is found of the service; of all else, nothing is looked at."""
    for name in ("_model", "_index", "_sandbox"):
        monkeypatch.setattr(doctor, name, lambda _: "not looked at")
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "parsing": parsing})
    return next((one for one in examine(settings) if one.name.startswith("parsing.engine")), None)


def test_where_documents_are_read_here_there_is_nothing_to_find(monkeypatch: Any, tmp_path: Path) -> None:
    assert finding(monkeypatch, tmp_path) is None


def test_textract_without_a_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = finding(monkeypatch, tmp_path, engine="textract")
    assert found is not None
    assert (found.ok, found.required) == (False, True)
    assert "parsing.textract.region" in found.detail
    assert found.needed_for == "reading documents of the kinds pdf and image"


def test_textract_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = finding(monkeypatch, tmp_path, engine="textract", textract={"region": "eu-north-1"})
    assert found is not None
    assert not found.ok
    assert "there are none: set AWS_ACCESS_KEY_ID" in found.detail


def test_textract_with_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    found = finding(monkeypatch, tmp_path, engine="textract", textract={"region": "eu-north-1"})
    assert found is not None
    assert found.ok
    assert "https://textract.eu-north-1.amazonaws.com in eu-north-1" in found.detail
    assert "credentials by env" in found.detail
    assert "EXAMPLE" not in found.detail


def test_textract_whose_credentials_are_kept_by_a_program_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    found = finding(monkeypatch, tmp_path, engine="textract", textract={"region": "eu-north-1"})
    assert found is not None
    assert not found.ok
    assert "can't be had" in found.detail


@pytest.mark.parametrize(
    ("answer", "ok", "said"),
    [
        (Answer(LIMITS), True, "takes the key"),
        (
            Answer({"error": {"code": "401", "message": "x"}}, status=401),
            False,
            "refuses parsing.document_intelligence",
        ),
        (
            Answer({"error": {"code": "404", "message": "x"}}, status=404),
            False,
            "isn't at parsing.document_intelligence",
        ),
        (Answer(raw=b"<html>a proxy's page</html>"), False, "failed (unknown)"),
    ],
)
def test_document_intelligence_is_asked_what_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: Answer, ok: bool, said: str
) -> None:
    def script(asked: Asked, url: str) -> Answer:
        return answer

    with serving(script) as (url, seen):
        azure = {"endpoint": url, "key": KEY}
        found = finding(monkeypatch, tmp_path, engine="document_intelligence", document_intelligence=azure)
    assert found is not None
    assert found.ok is ok, found
    assert said in found.detail
    assert {(asked.method, asked.path.partition("?")[0]) for asked in seen} == {("GET", "/documentintelligence/info")}
    assert KEY not in found.detail


def test_document_intelligence_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(lambda *_: Answer()) as (url, _):
        pass
    azure = {"endpoint": url, "key": KEY}
    found = finding(monkeypatch, tmp_path, engine="document_intelligence", document_intelligence=azure)
    assert found is not None
    assert "can't be reached" in found.detail


def test_document_intelligence_without_its_sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "ingestion.partitioning.cloud.document_intelligence", raising=False)
    monkeypatch.setitem(sys.modules, "azure.ai.documentintelligence", None)
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    azure = {"endpoint": "https://x.cognitiveservices.azure.com", "key": KEY}
    found = finding(monkeypatch, tmp_path, engine="document_intelligence", document_intelligence=azure)
    assert found is not None
    assert not found.ok
    assert installing("azure") in found.detail
    assert found.install == {"any": installing("azure")}
