"""Everything that the API process is made of, wired in one place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.audit_log import AuditLog
from api.auth.keys import KeyStore
from api.canary.canary import Canary
from api.canary.candidate import candidate_of, check_candidate
from api.canary.shadow import Shadow
from api.limits.limits import Limits
from api.live.answers import LiveAnswers
from api.place_locator import PlaceLocator
from api.usage import UsageLog
from core.clock import SystemClock
from core.errors import BrokerUnavailable, FootnoteError
from core.lanes import Lanes
from core.lazy import Lazy
from core.settings import Settings

if TYPE_CHECKING:
    from api.auth.identities import Identities
    from core.epoch import Epoch
    from generation.answerer import Answerer
    from ingestion.blobs import BlobStore
    from ingestion.catalog.catalog import Catalog
    from ingestion.page_images.renderer import PageRenderer
    from ingestion.service import Ingestion
    from retrieval.embedding.port import Embedder
    from retrieval.index.port import SearchIndex
    from retrieval.retriever import Retriever

BROKER_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of the service. Each is built on first use; see :class:`core.lazy.Lazy`."""

    settings: Settings
    lanes: Lanes
    limits: Limits
    audit: AuditLog
    usage: UsageLog
    index: Lazy[SearchIndex]
    embedder: Lazy[Embedder]
    retriever: Lazy[Retriever]
    answerer: Lazy[Answerer]
    canary: Canary
    candidate: Lazy[Answerer]
    """Answers the canary's share of conversations."""
    shadow: Shadow
    catalog: Lazy[Catalog]
    keys: Lazy[KeyStore]
    identities: Lazy[Identities]
    blobs: Lazy[BlobStore]
    places: PlaceLocator
    live: LiveAnswers
    page_images: Lazy[PageRenderer]
    ingestion: Lazy[Ingestion]
    ping_broker: Callable[[], None]
    """Returns when the task queue answers; raises :class:`core.errors.BrokerUnavailable` when it doesn't."""
    queue_depths: Callable[[], Mapping[str, int]]
    """How many tasks wait in each queue; raises as ``ping_broker`` does."""

    def warm_up(self) -> None:
        """Build what asking needs and load its models; blocks for as long as that takes.

        Raises:
            FootnoteError: the first part that can't be had; the others are tried all the same.
        """
        self.retriever.get().warm_up()
        self.answerer.get().warm_up()
        if self.settings.canary.tried:
            self.candidate.get().warm_up()

    def close(self) -> None:
        """Let go of connections and files of the parts that were built; the answerer's are closed by the app."""
        if self.retriever.built is not None:
            self.retriever.built.close()
        if self.ingestion.built is not None:
            self.ingestion.built.close()
        if self.identities.built is not None:
            self.identities.built.close()
        if self.page_images.built is not None:
            self.page_images.built.close()
        if self.catalog.built is not None:
            self.catalog.built.close()


def check_settings(settings: Settings) -> None:
    """Return when no setting is known to be wrong: what can be told without loading anything is told before.

    Raises:
        ConfigurationError: one is; the service would never be able to answer.
    """
    from generation.evidence_model.model import evidence_model  # noqa: PLC0415
    from generation.prompts.prompt import Prompts  # noqa: PLC0415
    from retrieval.pipeline import default_pipeline, named_pipelines  # noqa: PLC0415

    default_pipeline(settings, named_pipelines(settings, reranker=settings.reranker.model is not None))
    Prompts.of(settings.prompts)
    evidence_model(settings.evidence, "supports")
    check_candidate(settings)


def wire(settings: Settings) -> Services:
    """Wire the service. Nothing is built, connected or loaded yet."""
    from retrieval.build import for_short_texts  # noqa: PLC0415

    lanes = Lanes.of(settings)
    asking = for_short_texts(settings)
    catalog = Lazy("catalog", lambda: _catalog(settings))
    index = Lazy("search index", lambda: _index(asking, embedder))
    embedder = Lazy("embedder", lambda: _embedder(asking))
    retriever = Lazy("retriever", lambda: _retriever(asking, index, embedder))
    blobs = Lazy("document store", lambda: _blobs(settings))
    places = PlaceLocator(catalog, blobs)
    answerer = Lazy("answerer", lambda: _answerer(settings, retriever, places, lanes, catalog))
    generation, tried = settings.canary.generation, candidate_of(settings)
    searched = Lazy("candidate's search", lambda: _retriever(asking, index, embedder, generation))
    beside = searched if generation else retriever
    candidate = Lazy("candidate", lambda: _answerer(tried, beside, places, lanes, catalog)) if tried else answerer
    canary = Canary(settings, catalog.get, generations=lambda: [one.name for one in index.get().generations()])
    usage = UsageLog(settings.usage, catalog.get)
    return Services(
        settings=settings,
        lanes=lanes,
        limits=_limits(settings),
        audit=AuditLog(settings.audit, catalog.get),
        usage=usage,
        index=index,
        embedder=embedder,
        retriever=retriever,
        answerer=answerer,
        canary=canary,
        candidate=candidate,
        shadow=Shadow(settings, canary=canary, candidate=candidate, lanes=lanes, usage=usage, catalog=catalog),
        catalog=catalog,
        keys=Lazy("key store", lambda: _keys(settings, catalog)),
        identities=Lazy("sign-in", lambda: build_identities(settings, catalog.get())),
        blobs=blobs,
        places=places,
        live=_live(settings, lanes),
        page_images=Lazy("renderer of pages", lambda: _page_images(settings)),
        ingestion=Lazy("ingestion", lambda: _ingestion(settings)),
        ping_broker=lambda: _ping_broker(settings),
        queue_depths=lambda: _queue_depths(settings),
    )


