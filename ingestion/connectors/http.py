"""How connectors speak HTTP: with limits on time and size, a check of where requests go, and an ear for "come back
later".
"""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import httpx

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.addresses import CheckedTransport, Resolve, check_host
from ingestion.connectors.budget import LocalBudget, SourceBudget, Timing, retry_after_s
from ingestion.connectors.port import Sink

__all__ = ["Authorise", "SourceAnswer", "SourceClient", "Timing", "check_host"]

Authorise = Callable[[bool], Mapping[str, str]]
"""Headers that let a request in; True: those of last time were refused, so they must be made anew."""
_LATER = frozenset({429, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_TRIES = 6
_LONGEST_WAIT_S = 60.0
"""Who is asked to wait longer gives the documents back instead, and remembers until when."""
_MOST_REDIRECTS = 10
_PIECE = 1 << 16
_SHORTEST_SECRET = 8
_PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""Whose output is at most a thousand times their input, so that a piece of it fits into memory."""


class SourceClient:
    """An HTTP client for one source.

    A 401 is answered once with fresh headers; 429, 502, 503, 504 and broken connections are tried again, after what
    ``Retry-After`` says. Redirects are followed by hand, so that each address is checked and credentials stay with
    the host that they are for: that of ``base_url``, or of the address asked for where there is none.

    Args:
        source: what messages call it, as ``Confluence at https://...``.
        base_url: what relative addresses are relative to.
        authorise: makes the headers that let a request in.
        allow_private: whether requests may go to private, loopback and link-local addresses.
        timeout_s: for a connection, and for each wait for bytes.
        total_s: for a small answer, with all waits and tries; and until a download begins.
        download_s: for a download, all in all.
        most_answer_bytes: of an answer that is read whole.
        rate: requests a second that the source takes.
        budget: who else asks the same source (``ConnectorContext.budget``); None: nobody.
        proxy: the proxy's URL (``ConnectorContext.proxy``); None: none, whatever the environment says.
        tls: whom to trust, for servers with certificates of a company's own; None: the public authorities.
        resolve: looks names up.
        timing: what time it is.
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
        total_s: float = 300,
        download_s: float = 1800,
        most_answer_bytes: int = 20_000_000,
        rate: float | None = None,
        budget: SourceBudget | None = None,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._source = source
        self._authorise = authorise
        self._headers = dict(headers or {})
        self._total_s, self._download_s = total_s, download_s
        self._most_answer_bytes = most_answer_bytes
        self._rate = rate
        self._timing = timing or Timing()
        self._budget = budget or LocalBudget(self._timing.monotonic)
        self._transport = CheckedTransport(allow_private=allow_private, tls=tls, proxy=proxy, resolve=resolve)
        self._http = httpx.Client(
            base_url=base_url,
            headers={"accept-encoding": "gzip, deflate"},
            timeout=timeout_s,
            transport=self._transport,
            trust_env=False,
        )
        self._private = set(_PRIVATE_HEADERS)
        self._home = _origin(httpx.URL(base_url)) if base_url else None

    def json(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """GET, and what the answer's JSON says.

        Raises:
            NotFound: 404 and 410; :attr:`SourceAnswer.status` of its cause tells which.
            SourceRefuses: 401, 403 and every other 4xx; an address that it may not lead to.
            SourceUnavailable: it doesn't answer, or not with JSON.
            DocumentTooLarge: it answers with more than ``most_answer_bytes``.
        """
        response = self.get(url, params=params, headers=headers)
        try:
            return response.json()
        except ValueError as error:
            raise SourceUnavailable(f"{self._source} answered with something that isn't JSON.") from error

    def get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """GET a whole, small answer: 2xx or 304; errors as for :meth:`json`. Its ``url`` is where redirects led."""
        whole = io.BytesIO()
        with self._asked(url, params, headers, self._total_s) as response:
            self._read(response, whole, self._most_answer_bytes, "an answer")
        kept = {name: value for name, value in response.headers.items() if name != "content-encoding"}
        return httpx.Response(response.status_code, headers=kept, content=whole.getvalue(), request=response.request)

    def download(self, url: str, into: Sink, *, most: int, headers: Mapping[str, str] | None = None) -> httpx.Headers:
        """GET an answer's bytes, piece by piece; its headers. Not tried again once bytes have come.

        Raises:
            DocumentTooLarge: it has more than ``most`` bytes.
            NotFound, SourceRefuses, SourceUnavailable: as for :meth:`json`.
        """
        with self._asked(url, None, headers, self._download_s) as response:
            self._read(response, into, most, "by parsing.max_file_mb a document")
        return response.headers

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _asked(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str] | None, answer_s: float
    ) -> Iterator[httpx.Response]:
        """The answer to a request that was let in, its body still to be read."""
        begun = self._timing.monotonic()
        with self._transport.until(time.monotonic() + answer_s):
            response = self._insist(url, params, headers or {}, begun + self._total_s)
            try:
                yield response
            except httpx.TransportError as error:
                raise SourceUnavailable(f"{self._source} broke off its answer ({type(error).__name__}).") from error
            finally:
                response.close()

    def _insist(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str], deadline: float
    ) -> httpx.Response:
        anew = False
        for tried in range(_TRIES):
            wait_s: float = 2**tried
            try:
                response = self._follow(url, params, headers, anew, deadline)
            except httpx.TransportError as error:
                why = f"{self._source} doesn't answer ({type(error).__name__})."
                self._wait(wait_s, deadline, why, last=tried == _TRIES - 1)
                continue
            if response.status_code == httpx.codes.UNAUTHORIZED and self._authorise and not anew:
                anew = True
                response.close()
                continue
            if response.status_code not in _LATER:
                self._check(response)
                return response
            response.close()
            if (asked_s := retry_after_s(response.headers.get("retry-after", ""), self._timing.clock)) is not None:
                wait_s = asked_s
                self._budget.come_back_in(wait_s)
            why = f"{self._source} says to come back later ({response.status_code}). Its documents wait until then."
            self._wait(wait_s, deadline, why, last=tried == _TRIES - 1)
        raise AssertionError("the last try ends above")

    def _follow(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str], anew: bool, deadline: float
    ) -> httpx.Response:
        """Send a request, and follow where it is sent on to."""
        request = self._http.build_request("GET", url, params=params)
        self._check_web(request.url)
        home = self._home or _origin(request.url)
        credentials: Mapping[str, str] | None = None
        for _ in range(_MOST_REDIRECTS + 1):
            sent = {**self._headers, **headers}
            if _origin(request.url) == home:
                credentials = credentials or (self._authorise(anew) if self._authorise else {})
                self._private |= {name.lower() for name in credentials}
                sent |= credentials
            else:
                sent = {name: value for name, value in sent.items() if name.lower() not in self._private}
            request.headers.update(sent)
            self._take_turn(deadline)
            response = self._transport.handle_request(request)
            response.request = request
            if response.status_code not in _MOVED or "location" not in response.headers:
                return response
            response.close()
            request = self._http.build_request("GET", self._next(response))
        raise SourceRefuses(f"{self._source} sends {_shown(request.url)} on and on, more than {_MOST_REDIRECTS} times.")

    def _next(self, response: httpx.Response) -> httpx.URL:
        here = response.request.url
        try:
            there = here.join(response.headers["location"])
        except httpx.InvalidURL as error:
            raise SourceRefuses(f"{self._source} sends {_shown(here)} on to what is no address.") from error
        self._check_web(there)
        if here.scheme == "https" and there.scheme == "http":
            raise SourceRefuses(f"{self._source} sends {_shown(here)} on to {there.host} unencrypted.")
        return there

    def _check_web(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise SourceRefuses(f"{self._source} leads to {_shown(url)}, which is no web address.")

    def _take_turn(self, deadline: float) -> None:
        """Wait until the source may be asked again."""
        left_s = deadline - self._timing.monotonic()
        wait_s = self._budget.take(self._rate, min(_LONGEST_WAIT_S, left_s))
        if wait_s > 0:
            self._wait(wait_s, deadline, f"{self._source} wants no request for another {wait_s:.0f} s.", last=False)

    def _wait(self, wait_s: float, deadline: float, why: str, *, last: bool) -> None:
        if last or wait_s > _LONGEST_WAIT_S or self._timing.monotonic() + wait_s > deadline:
            raise SourceUnavailable(why)
        self._timing.sleep(wait_s)

    def _read(self, response: httpx.Response, into: Sink, most: int, limit: str) -> None:
        said = response.headers.get("content-length", "")
        if said.isdecimal() and int(said) > most:
            raise DocumentTooLarge(f"It has {int(said)} bytes; {limit} may have {most}.")
        size = 0
        for piece in response.iter_bytes(_PIECE):
            size += len(piece)
            if size > most:
                raise DocumentTooLarge(f"It has more than the {most} bytes that {limit} may have.")
            into.write(piece)

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.headers.get("content-encoding", "").lower() not in _ENCODINGS:
            response.close()
            raise SourceRefuses(f"{self._source} answered in an encoding that it wasn't asked for.")
        if response.is_success or status == httpx.codes.NOT_MODIFIED:
            return
        text = self._reason(response)
        if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
            raise NotFound(f"{self._source} has nothing there any more ({status}).") from SourceAnswer(status, text)
        raise SourceRefuses(f"{self._source} answered {status}: {text[:300]}") from SourceAnswer(status, text)

    def _reason(self, response: httpx.Response) -> str:
        """The beginning of what a source says when it refuses; some repeat the credentials that they were sent."""
        start = bytearray()
        try:
            for piece in response.iter_bytes(_PIECE):
                start += piece
                if len(start) > _PIECE:
                    break
        except httpx.TransportError:
            pass  # its status says enough
        finally:
            response.close()
        said = start[:_PIECE].decode(errors="replace")
        for word in " ".join(response.request.headers.get(name, "") for name in self._private).split():
            said = said.replace(word, "********") if len(word) >= _SHORTEST_SECRET else said
        return said


class SourceAnswer(Exception):
    """What a source answered that wasn't a success; the ``__cause__`` of the error that it became."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status
        self.text = text


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _shown(url: httpx.URL) -> str:
    """An address as messages show it: its query may hold a token, and its user part a password."""
    return f"{url.scheme}://{url.host}{url.path}"[:300]
