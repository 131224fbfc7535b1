"""What a Footnote does with more than it can do: ``footnote bench overload --url URL --at-once 300``.

Sends so many questions at once. Meanwhile it asks ``/readyz`` and, with ``--key``, ``/v1/me`` in turns, and holds open
as many connections that never send a request, in order to see when they are hung up on. Prints counts and times. Use
it on a Footnote of your own, with documents in it: everybody else who asks meanwhile is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import click
import httpx
import numpy as np

from eval.bench.load.arrivals import Phase
from eval.bench.report import machine_line, markdown

TIMEOUT_S = 600.0
PAUSE_S = 0.1


async def _timed(phase: Phase, what: str, work: Callable[[], Awaitable[str]]) -> None:
    """Do the work, which says how it ended, and note how long it took."""
    began = time.perf_counter()
    try:
        ended = await work()
    except httpx.TransportError as error:
        ended = type(error).__name__
    phase.note(what, ended, time.perf_counter() - began)


def _table(phase: Phase) -> str:
    rows = []
    for (what, ended), seconds in sorted(phase.seconds.items()):
        half, most = np.percentile(seconds, [50, 95])
        rows.append((what, ended, len(seconds), f"{half:.2f}", f"{most:.2f}", f"{max(seconds):.2f}"))
    return markdown(("asked", "ended with", "times", "p50 s", "p95 s", "longest s"), rows)


async def ask_at_once(url: str, key: str | None, question: str, at_once: int, *, stalled: bool) -> Phase:
    """Ask, and look how everything else fares meanwhile; returns when all answers have ended."""
    outcomes = Phase("at once")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx.Limits(max_connections=at_once + 10)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=TIMEOUT_S) as client:

        async def answer() -> str:
            return _told(await client.post("/v1/answers", json={"question": question}))

        async def ask(path: str) -> str:
            return _told(await client.get(path))

        tasks = [asyncio.create_task(_timed(outcomes, "answer", answer)) for _ in range(at_once)]
        if stalled:
            place = httpx.URL(url)
            tasks += [asyncio.create_task(_timed(outcomes, "stalled", lambda: _stall(place))) for _ in range(at_once)]
        while not all(task.done() for task in tasks):
            await _timed(outcomes, "/readyz", lambda: ask("/readyz"))
            if key:
                await _timed(outcomes, "/v1/me", lambda: ask("/v1/me"))
            await asyncio.sleep(PAUSE_S)
    return outcomes


def _told(response: httpx.Response) -> str:
    retry = ", Retry-After" if "retry-after" in response.headers else ""
    return f"{response.status_code}{retry}"


async def _stall(place: httpx.URL) -> str:
    """Connect, begin a request, and wait to be hung up on."""
    try:
        reader, writer = await asyncio.open_connection(place.host, place.port or 80)
    except OSError as error:
        return type(error).__name__
    writer.write(b"GET / HTTP/1.1\r\n")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            told = await reader.read()
    except TimeoutError:
        return f"still open after {TIMEOUT_S:g} s"
    except OSError:
        told = b""
    finally:
        writer.close()
    return told.split(b"\r\n")[0].decode() or "hung up"


@click.command(epilog="Example:  footnote bench overload --at-once 300")
@click.option("--url", default="http://127.0.0.1:8321", show_default=True)
@click.option("--key", help="A reader's API key; also measures how long its check takes.")
@click.option("--question", default="How many days of leave do I have?", show_default=True)
@click.option("--at-once", default=300, show_default=True)
@click.option("--stalled", is_flag=True, help="Also open as many connections that send no request.")
def overload(*, url: str, key: str | None, question: str, at_once: int, stalled: bool) -> None:
    """Ask a Footnote of your own more than it can answer, and see how everything else fares meanwhile.

    Everybody else who asks meanwhile is refused.
    """
    outcomes = asyncio.run(ask_at_once(url, key, question, at_once, stalled=stalled))
    click.echo(f"{machine_line()}\n\n{_table(outcomes)}")
