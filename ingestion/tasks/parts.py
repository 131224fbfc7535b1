"""What a worker process works with: the one place where it is wired. Each part is built once, when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from core.settings import Settings
from ingestion.blobs import BlobStore, open_blobs
from ingestion.broker import TaskQueue
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import Source
from ingestion.connectors.port import Connector
from ingestion.partitioning.port import Partitioner
from ingestion.source_keys import SourceKeys, read_keys
from ingestion.source_secrets import SourceSecrets
from ingestion.tasks.ownership import Owners
from ingestion.tasks.trials import Trials
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.port import Embedder
from retrieval.index.every_generation import EveryGeneration
from retrieval.index.port import SearchIndex


def _connector(kind: str, config: Mapping[str, Any], settings: Settings, source_id: str) -> Connector:
    from ingestion.connectors.registry import open_connector  # noqa: PLC0415 - see Makers

    return open_connector(kind, config, settings, source_id)


def _partitioner(settings: Settings) -> Partitioner:
    from ingestion.partitioning.build import build_partitioner  # noqa: PLC0415 - see Makers

    return build_partitioner(settings)


def _embedder(settings: Settings) -> Embedder:
    from retrieval.embedding.build import build_embedder  # noqa: PLC0415 - see Makers

    return build_embedder(settings)


def _embedders(settings: Settings, default: Embedder) -> Embedders:
    from retrieval.embedding.build import build_embedders  # noqa: PLC0415 - see Makers

    return build_embedders(settings, default)


def _index(settings: Settings) -> SearchIndex:
    from retrieval.index.build import build_index  # noqa: PLC0415 - see Makers

    return build_index(settings)


def _parser_version(settings: Settings) -> str:
    from ingestion.partitioning.version import parser_version  # noqa: PLC0415 - see Makers

    return parser_version(settings.parsing)


@dataclass(frozen=True, slots=True)
class Makers:
    """How each part is made. Their modules load when a part is made: a worker for one queue needs few of them."""

    catalog: Callable[[Settings], Catalog] = open_catalog
    blobs: Callable[[Settings], BlobStore] = open_blobs
    index: Callable[[Settings], SearchIndex] = _index
    embedder: Callable[[Settings], Embedder] = _embedder
    embedders: Callable[[Settings, Embedder], Embedders] = _embedders
    partitioner: Callable[[Settings], Partitioner] = _partitioner
    parser_version: Callable[[Settings], str] = _parser_version
    connector: Callable[[str, Mapping[str, Any], Settings, str], Connector] = _connector


class Parts:
    """The parts of this process, shared by its threads. A part that can't be built now is tried again next time."""

    def __init__(self, settings: Settings, tasks: TaskQueue, makers: Makers | None = None) -> None:
        self.settings = settings
        self.tasks = tasks
        self.owners = Owners()
        self.trials = Trials()
        self._makers = makers or Makers()
        self._lock = threading.RLock()
        self._built: dict[str, Any] = {}

    @property
    def catalog(self) -> Catalog:
        """The ledger."""
        return cast(Catalog, self._get("catalog", lambda: self._makers.catalog(self.settings)))

    @property
    def blobs(self) -> BlobStore:
        """Originals and parsed documents."""
        return cast(BlobStore, self._get("blobs", lambda: self._makers.blobs(self.settings)))

    @property
    def embedder(self) -> Embedder:
        """The model."""
        return cast(Embedder, self._get("embedder", lambda: self._makers.embedder(self.settings)))

    @property
    def embedders(self) -> Embedders:
        """The models of all generations of the index."""
        return cast(Embedders, self._get("embedders", lambda: self._makers.embedders(self.settings, self.embedder)))

    @property
    def partitioner(self) -> Partitioner:
        """The reader of documents."""
        return cast(Partitioner, self._get("partitioner", lambda: self._makers.partitioner(self.settings)))

    def parser(self) -> int:
        """The number of what reads documents here: another one when a package, a program or a limit changes.

        Looked at each time: programs are installed while a worker runs.
        """
        return self.catalog.parsers.number(self._makers.parser_version(self.settings))

    @property
    def index(self) -> SearchIndex:
        """The index, with a live generation; writes go to every generation there is."""
        return cast(SearchIndex, self._get("index", self._with_live_generation))

    @property
    def index_as_it_is(self) -> SearchIndex:
        """The index for what needs no model: permissions, deletions, comparing. It may have no generation yet."""
        return cast(SearchIndex, self._get("index as it is", self._make_index))

    def connector(self, source: Source) -> Connector:
        """A connector to a source, as it is configured now; the caller closes it."""
        config = self.secrets.open(source.config, source.id)
        return self._makers.connector(source.kind, config, self.settings, source.id)

    @property
    def secrets(self) -> SourceSecrets:
        """What opens the secrets of sources."""
        return SourceSecrets(lambda: cast(SourceKeys, self._get("source keys", lambda: read_keys(self.settings))))

    def close(self) -> None:
        """Close everything that was built."""
        with self._lock:
            for name in ("partitioner", "index as it is", "catalog"):
                if name in self._built:
                    self._built.pop(name).close()
            self._built.clear()

    def _make_index(self) -> SearchIndex:
        return EveryGeneration(self._makers.index(self.settings), lambda: self.embedders)

    def _with_live_generation(self) -> SearchIndex:
        index = self.index_as_it_is
        self.embedders.ensure(index)
        return index

    def _get(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._built:
            with self._lock:
                if name not in self._built:
                    self._built[name] = make()
        return self._built[name]
