"""What the blocking and the asynchronous client share: requests, refusals, retries and the stream, without any I/O."""

from __future__ import annotations

import contextlib
import email.utils
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from pydantic import BaseModel, ValidationError

from api.schemas.answers import EVENT_BODIES, EventBody
from core.clock import SystemClock
from core.errors import (
    Conflict,
    FootnoteError,
    InvalidRequest,
    LimitReached,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    Unavailable,
)

if TYPE_CHECKING:
    import httpx

Body = TypeVar("Body", bound=BaseModel)

ANSWERS = "/v1/answers"
STREAM = {"Accept": "text/event-stream"}
RESUME_S = 1.0
"""How long to wait before a stream that broke off is taken up."""
_TOO_MANY, _UNAVAILABLE = 429, 503
_KINDS: Mapping[int, type[FootnoteError]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: NotAuthorised,
    404: NotFound,
    409: Conflict,
    422: InvalidRequest,
    _UNAVAILABLE: Unavailable,
}


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; ``id`` is empty where it has none."""

    name: str
    data: dict[str, Any]
    id: str = ""

    def typed(self) -> EventBody | None:
        """Its data by its type; None for an event that this version of the client doesn't know.

        Raises:
            Unavailable: the data isn't what that event has.
        """
        body = EVENT_BODIES.get(self.name)
        return None if body is None else parsed(body, self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one Footnote is called.

    Attributes:
        url: without a path.
        key: the API key, or a token of the identity provider; None for none.
        user, groups: whom to act for; the key must have the right to.
        headers: sent with every call beside these.
        timeout_s: the longest silence. A stream's heartbeat comes far more often.
        connect_s: how long to wait for a connection.
        retries: how often a call that was refused with 429 or 503 is made again.
        longest_wait_s: a refusal that asks for a longer wait than this is raised at once.
        when_refused: said to whom the key is refused, after the service's own words.
        when_absent: said where nothing answers.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    user: str | None = None
    groups: Sequence[str] = ()
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    timeout_s: float = 120.0
    connect_s: float = 3.0
    retries: int = 2
    longest_wait_s: float = 30.0
    when_refused: str = ""
    when_absent: str = ""

    def options(self) -> dict[str, Any]:
        """How an httpx client of it is made."""
        import httpx  # noqa: PLC0415 - a sixth of a second that --help can do without

        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if self.user:
            headers["X-Footnote-User"] = self.user
        if self.groups:
            headers["X-Footnote-Groups"] = json.dumps(list(self.groups))
        return {
            "base_url": self.url,
            "headers": [*((name.encode(), value.encode()) for name, value in headers.items()), *self.headers],
            "timeout": httpx.Timeout(self.timeout_s, connect=self.connect_s),
            "trust_env": False,
        }

    def wait_s(self, response: httpx.Response, attempt: int, *, repeatable: bool) -> float:
        """How long to wait, after this refusal, before the same call is made again. Its body must have been read.

        429 refuses a call before anything is done. 503 may come in the middle, so only a call that changes nothing is
        made again after it.

        Args:
            attempt: how often it was made before, from 0.
            repeatable: the call changes nothing.

        Raises:
            FootnoteError: it isn't made again; the service's own words.
        """
        again = response.status_code == _TOO_MANY or (response.status_code == _UNAVAILABLE and repeatable)
        asked = _retry_after_s(response.headers.get("retry-after"))
        wait = min(2.0**attempt, self.longest_wait_s) if asked is None else asked
        if not again or attempt >= self.retries or wait > self.longest_wait_s:
            raise self._refusal(response)
        return wait

    @contextlib.contextmanager
    def sentences(self) -> Iterator[None]:
        """Turn what httpx raises into errors that say what to do."""
        import httpx  # noqa: PLC0415

        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout):
            absent = self.when_absent or f"Nothing answers at {self.url}: check the address, and that Footnote runs."
            raise Unavailable(absent) from None
        except httpx.TimeoutException:
            raise Unavailable(f"Footnote at {self.url} took too long to answer: see `footnote status`.") from None
        except httpx.HTTPError as error:
            said = f"The connection to Footnote at {self.url} broke ({error}): see `footnote status`."
            raise Unavailable(said) from None
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"The service's address {self.url} isn't a URL: {error}.") from None

    def _refusal(self, response: httpx.Response) -> FootnoteError:
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        error = _problem(response.status_code, problem if isinstance(problem, dict) else {})
        if isinstance(error, NotAuthenticated) and self.when_refused:
            return NotAuthenticated(f"{error.message} {self.when_refused}")
        return error


class Streaming:
    """One answer's stream: text in, events out, up to its end."""

    def __init__(self) -> None:
        self.ended = False
        self.headers = STREAM
        self._reader = EventReader()

    def feed(self, text: str) -> Iterator[Event]:
        """The events that this piece of the stream completes; none after the last.

        Raises:
            FootnoteError: the service ended the stream with an error.
        """
        for event in self._reader.feed(text):
            if self.ended:
                return
            if event.id:
                self.headers = {**STREAM, "Last-Event-ID": event.id}
            if event.name == "error":
                self.ended = True
                raise _problem(int(event.data.get("status", 500)), event.data)
            self.ended = event.name == "done"
            yield event

    @property
    def resumable(self) -> bool:
        """Whether the service can go on behind what came so far: it has begun, and hasn't ended."""
        return self.headers is not STREAM and not self.ended

    @property
    def broken(self) -> Unavailable:
        """What it means that there is no more text."""
        return Unavailable("The answer broke off before its end: ask again, or see `footnote status`.")


class EventReader:
    """Reads server-sent events: blocks of ``field: value`` lines; comments are skipped.

    Lines end with a line feed and nothing else: httpx's own reader also breaks at U+2028, which a text may hold.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._name, self._id = "message", ""
        self._data: list[str] = []

    def feed(self, text: str) -> Iterator[Event]:
        """The events that this piece completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if not line:
                if self._data:
                    yield Event(self._name, json.loads("\n".join(self._data)), self._id)
                self._name, self._data = "message", []
                continue
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                self._name = value
            elif key == "id":
                self._id = value
            elif key == "data":
                self._data.append(value)


class Turn(TypedDict):
    """An earlier turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class Scope(TypedDict, total=False):
    """What to look in, and how: as the routes take it."""

    filters: Mapping[str, Any] | None
    pipeline: str | None


class Asking(Scope, total=False):
    """What may come with a question; ``history`` has the turns before it, oldest first."""

    history: Sequence[Turn]
    conversation_id: str | None
    replaces: str | None
    keep: bool


class Searching(Scope, total=False):
    """What may come with a query."""

    limit: int
    offset: int


def parsed(body: type[Body], value: object) -> Body:
    """The JSON value as its type.

    Raises:
        Unavailable: it isn't of that type, as where something else than Footnote answers.
    """
    try:
        return body.model_validate(value)
    except ValidationError as error:
        raise Unavailable(f"The service's answer isn't one of Footnote's ({error.errors()[0]['msg']}).") from None


def _problem(status: int, problem: Mapping[str, Any]) -> FootnoteError:
    message = str(problem.get("detail") or problem.get("title") or f"The service answered with status {status}.")
    error = LimitReached(message, 0) if status == _TOO_MANY else _KINDS.get(status, FootnoteError)(message)
    error.status = status
    return error


def _retry_after_s(value: str | None) -> float | None:
    """``Retry-After`` in seconds: it is a number of them, or a date; None where it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until - SystemClock().now()).total_seconds())
