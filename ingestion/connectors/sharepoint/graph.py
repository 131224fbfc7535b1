"""Microsoft Graph as the connector asks it: pages of collections, batches, and refusals that say what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.http import SourceAnswer, SourceClient
from ingestion.connectors.port import Sink

_BATCH = 20
"""Requests in a batch: https://learn.microsoft.com/graph/json-batching says 20 at most."""
_LATER = frozenset({429, 502, 503, 504})
_FAULT = 500
"""Tried again too, but one item that always fails doesn't keep the others from being read."""
_TRIES = 6
_LONGEST_WAIT_S = 60.0
_RIGHTS = (
    "Grant the application Sites.FullControl.All and GroupMember.Read.All of Microsoft Graph, as application "
    "permissions, with an admin's consent (docs/connectors/sharepoint.md)."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a batch."""

    status: int
    body: Any

    @property
    def good(self) -> bool:
        """Whether it is what was asked for."""
        return self.status < 300  # noqa: PLR2004 - 2xx

    @property
    def code(self) -> str:
        """The error's code, as ``itemNotFound``."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return str(error.get("code", self.status)) if isinstance(error, dict) else str(self.status)


class Graph:
    """Graph v1.0, and SharePoint's REST API in the same manner. Addresses are relative to the base address.

    Args:
        source: what messages call it.
        base: where the API is, without a ``/`` at its end.
        client: made for the same base; sends tokens along.
        sleep: waits some seconds, for what a batch holds is throttled one by one.
    """

    def __init__(
        self, source: str, base: str, client: SourceClient, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._source = source
        self._base = base
        self._client = client
        self._sleep = sleep

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """What a GET answers.

        Raises:
            NotFound: 404, or 410 (:func:`is_gone`).
            SourceRefuses: it doesn't let us; the message says which right is missing.
            SourceUnavailable: it doesn't answer.
        """
        try:
            return self._client.json(self.address(url), headers=headers)
        except SourceRefuses as error:
            raise self._explained(error, url) from error.__cause__

    def collection(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Everything in a collection, over all its pages (https://learn.microsoft.com/graph/paging)."""
        link: str | None = url
        while link:
            page = self.get(link, headers)
            yield from page["value"]
            link = self.relative(page.get("@odata.nextLink") or page.get("odata.nextLink"))

    def batch(self, urls: Sequence[str]) -> list[Answer]:
        """What GETs answer, in the order asked, 20 in a request. What is throttled is asked again.

        Raises:
            SourceUnavailable: it says to come back later, again and again.
        """
        answers: list[Answer] = []
        for start in range(0, len(urls), _BATCH):
            answers += self._batch(urls[start : start + _BATCH])
        return answers

    def download(self, url: str, into: Sink, most: int) -> None:
        """Write the bytes of an address, followed to where they are."""
        try:
            self._client.download(self.address(url), into, most=most)
        except SourceRefuses as error:
            raise self._explained(error, url) from error.__cause__

    def address(self, url: str) -> str:
        """The whole address of a relative one."""
        return f"{self._base}/{url.lstrip('/')}"

    def relative(self, link: str | None) -> str | None:
        """A link of an answer, relative to the base.

        Raises:
            SourceRefuses: it leads to another host, which our token isn't for.
        """
        if not link:
            return None
        if not link.startswith(f"{self._base}/"):
            raise SourceRefuses(f"{self._source} names a next page at another address than {self._base}.")
        return link.removeprefix(self._base)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _batch(self, urls: Sequence[str]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        asked = dict(enumerate(urls))
        for tried in range(_TRIES):
            wait_s = 0.0
            for one in self._post(asked):
                number, status = int(one["id"]), int(one["status"])
                answers[number] = Answer(status, one.get("body"))
                if status in _LATER or status == _FAULT:
                    # https://learn.microsoft.com/graph/throttling: each answer of a batch says for itself how long.
                    wait_s = max(wait_s, float(_header(one, "retry-after") or 2**tried))
                else:
                    del asked[number]
            if not asked:
                break
            if tried < _TRIES - 1:
                self._sleep(min(wait_s, _LONGEST_WAIT_S))
        if any(answers[number].status != _FAULT for number in asked):
            raise SourceUnavailable(f"{self._source} says to come back later. Its documents wait until then.")
        return [answers[number] for number in range(len(urls))]

    def _post(self, asked: Mapping[int, str]) -> list[dict[str, Any]]:
        requests = [{"id": str(key), "method": "GET", "url": f"/{url.lstrip('/')}"} for key, url in asked.items()]
        try:
            told = self._client.post(self.address("$batch"), json={"requests": requests}).json()["responses"]
        except SourceRefuses as error:
            raise self._explained(error, "$batch") from error.__cause__
        except (ValueError, KeyError, TypeError) as error:
            raise SourceUnavailable(f"{self._source} answered a batch with something else.") from error
        if {str(one["id"]) for one in told} != {one["id"] for one in requests}:
            raise SourceUnavailable(f"{self._source} answered other requests than those of the batch.")
        return list(told)

    def _explained(self, error: SourceRefuses, url: str) -> SourceRefuses:
        status = error.__cause__.status if isinstance(error.__cause__, SourceAnswer) else 0
        if status not in (401, 403):
            return error
        return SourceRefuses(f"{self._source} doesn't let Footnote read {url.partition('?')[0]} ({status}). {_RIGHTS}")


def is_gone(error: NotFound) -> bool:
    """Whether it was a 410: what a change feed answers when its link has expired."""
    return isinstance(error.__cause__, SourceAnswer) and error.__cause__.status == 410  # noqa: PLR2004


def _header(answer: Mapping[str, Any], name: str) -> str | None:
    return next((value for key, value in (answer.get("headers") or {}).items() if key.lower() == name), None)
