"""Rules, dashboards and runbooks name what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from prometheus_client import REGISTRY

import core.telemetry
from api.drift_metrics import DriftMetrics
from api.operation_metrics import OperationMetrics
from api.readiness import Dependency
from api.source_metrics import SourceMetrics
from core.clock import SystemClock
from retrieval.index.port import IndexRoom

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy/prometheus"
BOOKS = ROOT / "docs/runbooks"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
WORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right"}


def rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDS = {rule["record"] for rule in rules() if "record" in rule}


def own_metrics() -> set[str]:
    """The names of all samples that Footnote's processes can tell."""
    assert core.telemetry.HTTP_SECONDS
    services = SimpleNamespace(
        queue_depths=lambda: {"parse": 1}, index=SimpleNamespace(built=SimpleNamespace(room=lambda: IndexRoom(2, 1)))
    )
    well = [Dependency("index", True, "ok"), Dependency("broker", False, "ok")]
    catalog = SimpleNamespace(standings=SimpleNamespace(list=list), clock=SystemClock())
    share = {"value": 0, "low": 0, "high": 0}
    shares = dict.fromkeys(("failed", "abstained", "unsupported", "thumbs_down", "cached"), share)
    week = {"monday": "2026-03-02", "answers": 1, "p95_ms": 1, **shares}
    topics = {"psi": 0, "usual": 0, "clusters": 1, "new": 0, "grown": [0, 0]}
    drift = json.dumps({"published_at": None, "weeks": [week, week], "topics": topics, "oldest": []}).encode()
    published = SimpleNamespace(latest=lambda _: drift)
    asked = [
        *SourceMetrics(cast(Any, catalog)).collect(),
        *DriftMetrics(cast(Any, SimpleNamespace(published=published))).collect(),
        *OperationMetrics(cast(Any, services), well).collect(),
    ]
    names = {family.name for family in asked}
    for family in REGISTRY.collect():
        if family.name.startswith("footnote_"):
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}
            names |= {family.name + end for end in ends.get(family.type, [""])}
    return names


OWN = own_metrics()
OTHERS = {
    name for names in yaml.safe_load((PROMETHEUS / "external-metrics.yml").read_text()).values() for name in names
}


def metrics_of(expression: str) -> set[str]:
    """The metrics that a query asks for."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\$\w+", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w.:])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in names if name not in WORDS}


def queries() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


QUERIES = list(queries())


def test_metrics_of_a_query_are_found() -> None:
    query = (
        'sum by (le, route) (rate(footnote_http_seconds_bucket{status=~"5.."}[5m])) / ignoring (a) group_left up > 1e6'
    )
    assert metrics_of(query) == {"footnote_http_seconds_bucket", "up"}
    assert "footnote_source_lag_seconds" in OWN
    assert "footnote_documents_total" in OWN


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_queries_ask_for_metrics_that_exist(where: str, query: str) -> None:
    asked = metrics_of(query)
    assert asked
    assert asked - OWN - OTHERS - RECORDS == set()


def test_stages_that_queries_name_are_measured() -> None:
    code = "\n".join(
        path.read_text()
        for top in ("core", "ingestion", "retrieval", "generation", "api")
        for path in (ROOT / top).rglob("*.py")
    )
    named = {match for _, query in QUERIES for match in re.findall(r'stage="([^"]+)"', query)}
    named |= {
        name
        for _, query in QUERIES
        for name in re.findall(r"index\[\.\]\(([\w|]+)\)", query)
        for name in name.split("|")
    }
    assert named
    for name in named:
        last = name.removeprefix("task.")
        assert (
            f'"{name}"' in code or f'"index.{name}"' in code or f'"footnote.{last}"' in code or f'"{last}"' in code
        ), name


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_every_alert_has_a_runbook_that_says_what_to_do(rule: dict[str, Any]) -> None:
    url = rule["annotations"]["runbook_url"]
    page = BOOKS / url.rpartition("/")[2]
    assert page.stem == rule["alert"]
    text = page.read_text()
    assert text.startswith(f"# {rule['alert']}\n")
    assert "\n## Look\n" in text
    assert "\n## Do\n" in text
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_runbook_is_of_an_alert() -> None:
    assert {path.stem for path in BOOKS.glob("*.md")} - {"README"} == {rule["alert"] for rule in ALERTS}
    listed = re.findall(r"\]\((\w+)\.md\)", (BOOKS / "README.md").read_text())
    assert sorted(listed) == sorted(rule["alert"] for rule in ALERTS)


def test_alerts_have_names_of_their_own_and_pages_are_tested() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(names) == len(set(names))
    tested = "\n".join(path.read_text() for path in (PROMETHEUS / "tests").glob("*.yml"))
    paging = {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] == "page"}
    assert {name for name in paging if f"alertname: {name}\n" not in tested} == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_lie_beside_each_other(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == f"footnote-{path.stem}"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
