"""What an OpenSearch node says about an index's files and its own memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from core.settings import OpenSearchSettings
from retrieval.index.opensearch.client import Client

VECTORS, GRAPH, QUANTIZED = "vectors", "vector graph", "compressed vectors"
TEXT, SOURCE, COLUMNS = "inverted index", "stored source", "columns"
OTHER = "other"
# By file extension: https://lucene.apache.org/core/9_12_0/core/org/apache/lucene/codecs/lucene912/package-summary.html
_COMPONENTS = {
    VECTORS: ("vec", "vem", "vemf"),
    GRAPH: ("vex",),
    QUANTIZED: ("veq", "vemq"),
    TEXT: ("tim", "tip", "tmd", "doc", "pos", "pay", "psm", "nvd", "nvm"),
    SOURCE: ("fdt", "fdx", "fdm"),
    COLUMNS: ("dvd", "dvm", "kdd", "kdi", "kdm"),
}
COMPONENTS = (*_COMPONENTS, OTHER)
_OF_EXTENSION = {extension: name for name, extensions in _COMPONENTS.items() for extension in extensions}
_MB = 1e6
_POLL_S = 2.0
_TIMEOUT_S = 60.0
_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the node, in MB. ``resident`` is None where it runs on another machine."""

    heap: float
    heap_max: float
    resident: float | None


class NodeStats:
    """Asks one OpenSearch of a single node."""

    def __init__(self, settings: OpenSearchSettings) -> None:
        self._client = Client(settings)
        self._local = urlsplit(settings.url).hostname in _LOCAL

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def version(self) -> str:
        """Of OpenSearch."""
        return str(self._get("/", "version.number")["version"]["number"])

    def bytes_of(self, index: str) -> dict[str, int]:
        """Bytes of an index's files by component, without replicas."""
        path = f"/{index}/_stats/segments"
        params = {"include_segment_file_sizes": "true", "filter_path": "_all.primaries.segments.file_sizes"}
        found = self._client.request("GET", path, params=params, timeout_s=_TIMEOUT_S)
        sizes = dict.fromkeys(COMPONENTS, 0)
        for extension, about in found["_all"]["primaries"]["segments"]["file_sizes"].items():
            sizes[_OF_EXTENSION.get(extension, OTHER)] += int(about["size_in_bytes"])
        return sizes

    def segments(self, index: str) -> int:
        """How many segments an index has."""
        found = self._get(f"/{index}/_stats/segments", "_all.primaries.segments.count")
        return int(found["_all"]["primaries"]["segments"]["count"])

    def memory(self) -> Memory:
        """The node's memory now."""
        (node,) = self._get("/_nodes/stats/jvm", "nodes.*.jvm.mem")["nodes"].values()
        heap = node["jvm"]["mem"]
        return Memory(heap["heap_used_in_bytes"] / _MB, heap["heap_max_in_bytes"] / _MB, self._resident_mb())

    def settle(self, index: str, goes_on: Callable[[], bool]) -> bool:
        """Return True when no merge of the index runs any more, or False when ``goes_on`` says to stop waiting."""
        while goes_on():
            merges = self._get(f"/{index}/_stats/merge", "_all.primaries.merges.current")
            if not merges["_all"]["primaries"]["merges"]["current"]:
                return True
            time.sleep(_POLL_S)
        return False

    def merge(self, index: str, segments: int, goes_on: Callable[[], bool]) -> bool:
        """Merge the index to so many segments; False when ``goes_on`` says to stop waiting: the node merges on."""
        params = {"max_num_segments": segments, "wait_for_completion": "false"}
        self._client.request("POST", f"/{index}/_forcemerge", params=params, timeout_s=_TIMEOUT_S, attempts=1)
        while goes_on():
            if self.segments(index) <= segments:
                return True
            time.sleep(_POLL_S)
        return False

    def delete(self, index: str) -> None:
        """Delete an index; it may be gone already."""
        params = {"ignore_unavailable": "true"}
        self._client.request("DELETE", f"/{index}", params=params, timeout_s=_TIMEOUT_S)

    def _resident_mb(self) -> float | None:
        if not self._local:
            return None
        (node,) = self._get("/_nodes/process", "nodes.*.process.id")["nodes"].values()
        try:
            return float(psutil.Process(int(node["process"]["id"])).memory_info().rss / _MB)
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # in a container: its numbers are others
            return None

    def _get(self, path: str, wanted: str) -> Any:
        return self._client.request("GET", path, params={"filter_path": wanted}, timeout_s=_TIMEOUT_S)
