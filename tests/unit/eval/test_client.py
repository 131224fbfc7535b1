"""The calls to a running Footnote, over an API that is faked at its transport."""

from pathlib import Path

import httpx
import pytest

from eval.client import ApiClient, ApiError


class FakeApi:
    """Answers as the API does: the run is over at the second look."""

    def __init__(self, error: str | None = None) -> None:
        self.looks = 0
        self.error = error

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer key"
        match request.method, request.url.path:
            case "POST", "/v1/sources":
                assert request.url.params["sync"] == "true"
                return httpx.Response(201, json={"id": "s1", "run": {}})
            case "GET", "/v1/sources/s1/runs":
                self.looks += 1
                over = "2026-01-01T00:00:00Z" if self.looks > 1 else None
                counts = {"seen": 2, "indexed": self.looks, "failed": 0, "unchanged": 0, "deleted": 0}
                return httpx.Response(200, json={"runs": [{**counts, "finished_at": over, "error": self.error}]})
            case "DELETE", "/v1/sources/s1":
                return httpx.Response(202, content=b"null")
        return httpx.Response(404, text="no such route")


def client(api: FakeApi) -> ApiClient:
    return ApiClient("http://api", "key", httpx.MockTransport(api))


def test_a_folder_is_ingested_until_its_run_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.client._POLL_S", 0.0)
    told: list[tuple[int, int]] = []
    with client(FakeApi()) as calls:
        source, run = calls.ingest("a", tmp_path, progress=lambda what, done, total: told.append((done, total)))
        calls.remove(source)
    assert (source, run["indexed"]) == ("s1", 2)
    assert told == [(1, 2), (2, 2)]


def test_a_failed_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.client._POLL_S", 0.0)
    with client(FakeApi("the disk is full")) as calls, pytest.raises(ApiError, match="the disk is full"):
        calls.ingest("a", tmp_path)


def test_an_api_that_refuses_or_is_down_is_named() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ApiError, match="ConnectError"):
        ApiClient("http://api", None, httpx.MockTransport(down)).search("q", pipeline="lexical", limit=1)
    with pytest.raises(ApiError, match="401"):
        ApiClient("http://api", None, httpx.MockTransport(lambda _: httpx.Response(401, text="no"))).remove("s")
