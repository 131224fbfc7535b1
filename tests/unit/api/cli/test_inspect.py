from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from reportlab.pdfgen.canvas import Canvas

from api.cli.main import cli
from core.errors import FootnoteError
from core.settings import Settings
from ingestion.catalog.build import open_catalog


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")


def inspect(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["inspect", *arguments])


def refusal(*arguments: str) -> str:
    result = inspect(*arguments)
    assert isinstance(result.exception, FootnoteError), result.output
    return result.exception.message


def test_a_pdf_on_the_terminal_and_as_html(tmp_path: Path) -> None:
    canvas = Canvas("bridge.pdf")
    canvas.setTitle("The [bold]bridge[/bold]\x1b[31m")
    canvas.drawString(72, 700, "The bridge carries nine tonnes.")
    canvas.showPage()
    canvas.save()
    config = {"path": str(tmp_path), "rules": [{"match": "*.pdf", "department": m} for m in ("Roads", "Bridges")]}
    Path("source.json").write_text(json.dumps(config))
    result = inspect("bridge.pdf", "--html", "out.html", "--source", "source.json")
    assert result.exit_code == 0, result.output
    assert "The [bold]bridge[/bold]" in result.stdout, "a document's text is no markup"
    assert "\x1b[31m" not in result.stdout
    department = next(line for line in result.stdout.splitlines() if line.strip().startswith("department"))
    assert department.split() == ["department", "Bridges", "rule", "*.pdf", "Roads", "(rule", "*.pdf)"]
    assert "1 chunk, 1 window" in result.stdout
    assert "The bridge carries nine tonnes." in result.stdout
    assert "Time: fetch" in result.stdout
    html = Path("out.html").read_text()
    assert html.count("data:image/png;base64,") == 1
    assert not (tmp_path / "data").exists(), "inspecting takes nothing in"


def test_json(tmp_path: Path) -> None:
    Path("note.md").write_text("# A note\n\nOn bridges.\n")
    seen = json.loads(inspect("note.md", "--json").stdout)
    assert [element["text"] for element in seen["elements"]] == ["A note", "On bridges."]
    assert seen["chunks"][0]["text"] == "A note\n\nOn bridges."


def test_refusals_come_before_any_work(tmp_path: Path) -> None:
    Path("note.md").write_text("A note.")
    Path("broken.json").write_text("{")
    Path("list.json").write_text("[]")
    assert "missing.pdf isn't there" in refusal("missing.pdf")
    assert "name a file in a folder that is there" in refusal("note.md", "--html", "no/such/folder.html")
    assert "is neither YAML nor JSON" in refusal("note.md", "--source", "broken.json")
    assert "must be a folder source's configuration" in refusal("note.md", "--source", "list.json")
    assert "neither a file nor the id or the name" in refusal("note.md", "--source", "missing.json")
    Path("elsewhere.yaml").write_text("path: /srv/files\n")
    assert "is not a document of --source elsewhere.yaml, which is /srv/files" in refusal(
        "note.md", "--source", "elsewhere.yaml"
    )


def department_of(*arguments: str) -> str:
    facts = json.loads(inspect("note.md", "--json", *arguments).stdout)["facts"]
    return next(fact["value"] for fact in facts if fact["name"] == "department")


def test_a_source_is_named_by_its_file_its_id_or_its_name(tmp_path: Path) -> None:
    Path("note.md").write_text("A note.")
    Path("source.yaml").write_text(f"path: {tmp_path}\nrules:\n  - match: '*.md'\n    department: Roads\n")
    assert department_of("--source", "source.yaml") == "Roads"
    catalog = open_catalog(Settings(data_dir=tmp_path / "data"))
    for name in ("Bridges", "Tunnels"):
        config = {"path": str(tmp_path), "department": name}
        made = catalog.sources.create(kind="folder", name=f"All {name}", config=config, interval_s=60)
    catalog.close()
    assert department_of("--source", "All Tunnels") == "Tunnels"
    assert department_of("--source", made.id) == "Tunnels"
    assert department_of("--source", "All Bridges") == "Bridges"
