"""What pages about running Footnote tell people to type, and which settings they name, is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml

from api.cli.main import COMMANDS, cli
from core.settings import Settings
from core.settings_source import _paths

ROOT = Path(__file__).parents[3]
PAGES = sorted([*(ROOT / "docs/deploy").glob("*.md"), *(ROOT / "docs/runbooks").glob("*.md"), ROOT / "docs/logs.md"])
FILES = [
    *PAGES,
    *(path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yml", ".yaml", ".tpl", ".tf", ".txt", ".sh")),
    *(
        path
        for path in (ROOT / "deploy/images").iterdir()
        if path.is_file() and not path.name.startswith("requirements")
    ),
    ROOT / "deploy/compose/.env.example",
]
SETTINGS = set(_paths(Settings))
SECTIONS = set(Settings.model_fields)
_COMMAND = re.compile(
    r"`(footnote(?: [a-z][a-z-]*)?(?: [^`\n]*)?)`|^\s*(?:\$ )?(footnote [a-z].*)$|-- (footnote [a-z].*)$", re.MULTILINE
)


def commands(text: str) -> list[list[str]]:
    return [re.sub(r"'[^']*'", "X", next(filter(None, found))).split() for found in _COMMAND.findall(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_that_pages_name_are_there(page: Path) -> None:
    for words in commands(page.read_text()):
        named = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
        if not named:
            assert words[1:] in ([], ["--version"]), words
            continue
        assert named[0] in COMMANDS, words
        command = cli.get_command(click.Context(cli), named[0])
        if isinstance(command, click.Group) and len(named) > 1:
            command = command.get_command(click.Context(command), named[1])
        assert command is not None, words
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} - options == set(), words


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_settings_that_pages_name_are_there(page: Path) -> None:
    named = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)\b(?: = [^`]*)?`", page.read_text())
    stages = ("answer.", "audit.", "generate.", "index.", "ingest.", "retrieve.")
    ours = {name for name in named if name.split(".")[0] in SECTIONS and not re.search(r"\.(ya?ml|md|toml)$", name)}
    charts = yaml.safe_load((ROOT / "deploy/helm/footnote/values.yaml").read_text())

    def of_the_chart(name: str) -> bool:
        value = charts
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
        return True

    unknown = {name for name in ours - SETTINGS if not name.startswith(stages) and not of_the_chart(name)}
    assert unknown == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_are_settings(path: Path) -> None:
    named = set(re.findall(r"\bFOOTNOTE_[A-Z0-9_]+[A-Z0-9]", path.read_text())) - {"FOOTNOTE_CONFIG"}
    keys = {name: name.removeprefix("FOOTNOTE_").lower().replace("__", ".") for name in named}
    assert {name for name, key in keys.items() if key not in SETTINGS} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_make_targets_that_pages_and_workflows_name_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    workflows = [path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")]
    assert len(workflows) == 2
    for text in workflows:
        assert yaml.safe_load(text)["jobs"]
    named = {
        target
        for text in [*workflows, *(page.read_text() for page in PAGES)]
        for target in re.findall(r"(?:run: |`|^)make ([a-z-]+)", text, re.MULTILINE)
    }
    assert {"test", "check-deploy", "audit", "dist", "images", "lock"} <= named
    assert named <= targets
