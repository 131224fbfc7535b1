"""The chart's values fit its schema and Footnote's settings. What helm makes of it `make check-deploy` looks at."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from api.app import ROUTERS
from core.settings import Settings
from ingestion.broker import QUEUES

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/helm/footnote"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SETS = sorted((CHART / "ci").glob("*.yaml"))
TEMPLATES = {path.name: path.read_text() for path in (CHART / "templates").glob("*.yaml")}


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """As helm merges values."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def values_of(path: Path) -> dict[str, Any]:
    return merged(VALUES, yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_sets_of_values_fit_the_schema(path: Path) -> None:
    jsonschema.validate(values_of(path), SCHEMA)


def test_every_value_is_in_the_schema() -> None:
    assert VALUES.keys() == SCHEMA["properties"].keys() - {"global"}


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_settings_are_footnotes_own(path: Path) -> None:
    settings = values_of(path)["settings"]
    secrets = {
        "catalog": {"url": "postgresql+psycopg://footnote@db/footnote"},
        "broker": {"url": "rediss://queue:6379/0"},
        "sources": {"secret_key": "s" * 40},
    }
    if "user" in settings["index"]["opensearch"]:
        secrets["index"] = {"opensearch": {"password": "p" * 20}}
    settings = merged(settings, secrets)
    settings["api"]["allowed_hosts"] = settings["api"]["allowed_hosts"] or values_of(path)["ingress"]["hosts"]
    # toToml writes whole numbers as 3.0.
    as_floats = json.loads(json.dumps(settings), parse_int=float)
    assert Settings.model_validate(as_floats).index.kind == "opensearch"


def test_the_default_workers_serve_every_queue_once() -> None:
    served = [queue for worker in VALUES["workers"].values() for queue in worker["queues"]]
    assert sorted(served) == sorted(set(QUEUES.values()))
    assert set(SCHEMA["definitions"]["worker"]["properties"]["queues"]["items"]["enum"]) == set(QUEUES.values())
    listed = re.findall(r"range \$queue := list ([^-]+)-", TEMPLATES["validate.yaml"])[0]
    assert set(re.findall(r'"(\w+)"', listed)) == set(QUEUES.values())


def test_probes_ask_for_routes_that_there_are() -> None:
    routes = {route.path for module in ROUTERS for route in module.router.routes}  # type: ignore[attr-defined]
    asked = set(re.findall(r"path: (/\w+)", "".join(TEMPLATES.values())))
    assert {"/healthz", "/readyz", "/metrics"} <= asked
    assert asked <= routes


def test_images_are_stages_of_the_containerfile() -> None:
    stages = set(
        re.findall(r"^FROM runtime AS (\w+)$", (ROOT / "deploy/images/Containerfile").read_text(), re.MULTILINE)
    )
    assert stages == {"api", "worker", "embedder", "migrate"}
    assert set(SCHEMA["properties"]["image"]["properties"]["digests"]["properties"]) == stages
    named = set(re.findall(r'"image" "(\w+)"', "".join(TEMPLATES.values())))
    assert named | {worker["image"] for worker in VALUES["workers"].values()} == stages


def test_every_contradiction_says_what_it_is_refused_with() -> None:
    cases = sorted((CHART / "ci/refused").glob("*.yaml"))
    messages = " ".join(TEMPLATES["validate.yaml"].split())
    assert len(cases) >= 20
    for case in cases:
        assert case.read_text().startswith("# refused: "), case.name
        assert yaml.safe_load(case.read_text())
    assert messages.count("fail ") >= 18


def test_the_chart_is_of_this_version() -> None:
    version = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version
    assert f"VERSION={version}\n" in (ROOT / "deploy/compose/.env.example").read_text()


def test_pods_change_no_file_of_their_image_and_are_nobody() -> None:
    helpers = (CHART / "templates/_helpers.tpl").read_text()
    for held in ("runAsNonRoot: true", "readOnlyRootFilesystem: true", "drop: [ALL]", "seccompProfile"):
        assert held in helpers
    for name in ("api.yaml", "workers.yaml", "beat.yaml", "migrations.yaml", "tests/ready.yaml"):
        text = (CHART / "templates" / name).read_text()
        assert "footnote.podSecurity" in text, name
        assert "footnote.containerSecurity" in text, name
        assert "automountServiceAccountToken: false" in text, name


def test_nothing_comes_in_or_goes_out_that_no_policy_names() -> None:
    policies = [one for one in TEMPLATES["networkpolicies.yaml"].split("\n---\n") if "-deny\n" in one]
    assert len(policies) == 1
    assert "policyTypes: [Ingress, Egress]" in policies[0]
    assert not re.search(r"^  (ingress|egress):", policies[0], re.MULTILINE)
    assert VALUES["networkPolicies"]["enabled"]
