"""How connectors speak HTTP: with limits on time, a check of where requests go, and an ear for "come back later"."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.port import Sink

Authorise = Callable[[bool], Mapping[str, str]]
"""Headers that let a request in; True: those of last time were refused, so they must be made anew."""
_LATER = frozenset({429, 502, 503, 504})
_TRIES = 6
_LONGEST_WAIT_S = 60.0
_PIECE = 1 << 16


class SourceClient:
    """An HTTP client for one source.

    A 401 is answered once with fresh headers; 429, 502, 503, 504 and broken connections are tried again, after what
    ``Retry-After`` says. Redirects are followed by hand, so that each address is checked and credentials stay with
    the host that they are for.

    Args:
        source: what messages call it, as ``Confluence at https://...``.
        base_url: what relative addresses are relative to.
        authorise: makes the headers that let a request in.
        allow_private: whether requests may go to private, loopback and link-local addresses.
        timeout_s: for a connection, and for each wait for bytes.
    """

    def __init__(
        self,
        source: str,
        *,
        base_url: str = "",
        authorise: Authorise | None = None,
        headers: Mapping[str, str] | None = None,
        allow_private: bool = False,
        timeout_s: float = 30,
    ) -> None:
        self._source = source
        self._authorise = authorise
        self._allow_private = allow_private
        self._http = httpx.Client(base_url=base_url, headers=dict(headers or {}), timeout=timeout_s, trust_env=False)

    def json(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """GET, and what the answer's JSON says.

        Raises:
            NotFound: 404 and 410; :attr:`SourceAnswer.status` of its cause tells which.
            SourceRefuses: 401, 403 and every other 4xx.
            SourceUnavailable: it doesn't answer, or not with JSON.
        """
        response = self.get(url, params=params, headers=headers)
        try:
            return response.json()
        except ValueError as error:
            raise SourceUnavailable(f"{self._source} answered with something that isn't JSON.") from error

    def get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """GET a whole, small answer: 2xx or 304; errors as for :meth:`json`."""
        return self._ask(url, params, headers, None, None)

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """POST JSON or a form, and get a whole, small answer; errors as for :meth:`json`.

        Tried again like a GET: for requests that change nothing, as a batch of questions or a token's.
        """
        return self._ask(url, None, headers, None, None, method="POST", json=json, data=data)

    def download(self, url: str, into: Sink, *, most: int, headers: Mapping[str, str] | None = None) -> httpx.Headers:
        """GET an answer's bytes, piece by piece; its headers. Not tried again once bytes have come.

        Raises:
            DocumentTooLarge: it says that it has more than ``most`` bytes.
            NotFound, SourceRefuses, SourceUnavailable: as for :meth:`json`.
        """
        return self._ask(url, None, headers, into, most).headers

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        into: Sink | None,
        most: int | None,
        *,
        method: str = "GET",
        **body: Any,
    ) -> httpx.Response:
        anew = False
        for tried in range(_TRIES):
            sent = {**(headers or {}), **(self._authorise(anew) if self._authorise else {})}
            try:
                with self._http.stream(
                    method, url, params=params, headers=sent, follow_redirects=True, **body
                ) as response:
                    if response.status_code == httpx.codes.UNAUTHORIZED and self._authorise and not anew:
                        anew = True
                        continue
                    if response.status_code not in _LATER:
                        self._check(response, most)
                        if into is None:
                            response.read()
                        else:
                            for piece in response.iter_bytes(_PIECE):
                                into.write(piece)
                        return response
                    wait_s = float(response.headers.get("retry-after") or 2**tried)
            except httpx.TransportError as error:
                if tried == _TRIES - 1:
                    raise SourceUnavailable(f"{self._source} doesn't answer ({type(error).__name__}).") from error
                wait_s = 2.0**tried
            time.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise SourceUnavailable(f"{self._source} says to come back later. Its documents wait until then.")

    def _check(self, response: httpx.Response, most: int | None) -> None:
        status = response.status_code
        if response.is_success or status == httpx.codes.NOT_MODIFIED:
            size = int(response.headers.get("content-length") or 0)
            if most is not None and size > most:
                raise DocumentTooLarge(f"It has {size} bytes; parsing.max_file_mb allows {most}.")
            return
        response.read()
        if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
            gone = f"{self._source} has nothing there any more ({status})."
            raise NotFound(gone) from SourceAnswer(status, response.text)
        raise SourceRefuses(f"{self._source} answered {status}: {response.text[:300]}") from SourceAnswer(
            status, response.text
        )


class SourceAnswer(Exception):
    """What a source answered that wasn't a success; the ``__cause__`` of the error that it became."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status
        self.text = text
