"""Settings of models: what turns text into vectors, what reorders passages, what writes, and what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from core.pipeline import Share
from core.section import Positive, Seconds, Section


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class RemoteEmbedderSettings(Section):
    """A server that embeds: used by an ``embedder.model`` that begins with ``openai:`` or ``bedrock:``."""

    url: HttpUrl | None = None
    """Of ``openai:``, up to its /embeddings; None: OpenAI's. Of ``bedrock:``, a private endpoint; None: AWS's."""
    api_key: SecretStr | None = None
    region: str | None = None
    dimensions: Positive | None = None
    """Length of a vector; has to be set."""
    shorten: bool = False
    """Ask the server for vectors of that length. For models that make shorter ones of their own."""
    window_tokens: Annotated[int, Field(ge=32)] = 500
    """How many tokens of a passage the model reads at once; longer passages get several vectors."""
    tokenizer: Path | None = None
    """The model's tokenizer.json; None: a counter that rather counts too many."""
    served_model: str | None = None
    """The name that the server's responses carry, where it isn't that of ``embedder.model``."""
    query_prompt: str = ""
    passage_prompt: str = ""
    batch_texts: Positive = 32
    """Texts of one request, at most."""
    batch_tokens: Positive = 100_000
    """Tokens of one request, at most, as this side counts them."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    """Requests on their way at a time."""
    attempts: Positive = 4
    """Tries of a request that was refused for load, or broke off."""
    connect_timeout_s: Seconds = 5
    timeout_s: Seconds = 60
    """For the response to a request of passages."""
    query_timeout_s: Seconds = 5
    """For a question's vector, further tries included."""


class EmbedderSettings(Section):
    """The model that turns text into vectors."""

    model: str = "packaged"
    """``packaged`` (all-MiniLM-L6-v2, installed with Footnote), a folder, or a name on a model hub; ``openai:NAME``
    (any server of its embeddings protocol) or ``bedrock:ID``, which ``remote`` says more of.

    Several, as ``packaged + 2*/models/bge-small``, are one: a cosine is the mean of theirs, by these weights."""
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_size: Annotated[int, Field(ge=0)] = 0
    """Full windows that go through the model together; 0: as suits the device (CPU 8, GPU 128)."""
    threads: Annotated[int, Field(ge=0)] = 0
    """CPU threads for passages; 0: as many as there are cores in a worker, one in the service. Questions take one."""
    languages: tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] = ()
    """Those that the model reads, as ``en``; readers are told where a question or a passage isn't in one. None: English
    for the packaged model, and nothing is said with another."""
    remote: RemoteEmbedderSettings = RemoteEmbedderSettings()


class RemoteRerankerSettings(Section):
    """A server that reranks: for a ``reranker.model`` that begins with ``tei:``, ``jina:``, ``cohere:``, ``bedrock:``.

    How long it may take altogether is ``reranker.deadline_ms``.
    """

    url: HttpUrl | None = None
    """Up to its /rerank. None: Jina's or Cohere's own; ``tei:`` needs one. Of ``bedrock:``, a private endpoint."""
    api_key: SecretStr | None = None
    region: str | None = None
    batch_texts: Positive = 32
    """Passages of one request to ``tei:``, which takes so many by default; the others take all at once."""


class RerankerSettings(Section):
    """The model that reads the best candidates with the question, and reorders them."""

    model: str | None = None
    """A cross-encoder's folder, or its name on a model hub; or ``tei:NAME``, ``jina:NAME``, ``cohere:NAME`` or
    ``bedrock:ID``, which ``remote`` says more of. None: off, and answers say so."""
    depth: Positive = 50
    """How many of the best candidates it reads."""
    weight: Share = 0.5
    """How much its score counts against the one before it, in ``hybrid+rerank``; 1: it alone."""
    batch_size: Positive = 16
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"
    """``int8`` is for CPUs without bf16; ``auto`` is as the embedder's."""
    deadline_ms: Positive = 5000
    """After so long the order before it stands, and the answer says so."""
    remote: RemoteRerankerSettings = RemoteRerankerSettings()


class ChatSettings(Section):
    """A model that writes, and how it is reached."""

    provider: Literal["none", "openai", "azure", "bedrock"] = "none"
    """``openai`` is any server that speaks its chat-completions protocol: OpenAI, vLLM, a gateway. ``azure`` is that
    under Azure OpenAI's addresses."""
    model: str = ""
    """Of ``azure``, the deployment's name."""
    url: HttpUrl = "https://api.openai.com/v1"
    """Of ``azure``, the resource's: https://NAME.openai.azure.com."""
    api_version: str = "2024-10-21"
    """Of ``azure``."""
    api_key: SecretStr | None = None
    region: str | None = None
    max_tokens: Positive = 1024
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    seed: int | None = None
    """Of ``openai`` and ``azure``: asks for the same text for the same prompt, as far as the server can."""
    connect_timeout_s: Seconds = 5
    first_token_timeout_s: Seconds = 30
    token_timeout_s: Seconds = 15
    """Longest silence between two pieces of the stream."""
    total_timeout_s: Seconds = 120
    concurrency: Positive = 64
    """Requests on their way at a time; more wait, for as long as for a first token."""
    circuit_failures: Positive = 5
    """So many failures one after another, and the model is left alone for a while."""
    circuit_open_s: Seconds = 30
    """How long; then one request tries it again."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.provider != "none" and not self.model:
            raise ValueError("llm.model must name the model that llm.provider serves")
        if self.provider == "azure" and "url" not in self.model_fields_set:
            raise ValueError("llm.url must be the Azure resource's, as https://NAME.openai.azure.com")
        return self


class LlmSettings(ChatSettings):
    """The model that writes answers. None configured: answers are sentences from the sources, word for word."""

    fallbacks: tuple[ChatSettings, ...] = ()
    """Models that are asked in turn where the one before fails before its first word."""

    @model_validator(mode="after")
    def _all_write(self) -> Self:
        for one in self.fallbacks:
            if one.provider == "none":
                raise ValueError("each of llm.fallbacks needs a provider: openai, azure or bedrock")
        if self.fallbacks and self.provider == "none":
            raise ValueError("llm.fallbacks stand in for the model of llm.provider, which is none")
        return self

    @property
    def chain(self) -> tuple[ChatSettings, ...]:
        """The models in the order in which they are asked; none without a provider."""
        return () if self.provider == "none" else (self, *self.fallbacks)


class RewriteSettings(Section):
    """What a question is made to say before it is searched for, and what is done where it says little."""

    enabled: bool = True
    """Make a follow-up stand by itself."""
    timeout_s: Seconds = 2
    """How long the model may take over it; then the earlier question's words are carried over by rule."""
    parts: bool = True
    """Search for each of several questions in one by itself."""
    spelling: bool = True
    """Mend a word that no passage has, where a passage that the reader may read has one spelt nearly as it."""
    vague: bool = True
    """Show what the best two documents say where a question is too short to be answered."""


class PromptSettings(Section):
    """Files that replace what models are told; None: Footnote's own, in generation/prompts."""

    answering: Path | None = None
    rewriting: Path | None = None
