"""Logs are one JSON object a line where no terminal reads them, with the id of the request or task."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import structlog

from core.logs import configure_logs, correlation_id, get_logger
from core.settings import TelemetrySettings


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


def test_json_lines_carry_the_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(TelemetrySettings(log_format="json"))
    token = correlation_id.set("req-1")
    get_logger("core.example").info("synced", documents=3)
    logging.getLogger("core.other").warning("from a library's logger")
    correlation_id.reset(token)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["event"] == "synced"
    assert first["documents"] == 3
    assert {first["correlation_id"], second["correlation_id"]} == {"req-1"}
    assert second["level"] == "warning"


def test_lines_are_as_the_schema_says(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((Path(__file__).parents[3] / "docs/logs.schema.json").read_text())
    configure_logs(TelemetrySettings(log_format="json", log_level="DEBUG"))
    get_logger("core.example").debug("synced", documents=3)
    logging.getLogger("other.library").critical("a sentence with %s", "a value")
    token = correlation_id.set("req-1")
    try:
        _fail_with(question="x")
    except ValueError:
        get_logger("core.failing").exception("failed")
    correlation_id.reset(token)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for line in lines:
        jsonschema.validate(line, schema)
    assert lines[-1]["exception"][0]["exc_type"] == "ValueError"
    for broken in ({**lines[0], "level": "INFO"}, {**lines[0], "trace_id": "1"}, {"event": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def test_the_level_is_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(TelemetrySettings(log_format="json", log_level="ERROR"))
    get_logger("core.quiet").info("not shown")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_show_no_local_variables(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure_logs(TelemetrySettings.model_validate({"log_format": log_format}))
    try:
        _fail_with(question="what does the board" + " earn")
    except ValueError:
        get_logger("core.failing").exception("failed")
    shown = capsys.readouterr().err
    assert "ValueError" in shown
    assert "what does the board earn" not in shown


def _fail_with(question: str) -> None:
    raise ValueError(str(len(question)))


def test_until_logs_are_set_up_they_go_to_standard_error() -> None:
    code = "from core.logs import get_logger; get_logger('core').warning('odd'); print('{}')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "{}\n"
    assert "odd" in done.stderr