def _limits(settings: Settings) -> Limits:
    if not settings.limits.any:
        return Limits(None)
    from api.limits.shared import SharedCounter  # noqa: PLC0415
    from ingestion.broker import limits_url  # noqa: PLC0415

    return Limits(SharedCounter(limits_url(settings), settings.limits.timeout_s))


# The imports are inside: they bring torch, LanceDB and Celery, and are paid for when a part is first built.


def _index(settings: Settings, embedder: Lazy[Embedder]) -> SearchIndex:
    from retrieval.embedding.build import build_embedders  # noqa: PLC0415
    from retrieval.index.build import build_index  # noqa: PLC0415

    model = embedder.get()
    index = build_index(settings)
    try:
        build_embedders(settings, model).ensure(index)
    except FootnoteError:
        index.close()  # the next try builds its own
        raise
    return index


def _embedder(settings: Settings) -> Embedder:
    from retrieval.embedding.build import build_embedder  # noqa: PLC0415

    return build_embedder(settings)


def _retriever(
    settings: Settings, index: Lazy[SearchIndex], embedder: Lazy[Embedder], generation: str | None = None
) -> Retriever:
    """``generation``: the one that it searches, whichever is live; None: the live one."""
    from retrieval.embedding.build import build_embedders  # noqa: PLC0415
    from retrieval.index.pinned import pinned  # noqa: PLC0415
    from retrieval.reranking.build import build_reranker  # noqa: PLC0415
    from retrieval.retriever import Retriever  # noqa: PLC0415

    model = embedder.get()
    found = index.get() if generation is None else pinned(index.get(), generation)
    return Retriever(found, model, build_reranker(settings), settings, build_embedders(settings, model))


def _answerer(
    settings: Settings, retriever: Lazy[Retriever], places: PlaceLocator, lanes: Lanes, catalog: Lazy[Catalog]
) -> Answerer:
    from generation.build import build_answerer, build_memory  # noqa: PLC0415
    from ingestion.broker import cache_url  # noqa: PLC0415

    memory = build_memory(settings, _CatalogsVisibility(catalog), cache_url(settings))
    return build_answerer(settings, retriever.get(), places, lanes, memory=memory)


@dataclass(frozen=True, slots=True)
class _CatalogsVisibility:
    """What the answer cache asks the catalog, which may be down while answers go on."""

    catalog: Lazy[Catalog]

    def epoch(self, terms: Collection[str]) -> Epoch:
        return self.catalog.get().visibility.epoch(terms)

    def readable(self, document_ids: Collection[str], terms: Collection[str]) -> bool:
        return self.catalog.get().visibility.readable(document_ids, terms)


def _live(settings: Settings, lanes: Lanes) -> LiveAnswers:
    from api.live.valkey import ValkeyMirror  # noqa: PLC0415
    from ingestion.broker import valkey_url  # noqa: PLC0415

    mirror = ValkeyMirror(valkey_url(settings), settings.conversations.resume_s)
    return LiveAnswers(settings.conversations, lanes.answers, mirror)


def _catalog(settings: Settings) -> Catalog:
    from ingestion.catalog.build import open_catalog  # noqa: PLC0415

    return open_catalog(settings)


def _keys(settings: Settings, catalog: Lazy[Catalog]) -> KeyStore:
    return KeyStore(catalog.get().engine, SystemClock(), settings.api.standing_keys)


def build_identities(settings: Settings, catalog: Catalog) -> Identities:
    """Who vouches for readers, over the catalog's sessions."""
    import httpx  # noqa: PLC0415

    from api.auth.identities import Identities  # noqa: PLC0415 - brings Authlib
    from api.auth.sessions import SessionStore  # noqa: PLC0415

    identity, clock = settings.identity, SystemClock()
    public_url = (identity.public_url or f"http://localhost:{settings.api.port}").rstrip("/")
    sessions = SessionStore(catalog.database, clock, identity)
    http = httpx.Client(timeout=identity.timeout_s, follow_redirects=False)
    return Identities(identity, sessions, public_url, http, clock)


def _blobs(settings: Settings) -> BlobStore:
    from ingestion.blobs import open_blobs  # noqa: PLC0415

    return open_blobs(settings)


def _page_images(settings: Settings) -> PageRenderer:
    from ingestion.page_images.renderer import PageRenderer  # noqa: PLC0415

    return PageRenderer([password.get_secret_value() for password in settings.parsing.pdf_passwords])


def _ingestion(settings: Settings) -> Ingestion:
    from ingestion.service import build_ingestion  # noqa: PLC0415

    return build_ingestion(settings)


def _ping_broker(settings: Settings) -> None:
    from kombu.connection import Connection  # noqa: PLC0415
    from kombu.exceptions import OperationalError  # noqa: PLC0415

    from ingestion.broker import broker_url  # noqa: PLC0415

    timeouts = {"socket_timeout": BROKER_TIMEOUT_S, "socket_connect_timeout": BROKER_TIMEOUT_S}
    url = broker_url(settings)
    with Connection(url, connect_timeout=BROKER_TIMEOUT_S, transport_options=timeouts) as connection:  # type: ignore[no-untyped-call]
        try:
            connection.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_S)
        except (OperationalError, OSError) as error:
            reason = f"The task queue doesn't answer ({type(error).__name__}): check broker.url, or run: footnote up."
            raise BrokerUnavailable(reason) from error


def _queue_depths(settings: Settings) -> Mapping[str, int]:
    from ingestion.broker import queue_depths  # noqa: PLC0415

    return queue_depths(settings)
