"""Chat completions, models and embeddings in OpenAI's shape, as far as Footnote has a meaning for it.

https://platform.openai.com/docs/api-reference/chat. Fields that are not here are taken and ignored: clients send many.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.answers import DoneBody
from api.schemas.base import Many, ResponseBody
from api.schemas.search import Filters

MAX_MESSAGES = 2000
MAX_INPUTS = 256


class OpenAiRequest(BaseModel):
    """What an OpenAI client sends: a value of another type is refused, a field that isn't known is ignored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, strict=True)


class TextPart(OpenAiRequest):
    """A part of a message; only text is read."""

    type: Literal["text"]
    text: str


class ChatMessage(OpenAiRequest):
    """A turn. Those of ``system`` and ``developer`` are ignored: what the model is told is Footnote's."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Many[TextPart] | None = None

    @property
    def text(self) -> str:
        """Its text, parts joined."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content)


class StreamOptions(OpenAiRequest):
    """``include_usage``: a last chunk has the tokens."""

    include_usage: bool = False


class ChatRequest(OpenAiRequest):
    """A conversation whose last turn of ``user`` is the question.

    ``filters`` and ``pipeline`` are Footnote's own, as in ``/v1/answers``.
    """

    model: str
    messages: Annotated[Many[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    filters: Filters | None = None
    pipeline: str | None = None


class UrlCitation(ResponseBody):
    """A source of ``content[start_index:end_index]``, counted in characters; ``quote`` are its own words."""

    start_index: int
    end_index: int
    title: str
    url: str
    document_id: str
    page: int | None
    quote: str | None


class Annotation(ResponseBody):
    """A citation."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class AssistantMessage(ResponseBody):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


OpenAiEnd = Literal["stop", "length", "content_filter"]


class Choice(ResponseBody):
    """The one answer."""

    index: Literal[0] = 0
    message: AssistantMessage
    logprobs: None = None
    finish_reason: OpenAiEnd


class ChatUsage(ResponseBody):
    """The model's tokens; 0 where no model wrote, or it didn't say."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(ResponseBody):
    """An answer; ``footnote`` says how it ended, as ``/v1/answers`` does."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage
    footnote: DoneBody


class ChatDelta(ResponseBody):
    """What a chunk adds."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] | None = None


class ChunkChoice(ResponseBody):
    """The one answer's next piece."""

    index: Literal[0] = 0
    delta: ChatDelta
    finish_reason: OpenAiEnd | None = None


class ChatChunk(ResponseBody):
    """A piece of the stream; ``footnote`` comes with the last piece of the answer."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: ChatUsage | None = None
    footnote: DoneBody | None = None


class ModelBody(ResponseBody):
    """A name that may be asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "footnote"


class ModelsBody(ResponseBody):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelBody]


class EmbeddingsRequest(OpenAiRequest):
    """Texts to embed. ``input_type`` is Footnote's own: questions and passages may be embedded differently."""

    model: str
    input: str | Annotated[Many[str], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    input_type: Literal["passage", "query"] = "passage"


class EmbeddingBody(ResponseBody):
    """One text's vector, of length 1: numbers, or 32-bit floats, the least byte first, as base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(ResponseBody):
    """The embedder's tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsBody(ResponseBody):
    """The vectors, in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[EmbeddingBody]
    model: str
    usage: EmbeddingsUsage
