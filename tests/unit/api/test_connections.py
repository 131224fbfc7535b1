"""Clients that stall, over real sockets and uvicorn: each is hung up on in time, and others are served."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import uvicorn

from api.connections import MOST_HEAD_BYTES, RESERVE, guarded
from core.settings import ApiSettings

PATIENCE_S = 30
"""Longer than any limit in these tests: who is still connected then was not hung up on."""
BIG = 30_000_000


class Service:
    """What the tests ask: ``/`` answers at once, ``/body`` reads what comes, ``/big`` is more than sockets hold."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.at_work = threading.Event()
        self.connections: set[Any] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b"ok"
        if scope["path"] == "/body":
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
        elif scope["path"] == "/slow":
            self.at_work.set()
            while not self.go_on.is_set():
                await asyncio.sleep(0.01)
        elif scope["path"] == "/big":
            body = bytes(BIG)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(**limits: Any) -> Iterator[tuple[Callable[[], socket.socket], Service]]:
    """A server with these limits: a function that connects to it, and the service behind it."""
    service = Service()
    config = uvicorn.Config(
        service, http=guarded(ApiSettings(**limits)), ws="none", lifespan="off", log_config=None, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    service.connections = server.server_state.connections
    with socket.create_server(("127.0.0.1", 0), backlog=200) as bound, ExitStack() as opened:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()

        def connect() -> socket.socket:
            return opened.enter_context(socket.create_connection(bound.getsockname(), timeout=PATIENCE_S))

        try:
            yield connect, service
        finally:
            server.should_exit = True
            service.go_on.set()
            opened.close()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def rest(client: socket.socket) -> bytes:
    """Everything until the server hangs up; fails if it doesn't."""
    received = b""
    with suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        select.select([], [], [], 0.01)


def ask(client: socket.socket, path: str = "/") -> bytes:
    client.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    return client.recv(65536)


def trickle(client: socket.socket, head: bytes) -> bytes:
    """Send a head's beginning, then a byte now and then, until there is an answer; then read all of it."""
    client.sendall(head)
    with suppress(BrokenPipeError, ConnectionResetError):
        while not select.select([client], [], [], 0.02)[0]:
            client.sendall(b"x")
    return rest(client)


HALF_BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    ("stall", "part"),
    [
        (rest, b"head"),
        (lambda client: trickle(client, b"GET / HTTP/1.1\r\nX: "), b"head"),
        (lambda client: client.sendall(HALF_BODY) or rest(client), b"body"),
        (lambda client: trickle(client, HALF_BODY), b"body"),
    ],
    ids=["nothing", "a slow head", "no body", "a slow body"],
)
def test_a_request_that_does_not_arrive_is_given_up(stall: Callable[[socket.socket], bytes], part: bytes) -> None:
    with serving(read_timeout_s=0.3) as (connect, _):
        answer = stall(connect())
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"The %s of the request didn't arrive within 0.3 s (api.read_timeout_s)" % part in answer
        assert ask(connect()).startswith(b"HTTP/1.1 200")


def test_a_kept_connection_that_only_sends_line_breaks_is_given_up() -> None:
    """Any byte stops uvicorn's own timer of kept connections."""
    with serving(read_timeout_s=0.3) as (connect, _):
        client = connect()
        assert ask(client).startswith(b"HTTP/1.1 200")
        client.sendall(b"\r\n")
        assert rest(client).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_reads_nothing_is_given_up() -> None:
    with serving(read_timeout_s=0.3) as (connect, service):
        client = connect()
        client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        select.select([client], [], [], PATIENCE_S)
        until(lambda: not service.connections)
        assert len(rest(client)) < BIG


def test_a_client_that_reads_slowly_gets_everything() -> None:
    with serving(read_timeout_s=0.3) as (connect, _):
        client, received = connect(), 0
        client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while data := client.recv(40_000):
            received += len(data)
            select.select([], [], [], 0.001)
        assert received > BIG


def test_work_that_takes_long_is_not_the_clients_fault() -> None:
    with serving(read_timeout_s=0.2) as (connect, service):
        client, other = connect(), connect()
        client.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi\r\n")
        assert service.at_work.wait(PATIENCE_S)
        assert rest(other).startswith(b"HTTP/1.1 408 ")  # so long it has taken by now
        service.go_on.set()
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert ask(client).startswith(b"HTTP/1.1 200")


def test_an_endless_head_is_refused() -> None:
    with serving() as (connect, _):
        client = connect()
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        with suppress(BrokenPipeError, ConnectionResetError):
            while not select.select([client], [], [], 0)[0]:
                client.sendall(b"x" * MOST_HEAD_BYTES)
        assert rest(client).startswith(b"HTTP/1.1 431 ")


def test_stalled_connections_make_room_for_others() -> None:
    with serving(max_connections=5, read_timeout_s=600) as (connect, _):
        stalled = [connect() for _ in range(100)]
        until(lambda: len(select.select(stalled, [], [], 0)[0]) == 95)
        for _ in range(10):
            assert ask(connect()).startswith(b"HTTP/1.1 200")


def test_what_is_at_work_is_never_given_up_for_others() -> None:
    with serving(max_connections=2) as (connect, service):
        at_work = []
        for _ in range(2 + RESERVE):
            at_work.append(connect())
            at_work[-1].sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert service.at_work.wait(PATIENCE_S)
            service.at_work.clear()
        assert rest(connect()) == b""
        service.go_on.set()
        for client in at_work:
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
