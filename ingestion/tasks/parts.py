"""What a worker process works with: the one place where it is wired. Each part is built once, when first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from core.lazy import Lazy
from core.settings import Settings
from ingestion.blobs import BlobStore, open_blobs
from ingestion.broker import TaskQueue
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import Source
from ingestion.connectors.port import Connector, Inbox
from ingestion.inbox import SourceInbox
from ingestion.partitioning.port import Partitioner
from ingestion.source_keys import read_keys
from ingestion.source_secrets import SourceSecrets
from ingestion.tasks.ownership import Owners
from ingestion.tasks.trials import Trials
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.port import Embedder
from retrieval.index.every_generation import EveryGeneration
from retrieval.index.port import SearchIndex

T = TypeVar("T")


def _connector(kind: str, config: Mapping[str, Any], settings: Settings, source_id: str, inbox: Inbox) -> Connector:
    from ingestion.connectors.registry import open_connector  # noqa: PLC0415 - see Makers

    return open_connector(kind, config, settings, source_id, inbox)


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
    connector: Callable[[str, Mapping[str, Any], Settings, str, Inbox], Connector] = _connector


class Parts:
    """The parts of this process, shared by its threads. A part that can't be built now is tried again next time."""

    def __init__(self, settings: Settings, tasks: TaskQueue, makers: Makers | None = None) -> None:
        self.settings = settings
        self.tasks = tasks
        self.owners = Owners()
        self.trials = Trials()
        make = self._makers = makers or Makers()
        self._catalog = _lazy("catalog", lambda: make.catalog(settings))
        self._blobs = _lazy("document store", lambda: make.blobs(settings))
        self._embedder = _lazy("embedder", lambda: make.embedder(settings))
        self._embedders = _lazy("embedders", lambda: make.embedders(settings, self.embedder))
        self._partitioner = _lazy("partitioner", lambda: make.partitioner(settings))
        self._source_keys = _lazy("source keys", lambda: read_keys(settings))
        self._index_as_it_is = _lazy(
            "search index", lambda: EveryGeneration(make.index(settings), lambda: self.embedders)
        )
        self._index = _lazy("live search index", self._with_live_generation)

    @property
    def catalog(self) -> Catalog:
        """The ledger."""
        return self._catalog.get()

    @property
    def blobs(self) -> BlobStore:
        """Originals and parsed documents."""
        return self._blobs.get()

    @property
    def embedder(self) -> Embedder:
        """The model."""
        return self._embedder.get()

    @property
    def embedders(self) -> Embedders:
        """The models of all generations of the index."""
        return self._embedders.get()

    @property
    def partitioner(self) -> Partitioner:
        """The reader of documents."""
        return self._partitioner.get()

    def parser(self) -> int:
        """The number of what reads documents here: another one when a package, a program or a limit changes.

        Looked at each time: programs are installed while a worker runs.
        """
        return self.catalog.parsers.number(self._makers.parser_version(self.settings))

    @property
    def index(self) -> SearchIndex:
        """The index, with a live generation; writes go to every generation there is."""
        return self._index.get()

    @property
    def index_as_it_is(self) -> SearchIndex:
        """The index for what needs no model: permissions, deletions, comparing. It may have no generation yet."""
        return self._index_as_it_is.get()

    def connector(self, source: Source) -> Connector:
        """A connector to a source, as it is configured now; the caller closes it."""
        config = self.secrets.open(source.config, source.id)
        inbox = SourceInbox(self.catalog, self.blobs, source.id)
        return self._makers.connector(source.kind, config, self.settings, source.id, inbox)

    @property
    def secrets(self) -> SourceSecrets:
        """What opens the secrets of sources."""
        return SourceSecrets(self._source_keys.get)

    def close(self) -> None:
        """Close everything that was built."""
        for built in (self._partitioner.built, self._index_as_it_is.built, self._catalog.built):
            if built is not None:
                built.close()

    def _with_live_generation(self) -> SearchIndex:
        index = self.index_as_it_is
        self.embedders.ensure(index)
        return index


def _lazy(name: str, build: Callable[[], T]) -> Lazy[T]:
    """A worker's tasks wait for a part as long as it takes, and each tries anew one that failed."""
    return Lazy(name, build, wait_s=None, retry_after_s=0)
