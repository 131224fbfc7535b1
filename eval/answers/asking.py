"""Who is asked: answers of this process, or of a service that runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import httpx

from core.chunk import Chunk
from core.errors import FootnoteError, NotAuthenticated, Unavailable
from core.filters import Filter, parse_filters
from core.principal import Principal
from eval.answers.configurations import Configuration
from eval.answers.hearing import Hearing
from eval.answers.questions import EvalQuestion
from eval.answers.rows import Row
from generation.answerer import Answerer
from generation.build import build_answerer
from generation.models.port import Message
from generation.question import Question
from generation.steps.retrieve import PassageSearch
from retrieval.embedding.port import Embedder
from retrieval.hit import SearchResponse

_CONNECT_S, _SILENCE_S = 5.0, 120.0
_TRIES, _LONGEST_WAIT_S = 4, 30.0
_BUSY = frozenset({429, 503})
_NOT_ALLOWED = frozenset({401, 403})


class Asker(Protocol):
    """Answers one question at a time, or several."""

    async def ask(self, asked: EvalQuestion) -> Row:
        """The row of the answer, or of its failure.

        Raises:
            FootnoteError: no further question can be answered: the service is gone, or lets nobody in.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class InProcess:
    """Answers with the settings of a configuration, over an index of this machine or network."""

    def __init__(
        self, config: Configuration, retriever: PassageSearch, principal: Callable[[EvalQuestion], Principal]
    ) -> None:
        """``principal`` tells a question's reader with the groups that sources have them in."""
        self._config = config
        self._principal = principal
        self._seen = _Seen(retriever)
        self._answerer: Answerer = build_answerer(config.settings, self._seen)

    async def ask(self, asked: EvalQuestion) -> Row:
        """See :class:`Asker`."""
        hearing = Hearing(asked.id, self._config.name, self._config.prices)
        try:
            question = Question(
                text=asked.question,
                principal=self._principal(asked),
                answer_id="eval",
                conversation_id="eval",
                filters=parse_filters(asked.filters),
                history=[Message(turn["role"], turn["content"]) for turn in history(asked)],  # type: ignore[arg-type]
                pipeline=self._config.pipeline,
            )
            async with aclosing(self._answerer.answer(question)) as events:
                async for event in events:
                    hearing.take_event(event)
        except FootnoteError as error:
            return hearing.failed(error.message)
        return hearing.row(self._seen.texts, hearing.elapsed_ms())

    async def close(self) -> None:
        """See :class:`Asker`."""
        await self._answerer.close()


class _Seen:
    """A search that remembers the texts of the passages that it has found."""

    def __init__(self, search: PassageSearch) -> None:
        self._search = search
        self.texts: dict[tuple[str, int], str] = {}

    @property
    def embedder(self) -> Embedder:
        return self._search.embedder

    @property
    def generation(self) -> str:
        return self._search.generation

    def check(self, query: str, pipeline: str | None = None) -> None:
        self._search.check(query, pipeline)

    def search(
        self,
        query: str,
        principal: Principal,
        *,
        filters: Filter | None = None,
        limit: int = 10,
        offset: int = 0,
        pipeline: str | None = None,
    ) -> SearchResponse:
        found = self._search.search(
            query, principal, filters=filters, limit=limit, offset=offset, pipeline=pipeline
        )  # fmt: skip
        self.texts.update(((hit.chunk.document_id, hit.chunk.ordinal), hit.chunk.text) for hit in found.hits)
        return found

    def spelt_nearly(self, word: str, principal: Principal, filters: Filter | None, limit: int) -> Sequence[Chunk]:
        return self._search.spelt_nearly(word, principal, filters, limit)


