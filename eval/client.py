"""The few calls that evaluations make to a running Footnote."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from core.errors import FootnoteError
from eval.progress import Progress, unseen

_TIMEOUT_S = 60.0
_POLL_S = 0.5


class ApiError(FootnoteError):
    """The API refused a call or isn't there; says which and what it answered."""


class ApiClient:
    """Talks to a Footnote API with an administrator's key."""

    def __init__(self, url: str, key: str | None, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def ingest(
        self,
        name: str,
        folder: Path,
        *,
        timeout_s: float = 3600,
        progress: Progress = unseen,
    ) -> tuple[str, dict[str, Any]]:
        """Add a folder as a source and wait for its first sync; the source's id and the finished run.

        Raises:
            ApiError: the run failed, or wasn't over in time.
        """
        body = {"kind": "folder", "name": name, "config": {"path": str(folder.resolve())}}
        source = str(self._call("POST", "/v1/sources", params={"sync": "true", "documents": "0"}, json=body)["id"])
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            run = dict(self._call("GET", f"/v1/sources/{source}/runs")["runs"][0])
            over = run["indexed"] + run["failed"] + run["unchanged"]
            progress(f"ingesting {folder.name}", over, run["seen"])
            if run["finished_at"]:
                if run["error"]:
                    raise ApiError(f"The sync of {folder} failed: {run['error']}")
                return source, run
            time.sleep(_POLL_S)
        raise ApiError(f"The sync of {folder} was not over after {timeout_s:.0f} s.")

    def search(self, query: str, *, pipeline: str, limit: int, source: str | None = None) -> dict[str, Any]:
        """The response of ``POST /v1/search``."""
        body: dict[str, Any] = {"query": query, "pipeline": pipeline, "limit": limit}
        if source is not None:
            body["filters"] = {"source": [source]}
        return self._call("POST", "/v1/search", json=body)

    def documents(self) -> int:
        """How many documents the service has, in whatever state."""
        return sum(self._call("GET", "/v1/status")["documents"].values())

    def remove(self, source: str) -> None:
        """Delete a source and all that came from it."""
        self._call("DELETE", f"/v1/sources/{source}")

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ApiError(f"{method} {self._http.base_url}{path}: {type(error).__name__}: {error}") from error
        if response.is_error:
            raise ApiError(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
        return dict(response.json()) if response.content and response.text != "null" else {}
