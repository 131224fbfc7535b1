"""Settings: sources, precedence, and errors that name the way out."""

import os
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.settings import Settings
from core.settings_source import load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without Footnote's variables, in a folder without its file."""
    for name in list(os.environ):
        if name.startswith("FOOTNOTE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_embedded_stack() -> None:
    settings = load_settings()
    assert settings.index.kind == "embedded"
    assert settings.broker.url is None
    assert settings.llm.provider == "none"


def test_environment_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "footnote.toml").write_text('[retrieval]\ndepth = 7\nrrf_k = 8\n[index]\nkind = "opensearch"\n')
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__DEPTH", "9")
    settings = load_settings()
    assert (settings.retrieval.depth, settings.retrieval.rrf_k, settings.index.kind) == (9, 8, "opensearch")
    assert load_settings({"retrieval": {"depth": 3}}).retrieval.depth == 3


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FOOTNOTE_INDX__KIND", "FOOTNOTE_INDEX__KIND"),
        ("FOOTNOTE_EMBEDDER__BATCHSIZE", "FOOTNOTE_EMBEDDER__BATCH_SIZE"),
        ("FOOTNOTE_DATADIR", "FOOTNOTE_DATA_DIR"),
    ],
)
def test_a_wrong_variable_names_the_nearest_right_one(monkeypatch: pytest.MonkeyPatch, name: str, nearest: str) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError, match=f"{name}. Did you mean {nearest}"):
        load_settings()


def test_a_wrong_key_in_the_file_names_the_nearest_right_one(tmp_path: Path) -> None:
    (tmp_path / "footnote.toml").write_text("[sync]\nintervals = 7\n")
    with pytest.raises(ConfigurationError, match=r"sync\.intervals\. Did you mean sync\.interval_s"):
        load_settings()


def test_a_wrong_value_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_API__PORT", "hunter2")
    with pytest.raises(ConfigurationError, match=r"api\.port") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_settings_know_their_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().file is None
    for name in ("footnote.toml", "elsewhere.toml"):
        (tmp_path / name).write_text("")
    assert load_settings().file == tmp_path / "footnote.toml"
    monkeypatch.setenv("FOOTNOTE_CONFIG", "elsewhere.toml")
    assert load_settings().file == tmp_path / "elsewhere.toml"


def test_a_broken_or_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "footnote.toml").write_text("[sync\n")
    with pytest.raises(ConfigurationError, match=r"footnote\.toml can't be read as TOML"):
        load_settings()
    monkeypatch.setenv("FOOTNOTE_CONFIG", "elsewhere.toml")
    with pytest.raises(ConfigurationError, match=r"elsewhere\.toml"):
        load_settings()


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", "sk-very-secret")
    settings = load_settings()
    assert "sk-very-secret" not in repr(settings)
    assert "sk-very-secret" not in settings.model_dump_json()


def test_production_refuses_what_is_only_fit_for_a_laptop() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"environment": "production", "api": {"admin_key": "changeme", "monitoring_key": "short"}})
    required = ("api.anonymous", "api.allowed_hosts", "catalog.url", "broker.url", "index.kind", "blobs.url")
    weak = ("api.admin_key is a well-known default", "api.monitoring_key must have at least 24 characters")
    for part in (*required, "sources.allowed_roots", "sync.default_acl", *weak):
        assert part in str(caught.value)


def test_production_takes_a_complete_configuration() -> None:
    settings = load_settings(
        {
            "environment": "production",
            "api": {"anonymous": False, "admin_key": "k" * 32, "allowed_hosts": ["footnote.example.com"]},
            "catalog": {"url": "postgresql+psycopg://footnote@db/footnote"},
            "broker": {"url": "rediss://valkey:6379/0"},
            "blobs": {"url": "s3://footnote"},
            "sources": {"allowed_roots": ["/srv/documents"], "secret_key": "k" * 44},
            "sync": {"default_acl": []},
            "index": {
                "kind": "opensearch",
                "opensearch": {"url": "https://search:9200", "aws": {"region": "eu-west-1"}},
            },
        }
    )
    assert settings.environment == "production"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chunking": {"min_tokens": 900, "max_tokens": 800}}, "min_tokens is larger"),
        ({"llm": {"provider": "openai"}}, r"llm\.model"),
        (
            {"sources": {"allowed_roots": ["documents"]}},
            r"sources\.allowed_roots: every folder must be an absolute path",
        ),
        ({"environment": "production", "sources": {"allowed_roots": ["/"]}}, "must not name the root"),
        ({"environment": "production"}, "sources.secret_key, or secret_key_file, must be set"),
        ({"sources": {"secret_key": "short"}}, "32 characters"),
        ({"sources": {"secret_key": "k" * 44, "secret_key_file": "/keys"}}, "exclude one another"),
        ({"sync": {"default_acl": ["staff"]}}, "'staff' is not an access term"),
        ({"index": {"opensearch": {"user": "admin"}}}, "go together"),
        ({"index": {"opensearch": {"encoder": "fp16"}}}, "encoder = 'fp16' needs engine = 'faiss'"),
        ({"index": {"opensearch": {"engine": "faiss", "encoder": "byte"}}}, "encoder = 'byte' needs engine = 'lucene'"),
        ({"index": {"opensearch": {"mode": "on_disk", "encoder": "byte"}}}, "encoder must be 'fp32'"),
        ({"index": {"opensearch": {"compression": "4x"}}}, r"opensearch\.compression needs mode = 'on_disk'"),
        ({"index": {"opensearch": {"rescore_oversample": 2}}}, r"opensearch\.rescore_oversample needs mode"),
        ({"index": {"opensearch": {"mode": "on_disk", "compression": "32x"}}}, "isn't offered by engine = 'lucene'"),
        (
            {"index": {"opensearch": {"engine": "faiss", "mode": "on_disk", "compression": "4x"}}},
            "isn't offered by engine = 'faiss', which has 8x, 16x, 32x",
        ),
        ({"index": {"opensearch": {"hnsw_m": 1}}}, "hnsw_m"),
        ({"index": {"opensearch": {"mode": "on_tape"}}}, "mode"),
    ],
)
def test_settings_that_contradict_each_other(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_settings(wrong)


def test_the_example_file_documents_every_setting_with_its_default() -> None:
    example = (Path(__file__).parents[3] / "footnote.example.toml").read_text()

    def keys(model: dict[str, object], prefix: str = "") -> list[str]:
        found: list[str] = []
        for name, value in model.items():
            found += keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [name]
        return found

    missing = [key for key in keys(Settings().model_dump()) if key not in example]
    assert missing == []
