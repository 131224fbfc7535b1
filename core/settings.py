"""All settings, typed and nested. ``footnote.example.toml`` documents every one of them.

Read once per process, at its wiring (:func:`load_settings`), and passed on by constructor: no component reads an
environment variable. Sources, strongest first: ``FOOTNOTE_`` environment variables (``__`` between levels, as in
``FOOTNOTE_INDEX__KIND``), then ``footnote.toml`` (or the file that ``FOOTNOTE_CONFIG`` names), then the defaults here.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, model_validator

from core.audit_settings import AuditSettings
from core.cache_settings import CacheSettings
from core.canary_settings import CanarySettings
from core.conversation_settings import ConversationSettings
from core.guard_settings import GuardSettings
from core.identity_settings import IdentitySettings
from core.ingestion_settings import ChunkingSettings, ParsingSettings, SourcesSettings, SyncSettings, UploadSettings
from core.judging_settings import JudgingSettings
from core.limit_settings import LimitSettings
from core.model_settings import EmbedderSettings, LlmSettings, PromptSettings, RerankerSettings, RewriteSettings
from core.opensearch_settings import AwsSettings, OpenSearchSettings
from core.pipeline import PipelineConfig
from core.review_settings import ReviewSettings
from core.section import Positive, Seconds, Section
from core.usage_settings import UsageSettings
from core.verification_settings import EvidenceSettings, VerificationSettings

__all__ = [
    "ApiSettings",
    "AuditSettings",
    "AwsSettings",
    "BlobSettings",
    "BrokerSettings",
    "CacheSettings",
    "CanarySettings",
    "CatalogSettings",
    "ChunkingSettings",
    "ConversationSettings",
    "EmbedderSettings",
    "GuardSettings",
    "IdentitySettings",
    "IndexSettings",
    "JudgingSettings",
    "LimitSettings",
    "LlmSettings",
    "OpenSearchSettings",
    "ParsingSettings",
    "PromptSettings",
    "RerankerSettings",
    "RetrievalSettings",
    "RewriteSettings",
    "Section",
    "Settings",
    "SourcesSettings",
    "SyncSettings",
    "TelemetrySettings",
    "UploadSettings",
    "UsageSettings",
    "VerificationSettings",
    "production_faults",
]


class CatalogSettings(Section):
    """Where sources, documents, runs, failures and API keys are kept."""

    url: SecretStr | None = None
    """SQLAlchemy URL, as postgresql+psycopg://user:password@host/db; None: SQLite in the data directory."""


class BrokerSettings(Section):
    """The Celery broker."""

    url: SecretStr | None = None
    """redis:// or rediss:// URL (Redis or Valkey); None: the embedded Valkey."""
    visibility_timeout_s: Positive = 3600
    """After how long an unacknowledged task is given to another worker; longer than the longest task."""


class BlobSettings(Section):
    """Where originals and extracted texts are kept."""

    url: str | None = None
    """s3://bucket/prefix, or another fsspec URL; None: the data directory."""
    s3_endpoint: str | None = None
    """URL of an S3-compatible server; None: AWS."""


class IndexSettings(Section):
    """Where chunks are searched."""

    kind: Literal["embedded", "opensearch"] = "embedded"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")] = "footnote"
    opensearch: OpenSearchSettings = OpenSearchSettings()


class RetrievalSettings(Section):
    """How passages are found for a question."""

    depth: Positive = 100
    """Candidates of each leg."""
    rrf_k: Positive = 60
    lexical_weight: Annotated[float, Field(ge=0)] = 1.0
    vector_weight: Annotated[float, Field(ge=0)] = 1.0
    pipeline: str | None = None
    """The pipeline of a search that names none; None: hybrid+rerank where a reranker is set, else
    convex+late+neighbours."""
    pipelines: tuple[PipelineConfig, ...] = ()
    """Pipelines beside the built-in ones."""
    context_chunks: Annotated[int, Field(ge=1, le=50)] = 8
    """At most so many passages are given to the answer."""
    context_tokens: Positive = 6000


def _networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        ipaddress.ip_network(network, strict=False)  # its error says which, and why
    return networks


