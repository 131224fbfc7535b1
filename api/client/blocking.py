"""The client for code that waits."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from api.client.wire import ANSWERS, RESUME_S, Asking, Event, Searching, Service, Streaming, parsed
from api.schemas.answers import AnswerBody, EventBody
from api.schemas.documents import DocumentBody, TextBody
from api.schemas.search import SearchBody
from core.errors import Unavailable

if TYPE_CHECKING:
    import httpx


class Footnote:
    """Talks to one Footnote; use it in one thread at a time.

    Every method raises :class:`core.errors.Unavailable` when nothing answers, and another
    :class:`core.errors.FootnoteError` when the service says no, with the service's own sentence and its ``status``.

    Args:
        url: of the service, without a path.
        key: the API key, or a token of the identity provider; None for none.
        transport: httpx's, for tests and proxies.
        options: of :class:`api.client.wire.Service`.
    """

    def __init__(
        self, url: str, key: str | None = None, *, transport: httpx.BaseTransport | None = None, **options: Any
    ) -> None:
        import httpx  # noqa: PLC0415 - a sixth of a second that --help can do without

        self._service = Service(url=url, key=key, **options)
        with self._service.sentences():
            self._http = httpx.Client(**self._service.options(), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def ask(self, question: str, **asking: Unpack[Asking]) -> AnswerBody:
        """The whole answer, with its citations."""
        return parsed(AnswerBody, self._call("POST", ANSWERS, {"question": question, **asking}, repeatable=True))

    def stream(self, question: str, **asking: Unpack[Asking]) -> Iterator[EventBody]:
        """The answer's events as they come; the last is a ``DoneBody``. Closing it stops the answer in a while."""
        for event in self.events({"question": question, **asking}):
            if (typed := event.typed()) is not None:
                yield typed

    def search(self, query: str, **searching: Unpack[Searching]) -> SearchBody:
        """The passages that fit the query best, of those that the reader may see."""
        return parsed(SearchBody, self._call("POST", "/v1/search", {"query": query, **searching}, repeatable=True))

    def document(self, document_id: str) -> DocumentBody:
        """What is known of a document."""
        return parsed(DocumentBody, self.request("GET", f"/v1/documents/{document_id}"))

    def text(self, document_id: str) -> TextBody:
        """A document's text, with the places of its elements."""
        return parsed(TextBody, self.request("GET", f"/v1/documents/{document_id}/text"))

    def request(self, method: str, path: str, body: object = None, **parameters: Any) -> Any:
        """Any other call: the JSON of its answer, None for an empty one. Parameters that are None are left out."""
        return self._call(method, path, body, repeatable=method == "GET", **parameters)

    def events(self, body: Mapping[str, Any]) -> Generator[Event]:
        """The events of an answer as the stream has them, ``body`` being the request's.

        A stream that breaks off is taken up where it was, without asking again.
        """
        streaming = Streaming()
        for attempt in itertools.count():
            try:
                with (
                    self._service.sentences(),
                    self._http.stream("POST", ANSWERS, json=body, headers=streaming.headers) as response,
                ):
                    if not response.is_error:
                        for piece in response.iter_text():
                            yield from streaming.feed(piece)
                            if streaming.ended:
                                return
                        raise streaming.broken
                    response.read()
                wait = self._service.wait_s(response, attempt, repeatable=True)
            except Unavailable:
                if not streaming.resumable or attempt >= self._service.retries:
                    raise
                wait = RESUME_S
            time.sleep(wait)

    def readiness(self) -> dict[str, Any] | None:
        """What /readyz says; None if nothing answers."""
        import httpx  # noqa: PLC0415

        try:
            response = self._http.get("/readyz", timeout=httpx.Timeout(10, connect=self._service.connect_s))
            body = response.json()
        except (httpx.HTTPError, ValueError):
            return None
        return {**body, "ready": response.is_success} if isinstance(body, dict) else None

    def _call(self, method: str, path: str, body: object, *, repeatable: bool, **parameters: Any) -> Any:
        given = {name: value for name, value in parameters.items() if value is not None}
        for attempt in itertools.count():
            with self._service.sentences():
                response = self._http.request(method, path, json=body, params=given)
            if not response.is_error:
                break
            time.sleep(self._service.wait_s(response, attempt, repeatable=repeatable))
        return response.json() if response.content else None
