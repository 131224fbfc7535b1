"""The MCP server: tools and resources, each of them calls of Footnote's own routes as whoever asks.

So permissions, limits and the audit trail are those of the routes; nothing here reads a document by itself.
Names and shapes of ``search`` and ``fetch`` are those that ChatGPT's connectors look for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from api.client import AsyncFootnote
from core.errors import FootnoteError
from core.filters import REQUEST_DATES, REQUEST_TERMS

INSTRUCTIONS = (
    "Footnote searches a company's own documents, and answers questions from them with citations. Whoever asks finds "
    "what they may read and nothing else. Use `ask` for an answer with its sources, `search` and `fetch` to read the "
    "documents yourself. Cite the title and url of what you use."
)
MOST_CHARACTERS = 50_000
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)

ClientOf = Callable[[Context[Any, Any]], AbstractAsyncContextManager[AsyncFootnote]]
"""Gives the client that speaks for whoever sent a request."""

Filters = Annotated[
    dict[str, Any] | None,
    Field(
        description=f"What to look in: lists of values of {', '.join(REQUEST_TERMS)}; for {', '.join(REQUEST_DATES)} "
        'a span as {"from": "2026-01-01", "to": "2026-12-31"}.'
    ),
]


class Shape(BaseModel):
    """A result; also made of the service's own objects."""

    model_config = ConfigDict(from_attributes=True)


class FoundPassage(Shape):
    """A passage; ``fetch`` takes its id, for the passage, and its document's id, for the whole text."""

    id: str
    document_id: str
    title: str
    url: str
    text: str
    page: int | None
    heading_path: tuple[str, ...]


class SearchResult(Shape):
    """Passages, the best first."""

    results: list[FoundPassage]
    notices: tuple[str, ...]
    degraded: tuple[str, ...]


class FetchResult(Shape):
    """A text; ``next_offset`` is where it goes on, null at its end."""

    id: str
    title: str
    url: str
    text: str
    next_offset: int | None
    metadata: dict[str, Any]


class CitedSource(Shape):
    """A source is cited for ``answer[answer_start:answer_end]``; ``quote`` are its own words."""

    number: int
    title: str
    url: str
    document_id: str
    page: int | None
    quote: str | None
    answer_start: int
    answer_end: int


class AskResult(Shape):
    """An answer. Where the documents have none, ``abstained`` says why and ``answer`` is empty."""

    answer: str
    citations: list[CitedSource]
    abstained: str | None
    notices: tuple[str, ...]
    degraded: tuple[str, ...]


class SourceName(Shape):
    """Where documents come from; its id is a value of the filter ``source``."""

    source_id: str
    name: str
    kind: str


class SourcesResult(Shape):
    """The sources of what the reader may read."""

    sources: list[SourceName]


def build_server(client_of: ClientOf, version: str) -> MCPServer[Any]:
    """The server, for one transport.

    Args:
        client_of: gives the client to call Footnote with, as whoever sent the request.
        version: Footnote's own.
    """
    server: MCPServer[Any] = MCPServer(
        "footnote", "Footnote", instructions=INSTRUCTIONS, version=version, log_level="WARNING"
    )
    tools = _Tools(client_of)
    server.add_tool(tools.search, title="Search the documents", annotations=_READS)
    server.add_tool(tools.fetch, title="Read a document or passage", annotations=_READS)
    server.add_tool(tools.ask, title="Ask the documents", annotations=_READS)
    server.add_tool(tools.list_sources, title="List the sources", annotations=_READS)
    document = server.resource("footnote://documents/{document_id}", title="A document's text", mime_type="text/plain")
    document(tools.document)
    return server


class _Tools:
    """The tools. Their docstrings are what assistants read."""

    def __init__(self, client_of: ClientOf) -> None:
        self._client_of = client_of

    async def search(
        self,
        query: str,
        context: Context[Any, Any],
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
        filters: Filters = None,
    ) -> SearchResult:
        """Find passages in the company's documents, by words and by meaning, the best first."""
        async with self._footnote(context) as footnote:
            found = await footnote.search(query, limit=limit, filters=filters)
        passages = [
            FoundPassage(
                id=f"{hit.document_id}/{hit.ordinal}",
                document_id=hit.document_id,
                title=hit.title,
                url=hit.uri,
                text=hit.text,
                page=hit.page,
                heading_path=hit.heading_path,
            )
            for hit in found.hits
        ]
        return SearchResult(results=passages, notices=found.notices, degraded=found.degraded)

    async def fetch(self, id: str, context: Context[Any, Any], offset: Annotated[int, Field(ge=0)] = 0) -> FetchResult:
        """Read a document, or one passage of it, by an id from `search` or `ask`. Long texts come in parts."""
        document_id, _, ordinal = id.partition("/")
        async with self._footnote(context) as footnote:
            document = await footnote.document(document_id)
            if ordinal:
                text = (await footnote.request("GET", f"/v1/documents/{document_id}/chunks/{ordinal}"))["text"]
            else:
                text = (await footnote.text(document_id)).text
        end = offset + MOST_CHARACTERS
        return FetchResult(
            id=id,
            title=document.title,
            url=document.uri,
            text=text[offset:end],
            next_offset=end if end < len(text) else None,
            metadata=document.metadata.model_dump(mode="json", exclude_none=True),
        )

    async def ask(self, question: str, context: Context[Any, Any], filters: Filters = None) -> AskResult:
        """Answer a question from the company's documents, every claim with its source."""
        async with self._footnote(context) as footnote:
            answer = await footnote.ask(question, filters=filters, keep=False)
        sources = {source.number: source for source in answer.sources}
        citations = [
            CitedSource(
                number=one.number,
                title=sources[one.number].title,
                url=sources[one.number].uri,
                document_id=one.document_id,
                page=one.page,
                quote=one.quote,
                answer_start=one.answer_start,
                answer_end=one.answer_end,
            )
            for one in answer.citations
        ]
        return AskResult(
            answer=answer.answer,
            citations=citations,
            abstained=answer.abstained.reason if answer.abstained else None,
            notices=answer.done.notices,
            degraded=answer.done.degraded,
        )

    async def list_sources(self, context: Context[Any, Any]) -> SourcesResult:
        """Say which sources the documents come from that you may read; `filters` takes their ids as `source`."""
        async with self._footnote(context) as footnote:
            return SourcesResult.model_validate(await footnote.request("GET", "/v1/me/sources"))

    async def document(self, document_id: str, context: Context[Any, Any]) -> str:
        """The whole text of a document."""
        try:
            async with self._client_of(context) as footnote:
                return (await footnote.text(document_id)).text
        except FootnoteError as error:
            raise ResourceError(error.message) from None

    def _footnote(self, context: Context[Any, Any]) -> AbstractAsyncContextManager[AsyncFootnote]:
        return _Told(self._client_of(context))


class _Told(AbstractAsyncContextManager[AsyncFootnote]):
    """A client whose refusals the assistant is told, in Footnote's own words."""

    def __init__(self, client: AbstractAsyncContextManager[AsyncFootnote]) -> None:
        self._client = client

    async def __aenter__(self) -> AsyncFootnote:
        return await self._client.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: Any) -> None:
        await self._client.__aexit__(kind, error, at)
        if isinstance(error, FootnoteError):
            raise ToolError(error.message) from None


def forwarded(headers: Mapping[str, str], *names: str) -> list[tuple[bytes, bytes]]:
    """Those of the headers, to be sent on as they came."""
    return [(name.encode(), headers[name].encode("latin-1")) for name in names if name in headers]
