"""Connections that can't be held for ever: uvicorn's protocol with time limits for what the client has to do.

uvicorn itself waits without end for a request's head and body, and for a client that has stopped reading.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import MEDIA_TYPE, problem_of
from core.errors import FootnoteError
from core.logs import get_logger
from core.settings import ApiSettings

log = get_logger(__name__)

MOST_HEAD_BYTES = 65_536
"""A head that isn't complete after so many bytes is refused; the parser itself takes any length."""
SLOWEST_BYTES_S = 1000
"""What a client has to read of its response a second, on average over a time limit."""
RESERVE = 20
"""Connections beyond the limit for whose sake others are closed; more are closed at once themselves."""


class RequestTimeout(FootnoteError):
    """The client took too long to send its request."""

    status = 408
    slug = "request-timeout"


class HeadTooLarge(FootnoteError):
    """The request's head is too long."""

    status = 431
    slug = "head-too-large"


class GuardedProtocol(HttpToolsProtocol):
    """One connection, with a time limit for a request's head, one for its body, and one for reading what is sent.

    :func:`guarded` makes the class that uvicorn takes.
    """

    limits: ClassVar[ApiSettings]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.owes_since: float | None = None
        """Since when we wait for the client to send something, in the loop's time; None: a request is at work."""
        self._reading: TimerHandle | None = None
        self._writing: TimerHandle | None = None
        self._in_head = True
        self._head_ended = False
        """Whether a head was complete in what came last: what follows it, a body for one, isn't charged to a head."""
        self._head_bytes = 0

    # Called by the loop

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_client()
        if len(self.connections) > self.limits.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_reading_timer()
        if self._writing is not None:
            self._writing.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head, self._head_ended = self._in_head, False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._reading is None and not self._at_work:
            self._await_client()  # the next request on a connection that was kept; uvicorn has stopped its own timer
        if was_in_head and not self._head_ended:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(HeadTooLarge(f"The request's head is longer than {MOST_HEAD_BYTES} bytes. Shorten it."))

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    # Called by the parser, and by the response

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_ended = False, True
        self._await_client()  # the body has as long as the head
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._stop_reading_timer()
        self.owes_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.owes_since = None if self.pipeline else self.loop.time()  # a request that came early begins now
        super().on_response_complete()

    @property
    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    # Limits

    def _await_client(self) -> None:
        self._stop_reading_timer()
        self.owes_since = self.loop.time()
        self._reading = self.loop.call_later(self.limits.read_timeout_s, self._give_up_reading)

    def _stop_reading_timer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up_reading(self) -> None:
        if self.flow.read_paused:  # it is us who don't take what the client sends
            self._await_client()
            return
        part = "head" if self._in_head else "body"
        log.info("connection.too_slow", part=part)
        within = f"within {self.limits.read_timeout_s:g} s (api.read_timeout_s)"
        self._refuse(RequestTimeout(f"The {part} of the request didn't arrive {within}. Send it again."))

    def _refuse(self, error: FootnoteError) -> None:
        """Say why, unless a response is on its way, and hang up."""
        self._stop_reading_timer()
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answering:
            problem = problem_of(error)
            body = problem.to_bytes()
            head = f"HTTP/1.1 {error.status} {problem.title}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _watch_reader(self, left: int) -> None:
        self._writing = self.loop.call_later(self.limits.read_timeout_s, self._check_reader, left)

    def _check_reader(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if before - left >= SLOWEST_BYTES_S * self.limits.read_timeout_s:
            self._watch_reader(left)
            return
        self._writing = None
        log.info("connection.not_read", unsent_bytes=left)
        self.transport.abort()

    def _make_room(self) -> None:
        """Hang up on the client that we have waited for longest; on this one, where there is none and no reserve."""
        idle = [
            (other.owes_since, other)
            for other in self.connections
            if isinstance(other, GuardedProtocol)
            and other is not self
            and other.owes_since is not None
            and not other.transport.is_closing()
        ]
        if idle:
            _, longest = min(idle, key=lambda pair: pair[0])
            log.info("connection.made_room")
            longest.transport.abort()
        elif len(self.connections) > self.limits.max_connections + RESERVE:
            self.transport.abort()


def guarded(settings: ApiSettings) -> type[GuardedProtocol]:
    """The protocol with these limits, for ``uvicorn.Config(http=...)``."""
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": settings})