class ApiSettings(Section):
    """The HTTP service."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8321
    anonymous: bool = True
    """Serve readers without a key what is public. Development only."""
    admin_key: SecretStr | None = None
    """A first administrator's key, for automation; better: ``footnote keys create``."""
    monitoring_key: SecretStr | None = None
    """Opens /metrics and the details of /readyz, and nothing else; also while the catalog is down."""
    max_question_chars: Positive = 8000
    max_body_bytes: Positive = 1_000_000
    heartbeat_s: Seconds = 15
    allowed_hosts: tuple[str, ...] = ()
    """Names that the service is reached by, without a port; ``*.example.com`` is all names below, ``*`` any name.

    None: localhost, 127.0.0.1, [::1], and ``host`` unless that means every address."""
    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = ()
    """Addresses and networks of proxies in front, whose X-Forwarded-For is believed."""
    allowed_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/*]+$")], ...] = ()
    """Other web pages that may ask from a browser, as https://intranet.example.com: those with the widget."""
    searches: Annotated[int, Field(ge=0)] = 0
    """Searches at a time, those of answers among them; 0: as many as there are cores, and at least 2."""
    streams: Annotated[int, Field(ge=0)] = 0
    """Answers under way at a time; 0: 64 with a language model, 16 without."""
    queue_s: Seconds = 10
    """How long a request waits for its turn before it is refused with 503."""
    read_timeout_s: Seconds = 20
    """How long a client may take to send a request's head, and its body, and may stop reading its response."""
    max_connections: Positive = 500
    """Open connections, and requests at work, at a time."""

    @property
    def standing_keys(self) -> list[str]:
        """The administrators' keys that the configuration names."""
        return [self.admin_key.get_secret_value()] if self.admin_key and self.admin_key.get_secret_value() else []


class TelemetrySettings(Section):
    """Logs, traces and metrics."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    """``auto``: JSON unless the output is a terminal."""
    content: bool = False
    """Put questions and passages into logs and traces. Leave it off where documents are confidential."""
    otlp_endpoint: str | None = None
    """OTLP/HTTP endpoint for traces; needs the ``otlp`` extra."""
    worker_metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Where a worker process serves its Prometheus metrics; None: nowhere. The API serves its own at /metrics,
    for administrators and ``api.monitoring_key``."""
    worker_metrics_host: str = "127.0.0.1"


class Settings(Section):
    """Every setting of Footnote."""

    environment: Literal["development", "production"] = "development"
    data_dir: Path = Path(".footnote")
    catalog: CatalogSettings = CatalogSettings()
    broker: BrokerSettings = BrokerSettings()
    blobs: BlobSettings = BlobSettings()
    index: IndexSettings = IndexSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    reranker: RerankerSettings = RerankerSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    parsing: ParsingSettings = ParsingSettings()
    uploads: UploadSettings = UploadSettings()
    sources: SourcesSettings = SourcesSettings()
    sync: SyncSettings = SyncSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    llm: LlmSettings = LlmSettings()
    rewrite: RewriteSettings = RewriteSettings()
    verification: VerificationSettings = VerificationSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    guard: GuardSettings = GuardSettings()
    prompts: PromptSettings = PromptSettings()
    cache: CacheSettings = CacheSettings()
    canary: CanarySettings = CanarySettings()
    conversations: ConversationSettings = ConversationSettings()
    review: ReviewSettings = ReviewSettings()
    judging: JudgingSettings = JudgingSettings()
    api: ApiSettings = ApiSettings()
    identity: IdentitySettings = IdentitySettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
    usage: UsageSettings = UsageSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file that they were read from; None where there was none. It may hold secrets."""
        return self._file

    def read_from(self, file: Path) -> Self:
        """Note which file these settings were read from."""
        self._file = file.absolute()
        return self

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.environment == "production":
            faults = production_faults(self)
            if faults:
                raise ValueError("environment = 'production' refuses this: " + "; ".join(faults))
        return self


DEFAULT_SECRETS = frozenset({"admin", "changeme", "change-me", "footnote", "password", "secret"})


def production_faults(settings: Settings) -> list[str]:
    """What stands against running these settings in production, a sentence each."""
    roots = settings.sources.allowed_roots
    conditions = {
        "api.anonymous must be false": settings.api.anonymous,
        'api.allowed_hosts must list the names that readers use (["*"] where a proxy checks them)': (
            not settings.api.allowed_hosts
        ),
        "identity.public_url must begin with https://": (
            settings.identity.of_page is not None and not (settings.identity.public_url or "").startswith("https://")
        ),
        "catalog.url must name a PostgreSQL database": settings.catalog.url is None,
        "broker.url must name a Redis or Valkey server": settings.broker.url is None,
        "index.kind must be 'opensearch'": settings.index.kind == "embedded",
        "blobs.url must name a store that every process reaches, such as s3://bucket": settings.blobs.url is None,
        "sources.allowed_roots must name the folders that sources may read": not roots,
        "sources.allowed_roots must not name the root of the file system": any(
            root == Path(root.anchor) for root in roots
        ),
        "sources.secret_key, or secret_key_file, must be set": (
            settings.sources.secret_key is None and settings.sources.secret_key_file is None
        ),
        "sync.default_acl must say who may read documents that nothing is said of, such as [] for nobody": (
            settings.sync.default_acl is None
        ),
    }
    faults = [fault for fault, found in conditions.items() if found]
    secrets = _secrets_of(settings)
    for key, secret in secrets.items():
        if secret is not None and secret.get_secret_value().casefold() in DEFAULT_SECRETS:
            faults.append(f"{key} is a well-known default")
    for key in ("api.admin_key", "api.monitoring_key"):
        given = secrets[key]
        if given is not None and len(given.get_secret_value()) < 24:
            faults.append(f"{key} must have at least 24 characters")
    return faults


def _secrets_of(settings: Settings) -> dict[str, SecretStr | None]:
    """Secrets that somebody chose or was given, by the setting's name."""
    return {
        "api.admin_key": settings.api.admin_key,
        "api.monitoring_key": settings.api.monitoring_key,
        "index.opensearch.password": settings.index.opensearch.password,
        "llm.api_key": settings.llm.api_key,
        "guard.safety.api_key": settings.guard.safety.api_key,
        **{f"llm.fallbacks.{at}.api_key": one.api_key for at, one in enumerate(settings.llm.fallbacks)},
        **{f"judging.judges.{at}.api_key": one.api_key for at, one in enumerate(settings.judging.judges)},
        "embedder.remote.api_key": settings.embedder.remote.api_key,
        "reranker.remote.api_key": settings.reranker.remote.api_key,
        **{f"identity.issuers.{at}": one.client_secret for at, one in enumerate(settings.identity.issuers)},
    }
