"""One real OpenSearch node with k-NN, run from Maven's jars without Docker. For laptops and tests.

How it works: all jars on one flat class path, started through ``Launcher.java``; see ``docs/opensearch.md``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import psutil

from core.errors import Conflict, IndexUnavailable
from deploy.opensearch.artifacts import HERE, Progress, class_path, default_cache, find_java, install, vector_options
from deploy.opensearch.certificates import CA_FILE
from deploy.opensearch.security import PLUGIN_CLASS, SecuredConfig, node_settings, write_security

__all__ = ["Node", "SecuredConfig"]

_PLUGINS = (
    "org.opensearch.transport.Netty4Plugin",
    "org.opensearch.analysis.common.CommonAnalysisPlugin",
    "org.opensearch.painless.PainlessPlugin",
    "org.opensearch.index.reindex.ReindexPlugin",
    "org.opensearch.index.mapper.MapperExtrasPlugin",
    "org.opensearch.knn.plugin.KNNPlugin",
)
_JVM = (
    "-XX:+UseSerialGC",  # a small heap on few cores
    "-Dlog4j2.disable.jmx=true",
    "-Djava.locale.providers=SPI,COMPAT",
    "-Djna.nosys=true",
    "-Dopensearch.networkaddress.cache.ttl=60",
    "-Dopensearch.networkaddress.cache.negative.ttl=10",
)
_POLL_S = 0.1
_STOP_S = 20


class Node:
    """A single node whose data, logs and configuration are under ``home``.

    It runs as a process (group) of its own and outlives this object: another ``Node`` with the same ``home`` finds
    it, and can stop it.

    Args:
        home: its folder; made if it is missing.
        http_port: where it serves HTTP on the loopback interface; 0 picks a free port at every start.
        secured: switches TLS and users on.
        cache: where the jars are kept; None: under the user's cache folder.
        heap_mb: limit of the Java heap.
        settings: more lines for ``opensearch.yml``.
    """

    def __init__(
        self,
        home: Path,
        http_port: int = 9200,
        secured: SecuredConfig | None = None,
        *,
        cache: Path | None = None,
        heap_mb: int = 512,
        settings: dict[str, object] | None = None,
    ) -> None:
        self.home = home.absolute()
        self._http_port = http_port
        self._secured = secured
        self._cache = cache or default_cache()
        self._heap_mb = heap_mb
        self._settings = settings or {}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the node answers, once it runs."""
        scheme = "https" if self._secured else "http"
        return f"{scheme}://127.0.0.1:{self._state().get('http_port', self._http_port)}"

    @property
    def ca_file(self) -> Path | None:
        """The authority that signed a secured node's certificate."""
        return self.home / "config" / CA_FILE if self._secured else None

    @property
    def log_file(self) -> Path:
        """The node's own log."""
        return self.home / "logs" / "node.log"

    @property
    def running(self) -> bool:
        """Whether the process lives. It may not serve yet."""
        return self._process() is not None

    def install(self, progress: Progress = lambda _: None) -> None:
        """Fetch the jars if they are not there yet; ``progress`` is told about long parts, in words.

        Raises:
            ConfigurationError: Java or Maven is missing.
            Unavailable: the artifacts can't be fetched.
        """
        find_java()
        install(self._cache, security=self._secured is not None, progress=progress)

    def start(self, timeout_s: float = 60) -> None:
        """Start it and return when it serves; at once if it does already. Installs what is missing.

        Raises:
            ConfigurationError: Java or Maven is missing.
            Conflict: something else listens on the port.
            IndexUnavailable: it ended, or did not answer in time; the message quotes its log.
        """
        deadline = time.monotonic() + timeout_s
        if not self.running:
            self.install()
            deadline = time.monotonic() + timeout_s
            self._launch()
        self._wait(deadline, timeout_s)

    def stop(self) -> None:
        """Stop it and return when the process is gone. Does nothing if it doesn't run."""
        process = self._process()
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except psutil.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(_STOP_S)
        self._reap()
        self._state_file.unlink(missing_ok=True)

    def _reap(self) -> None:
        """Take note of our child's end, whoever brought it about."""
        if self._child is not None:
            self._child.wait(_STOP_S)
            self._child = None

    def _launch(self) -> None:
        self._reap()
        port = self._http_port or _free_port()
        if not _is_free(port):
            raise Conflict(
                f"Port {port} on 127.0.0.1 is in use, so OpenSearch can't have it. Stop what listens there, or choose "
                "another port."
            )
        config, logs = self.home / "config", self.home / "logs"
        for folder in (config, logs, self.home / "data"):
            folder.mkdir(parents=True, exist_ok=True)
        java = find_java()
        jars = ":".join(map(str, class_path(self._cache, security=self._secured is not None)))
        self._write_config(config, port)
        if self._secured:
            write_security(config, self._cache / "security", self._secured, java, jars)
        heap = (f"-Xms{min(256, self._heap_mb)}m", f"-Xmx{self._heap_mb}m")
        plugins = (*_PLUGINS, PLUGIN_CLASS) if self._secured else _PLUGINS
        launcher = str(HERE / "Launcher.java")
        with (logs / "console.log").open("wb") as console:
            child = self._child = subprocess.Popen(  # noqa: S603  # fixed arguments, no shell
                [str(java), *_JVM, *vector_options(java), *heap, "-cp", jars, launcher, str(config), *plugins],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                start_new_session=True,  # a Ctrl-C on the terminal isn't meant for it
            )
        # The start time tells the process from a later one of the same id.
        state = {"pid": child.pid, "started": psutil.Process(child.pid).create_time(), "http_port": port}
        self._state_file.write_text(json.dumps(state), encoding="utf-8")

    def _write_config(self, config: Path, port: int) -> None:
        settings: dict[str, object] = {
            "cluster.name": "footnote",
            "node.name": "footnote",
            "path.data": str(self.home / "data"),
            "path.logs": str(self.home / "logs"),
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": port,
            "transport.port": 0,  # nobody joins a single node: any free port
            # A laptop's disk is often fuller than the 85 % at which a server's node stops allocating.
            "cluster.routing.allocation.disk.threshold_enabled": False,
            # Indices are made on purpose, with their mapping; a write to a wrong name must not invent one.
            "action.auto_create_index": False,
            **(node_settings() if self._secured else {}),
            **self._settings,
        }
        # Every JSON value is YAML.
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
        (config / "opensearch.yml").write_text(text, encoding="utf-8")
        (config / "log4j2.properties").write_bytes((HERE / "log4j2.properties").read_bytes())

    def _wait(self, deadline: float, timeout_s: float) -> None:
        context = ssl.create_default_context(cafile=str(self.ca_file)) if self._secured else True
        login = (self._secured.user, self._secured.password) if self._secured else None
        with httpx.Client(base_url=self.url, verify=context, auth=login, timeout=5, trust_env=False) as client:
            while not self._serves(client):
                if not self.running:
                    self.stop()
                    raise IndexUnavailable(f"OpenSearch ended while it started. {self._last_words()}")
                if time.monotonic() > deadline:
                    self.stop()
                    raise IndexUnavailable(f"OpenSearch did not serve within {timeout_s:g} s. {self._last_words()}")
                time.sleep(_POLL_S)

    @staticmethod
    def _serves(client: httpx.Client) -> bool:
        try:
            reply = client.get("/_cluster/health", params={"wait_for_status": "yellow", "timeout": "1s"})
        except httpx.TransportError:
            return False
        return reply.status_code == httpx.codes.OK

    def _last_words(self) -> str:
        console = self.home / "logs" / "console.log"
        for log in (console, self.log_file):
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            faults = [line for line in text.splitlines() if "rror" in line or "xception" in line or "ERROR" in line]
            if faults:
                return f"It said: {faults[-1][:500]} (all of it: {log})"
        return f"Its log: {self.log_file}"

    @property
    def _state_file(self) -> Path:
        return self.home / "node.json"

    def _state(self) -> dict[str, float | int]:
        try:
            state: dict[str, float | int] = json.loads(self._state_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return state

    def _process(self) -> psutil.Process | None:
        state = self._state()
        try:
            process = psutil.Process(int(state["pid"]))
            same = abs(process.create_time() - state["started"]) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (KeyError, psutil.NoSuchProcess):
            return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the node will bind it: a connection of its predecessor in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
