"""The client for event loops, asyncio's and trio's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import anyio

from api.client.wire import ANSWERS, RESUME_S, Asking, Event, Searching, Service, Streaming, parsed
from api.schemas.answers import AnswerBody, EventBody
from api.schemas.documents import DocumentBody, TextBody
from api.schemas.search import SearchBody
from core.errors import Unavailable

if TYPE_CHECKING:
    import httpx


class AsyncFootnote:
    """:class:`api.client.blocking.Footnote` for event loops: the same arguments and methods, awaited."""

    def __init__(
        self, url: str, key: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None, **options: Any
    ) -> None:
        import httpx  # noqa: PLC0415 - a sixth of a second that --help can do without

        self._service = Service(url=url, key=key, **options)
        with self._service.sentences():
            self._http = httpx.AsyncClient(**self._service.options(), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def ask(self, question: str, **asking: Unpack[Asking]) -> AnswerBody:
        """The whole answer, with its citations."""
        return parsed(AnswerBody, await self._call("POST", ANSWERS, {"question": question, **asking}, repeatable=True))

    async def stream(self, question: str, **asking: Unpack[Asking]) -> AsyncGenerator[EventBody]:
        """The answer's events as they come; the last is a ``DoneBody``. Closing it stops the answer in a while."""
        async with aclosing(self.events({"question": question, **asking})) as events:
            async for event in events:
                if (typed := event.typed()) is not None:
                    yield typed

    async def search(self, query: str, **searching: Unpack[Searching]) -> SearchBody:
        """The passages that fit the query best, of those that the reader may see."""
        return parsed(
            SearchBody, await self._call("POST", "/v1/search", {"query": query, **searching}, repeatable=True)
        )

    async def document(self, document_id: str) -> DocumentBody:
        """What is known of a document."""
        return parsed(DocumentBody, await self.request("GET", f"/v1/documents/{document_id}"))

    async def text(self, document_id: str) -> TextBody:
        """A document's text, with the places of its elements."""
        return parsed(TextBody, await self.request("GET", f"/v1/documents/{document_id}/text"))

    async def request(self, method: str, path: str, body: object = None, **parameters: Any) -> Any:
        """Any other call: the JSON of its answer, None for an empty one. Parameters that are None are left out."""
        return await self._call(method, path, body, repeatable=method == "GET", **parameters)

    async def events(self, body: Mapping[str, Any]) -> AsyncGenerator[Event]:
        """The events of an answer as the stream has them, ``body`` being the request's.

        A stream that breaks off is taken up where it was, without asking again.
        """
        streaming = Streaming()
        for attempt in itertools.count():
            try:
                with self._service.sentences():
                    async with self._http.stream("POST", ANSWERS, json=body, headers=streaming.headers) as response:
                        if not response.is_error:
                            async for piece in response.aiter_text():
                                for event in streaming.feed(piece):
                                    yield event
                                if streaming.ended:
                                    return
                            raise streaming.broken
                        await response.aread()
                wait = self._service.wait_s(response, attempt, repeatable=True)
            except Unavailable:
                if not streaming.resumable or attempt >= self._service.retries:
                    raise
                wait = RESUME_S
            await anyio.sleep(wait)

    async def _call(self, method: str, path: str, body: object, *, repeatable: bool, **parameters: Any) -> Any:
        given = {name: value for name, value in parameters.items() if value is not None}
        for attempt in itertools.count():
            with self._service.sentences():
                response = await self._http.request(method, path, json=body, params=given)
            if not response.is_error:
                break
            await anyio.sleep(self._service.wait_s(response, attempt, repeatable=repeatable))
        return response.json() if response.content else None
