"""The compose file starts what there is, with settings that Footnote takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings_source import load_settings
from ingestion.broker import QUEUES

COMPOSE = Path(__file__).parents[3] / "deploy/compose"
FILE: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yml").read_text())
SERVICES: dict[str, Any] = FILE["services"]
OURS = {name: one for name, one in SERVICES.items() if "footnote-" in one["image"]}


def example() -> dict[str, str]:
    """.env.example, with what has to be filled in filled in."""
    lines = [line for line in (COMPOSE / ".env.example").read_text().splitlines() if line and line[0] != "#"]
    values = dict(line.split("=", 1) for line in lines)
    secrets = re.findall(r"^for name in (.*); do$", (COMPOSE / "secrets.sh").read_text(), re.MULTILINE)[0].split()
    return values | dict.fromkeys([*secrets, "OPENSEARCH_PASSWORD"], "0123456789abcdef" * 3)


def filled(text: str, values: dict[str, str]) -> str:
    """As compose fills in ${NAME}, ${NAME:-default} and ${NAME:?message}."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        given = values.get(name, "")
        if not given and operator == "?":
            raise KeyError(name)
        return given or (rest if operator == "-" else "")

    return re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", value, text)


def test_the_settings_are_fit_for_production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, service in OURS.items():
        with monkeypatch.context() as patch:
            for key, text in service["environment"].items():
                if key.startswith("FOOTNOTE_"):
                    patch.setenv(key, filled(text, example()))
            settings = load_settings()
        assert settings.environment == "production", name
        assert settings.api.allowed_hosts == ("footnote.example.com", "api", "localhost")
        assert settings.index.opensearch.url == "https://opensearch:9200"


def test_a_missing_secret_keeps_everything_from_starting() -> None:
    text = (COMPOSE / "compose.yml").read_text()
    secrets = set(re.findall(r"^(\w+)=$", (COMPOSE / ".env.example").read_text(), re.MULTILINE))
    secrets -= {"TORCH_INDEX", "LLM_MODEL", "LLM_API_KEY"}
    assert len(secrets) == 8
    for secret in secrets:
        with pytest.raises(KeyError, match=secret):
            filled(text, {name: value for name, value in example().items() if name != secret})


def test_every_variable_is_in_the_example() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (COMPOSE / "compose.yml").read_text()))
    assert used - example().keys() == set()
    assert example().keys() - used == {"COMPOSE_PROFILES"}


def test_every_queue_has_a_worker_whatever_the_profile() -> None:
    for left_out in ("gpu", "cpu"):
        served = [
            queue
            for service in OURS.values()
            if left_out not in service.get("profiles", ())
            for queue in service["environment"].get("QUEUES", "").split(",")
        ]
        assert sorted(filter(None, served)) == sorted(set(QUEUES.values()))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits(name: str) -> None:
    assert SERVICES[name]["deploy"]["resources"]["limits"]["memory"]


def test_workers_are_given_the_time_that_they_take_to_stop() -> None:
    for service in OURS.values():
        grace = service["environment"].get("GRACE_S")
        if grace:
            assert int(service["stop_grace_period"].removesuffix("s")) >= int(grace) + 30


def test_nothing_listens_on_the_host_but_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name in ("valkey", "postgresql", "opensearch", "s3"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_what_is_ours_changes_no_file_of_its_image() -> None:
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_prometheus_asks_services_that_there_are_on_their_ports() -> None:
    config = yaml.safe_load((COMPOSE.parent / "prometheus/prometheus.yml").read_text())
    asked = {
        name: one["port"] for job in config["scrape_configs"] for one in job["dns_sd_configs"] for name in one["names"]
    }
    assert asked == {"api": 8321, "lister": 9325, "parse": 9325, "embed": 9325}
    assert asked.keys() <= SERVICES.keys()
