"""The command line's HTTP client: requests in, JSON or events out, failures as sentences."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.cli.options import readable
from core.errors import FootnoteError, InvalidRequest, NotAuthenticated, NotFound, Unavailable

CONNECT_S = 3.0
ANSWER_S = 120.0
"""Longest silence; the stream's heartbeat comes far more often."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    data: dict[str, Any]


class Client:
    """Talks to one Footnote.

    Args:
        url: of the service, without a path.
        key: the API key, None for none.
        user: whom to act for; needs an administrator's key.
        groups: which groups they are in.
        advice: what to do when the key is refused.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        user: str | None = None,
        groups: tuple[str, ...] = (),
        advice: str | None = None,
    ) -> None:
        import httpx  # noqa: PLC0415 - a sixth of a second that --help can do without

        headers = {"Authorization": f"Bearer {readable(key, 'The key')}"} if key else {}
        if user:
            headers["X-Footnote-User"] = readable(user, "--as")
        if groups:
            headers["X-Footnote-Groups"] = json.dumps([readable(group, "--group") for group in groups])
        encoded = {name: value.encode() for name, value in headers.items()}
        self._url = url
        self._advice = advice
        self._http = httpx.Client(
            base_url=url,
            headers=[(name.encode(), value) for name, value in encoded.items()],
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            trust_env=False,
        )

    def request(self, method: str, path: str, body: object = None, **parameters: Any) -> Any:
        """Send a request and return the JSON of its answer (None for an empty one).

        Raises:
            Unavailable: nothing answers there.
            FootnoteError: the service said no; the message is its own.
        """
        with _as_sentences(self._url):
            given = {name: value for name, value in parameters.items() if value is not None}
            response = self._http.request(method, path, json=body, params=given)
        if response.is_error:
            raise self._refusal(response.status_code, response.content)
        return response.json() if response.content else None

    def answer(self, body: dict[str, Any]) -> Iterator[Event]:
        """Ask, and yield the events of the answer as they come.

        Raises:
            Unavailable: nothing answers, or the stream broke off before its end.
            FootnoteError: the service said no, before or within the stream.
        """
        with (
            _as_sentences(self._url),
            self._http.stream("POST", "/v1/answers", json=body, headers={"Accept": "text/event-stream"}) as response,
        ):
            if response.is_error:
                raise self._refusal(response.status_code, response.read())
            for event in read_events(_lines(response.iter_text())):
                if event.name == "error":
                    raise _problem(int(event.data.get("status", 500)), event.data)
                yield event
                if event.name == "done":
                    return
        raise Unavailable("The answer broke off before its end: ask again, or see `footnote status`.")

    def readiness(self) -> dict[str, Any] | None:
        """What /readyz says; None if nothing answers."""
        import httpx  # noqa: PLC0415

        try:
            response = self._http.get("/readyz", timeout=httpx.Timeout(10, connect=CONNECT_S))
            body = response.json()
        except (httpx.HTTPError, ValueError):
            return None
        return {**body, "ready": response.is_success} if isinstance(body, dict) else None

    def _refusal(self, status: int, content: bytes) -> FootnoteError:
        try:
            problem = json.loads(content)
        except ValueError:
            problem = {}
        error = _problem(status, problem if isinstance(problem, dict) else {})
        if isinstance(error, NotAuthenticated) and self._advice:
            return NotAuthenticated(f"{error.message} {self._advice}")
        return error


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """Parse server-sent events: blocks of ``field: value`` lines; comments are skipped."""
    name = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Event(name, json.loads("\n".join(data)))
            name, data = "message", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    """Lines end with a line feed and nothing else: httpx's own reader also breaks at U+2028, which a text may hold."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    yield rest


@contextlib.contextmanager
def _as_sentences(url: str) -> Iterator[None]:
    import httpx  # noqa: PLC0415

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise Unavailable("Footnote isn't running here: start it with `footnote up`.") from None
    except httpx.TimeoutException:
        raise Unavailable(f"Footnote at {url} took too long to answer: see `footnote status`.") from None
    except httpx.HTTPError as error:
        raise Unavailable(f"The connection to Footnote at {url} broke ({error}): see `footnote status`.") from None
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"The service's address {url} isn't a URL: {error}.") from None


def _problem(status: int, problem: dict[str, Any]) -> FootnoteError:
    message = str(problem.get("detail") or problem.get("title") or f"The service answered with status {status}.")
    kinds: dict[int, type[FootnoteError]] = {401: NotAuthenticated, 404: NotFound}
    return kinds.get(status, FootnoteError)(message)