class OverHttp:
    """Asks a service as its readers do: streamed, each question in its reader's name.

    Args:
        transport: instead of the network, for tests.
    """

    def __init__(self, config: Configuration, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._config = config
        headers = {"Authorization": f"Bearer {config.key}"} if config.key else {}
        self._http = httpx.AsyncClient(
            base_url=config.url,
            headers=headers,
            timeout=httpx.Timeout(_SILENCE_S, connect=_CONNECT_S),
            transport=transport,
            trust_env=False,
        )
        self._texts: dict[tuple[str, int, str], str] = {}

    async def ask(self, asked: EvalQuestion) -> Row:
        """See :class:`Asker`."""
        for turn in range(_TRIES):
            hearing = Hearing(asked.id, self._config.name, self._config.prices)
            try:
                wait_s = await self._stream(asked, hearing)
            except httpx.ConnectError as error:
                raise Unavailable(f"Nobody answers at {self._config.url} ({error}): start it and go on.") from error
            except (httpx.HTTPError, _Failed, ValueError, KeyError) as error:
                return hearing.failed(str(error) or type(error).__name__)
            if wait_s is None:
                total_ms = hearing.elapsed_ms()
                texts, notice = await self._passages(asked, hearing)
                return hearing.row(texts, total_ms, notice)
            if turn + 1 < _TRIES:
                await asyncio.sleep(min(wait_s, _LONGEST_WAIT_S))
        return hearing.failed(f"The service was too busy {_TRIES} times in a row.")

    async def close(self) -> None:
        """See :class:`Asker`."""
        await self._http.aclose()

    async def _stream(self, asked: EvalQuestion, hearing: Hearing) -> float | None:
        """Hear an answer to its end; else how many seconds to wait before it is asked again."""
        body: dict[str, Any] = {"question": asked.question, "history": history(asked)}
        if asked.filters:
            body["filters"] = asked.filters
        if self._config.pipeline:
            body["pipeline"] = self._config.pipeline
        headers = {**_reader(asked), "Accept": "text/event-stream"}
        async with self._http.stream("POST", "/v1/answers", json=body, headers=headers) as response:
            if response.is_error:
                await response.aread()
                if response.status_code in _NOT_ALLOWED:
                    raise NotAuthenticated(
                        f"{self._config.url} answers {_detail(response)} Questions are asked in their readers' names: "
                        f"give --config {self._config.name} the key_file of an administrator."
                    )
                if response.status_code in _BUSY:
                    return _seconds(response.headers.get("Retry-After"))
                raise _Failed(_detail(response))
            async with aclosing(_events(response)) as events:  # type: ignore[type-var]
                async for name, data in events:
                    if name == "error":
                        raise _Failed(str(data.get("detail") or data.get("title") or data))
                    hearing.take(name, data)
                    if name == "done":
                        return None
        raise _Failed("The stream ended without an end.")

    async def _passages(self, asked: EvalQuestion, hearing: Hearing) -> tuple[Mapping[tuple[str, int], str], str]:
        """The texts of the answer's passages, and what is to be told of those that couldn't be read."""
        texts: dict[tuple[str, int], str] = {}
        unread = ""
        for document, ordinal in hearing.sources:
            key = (document, ordinal, hearing.generation)
            if key not in self._texts:
                try:
                    response = await self._http.get(
                        f"/v1/documents/{document}/chunks/{ordinal}", headers=_reader(asked)
                    )  # fmt: skip
                    response.raise_for_status()
                    self._texts[key] = str(response.json()["text"])
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    unread = f"The text of a passage couldn't be read: {error}"
                    continue
            texts[document, ordinal] = self._texts[key]
        return texts, unread


class _Failed(Exception):
    """One question failed."""


def history(asked: EvalQuestion) -> list[dict[str, str]]:
    """The earlier turns as the API takes them: the first is the reader's."""
    return [{"role": "assistant" if at % 2 else "user", "content": turn} for at, turn in enumerate(asked.turns)]


def _reader(asked: EvalQuestion) -> dict[str, str]:
    headers = {}
    if asked.reader.user:
        headers["X-Footnote-User"] = asked.reader.user
    if asked.reader.groups:
        headers["X-Footnote-Groups"] = json.dumps(asked.reader.groups)
    return headers


def _detail(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return f"{response.status_code}: {problem.get('detail') or problem.get('title')}"
    except (ValueError, AttributeError):
        return f"{response.status_code}: {response.text[:300]}"


def _seconds(told: str | None) -> float:
    return float(told) if told and told.isdecimal() else 1.0


async def _events(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of a response: name and data."""
    name, data = "", ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data += value
        elif not line and name:
            yield name, json.loads(data)
            name, data = "", ""
