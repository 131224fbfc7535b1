"""How exactly processes keep to a limit together: ``footnote bench limits --url URL --url URL --key KEY``.

Asks ``/v1/me`` of each process without a pause, by several clients, and compares what was let through with what the
limit allows: its burst, and its rate for as long as it took. The limit is what the service tells in its ``RateLimit``
fields; only one may hold for the key.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter

import click
import httpx

from core.errors import InvalidRequest
from eval.bench.report import machine_line, markdown
from eval.cli.shared import json_option, print_json
from eval.progress import bars

CLIENTS = 4
"""Of each process."""
_POLICY = re.compile(r'"(\w+)";q=(\d+);w=(\d+)')
_LEFT = re.compile(r'"\w+";r=(\d+);t=(\d+)')


async def hammer(urls: tuple[str, ...], key: str, seconds: float) -> dict[str, float]:
    """What was let through and refused, and what the limit allows.

    Raises:
        InvalidRequest: a process doesn't answer, or tells of no limit, or of several.
    """
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        try:
            quota, window, burst = _limit_told_by(await client.get(f"{urls[0]}/v1/me"))
            began = time.perf_counter()
            answered = await _ask_all(client, urls, began + seconds)
            took = time.perf_counter() - began
        except httpx.TransportError as error:
            raise InvalidRequest(f"A process doesn't answer ({type(error).__name__}): check each --url.") from error
    allowed = burst + took * quota / window
    passed, limited = answered.pop(httpx.codes.OK, 0) + 1, answered.pop(httpx.codes.TOO_MANY_REQUESTS, 0)
    return {
        "processes": len(urls),
        "seconds": round(took, 2),
        "allowed": round(allowed, 1),
        "passed": passed,
        "refused": limited,
        "other": answered.total(),
        "off_percent": round(100 * (passed - allowed) / allowed, 2),
    }


def _limit_told_by(first: httpx.Response) -> tuple[int, int, int]:
    """The quota, its window in seconds, and the burst with this request in it."""
    policies = _POLICY.findall(first.headers.get("ratelimit-policy", ""))
    left = _LEFT.findall(first.headers.get("ratelimit", ""))
    if first.status_code != httpx.codes.OK or len(policies) != 1 or len(left) != 1:
        raise InvalidRequest(
            f"The first process answers {first.status_code} and tells of {len(policies)} limits: set one, as "
            "limits.key.requests_per_minute, and wait until its burst is whole."
        )
    return int(policies[0][1]), int(policies[0][2]), int(left[0][0]) + 1


async def _ask_all(client: httpx.AsyncClient, urls: tuple[str, ...], until: float) -> Counter[int]:
    """How often each status was answered."""
    answered: Counter[int] = Counter()
    began = time.perf_counter()

    async def ask(url: str) -> None:
        while time.perf_counter() < until:
            answered[(await client.get(f"{url}/v1/me")).status_code] += 1

    asking = [asyncio.create_task(ask(url)) for url in urls for _ in range(CLIENTS)]
    with bars() as progress:
        while not all(one.done() for one in asking):
            await asyncio.wait(asking, timeout=0.5)
            progress("asking, seconds", int(min(until, time.perf_counter()) - began), int(until - began))
    await asyncio.gather(*asking)
    return answered


@click.command(
    epilog="Example:  footnote bench limits --url http://127.0.0.1:8321 --url http://127.0.0.1:8322 --key KEY"
)
@click.option("--url", "urls", multiple=True, required=True, help="Of one process; again for each.")
@click.option("--key", required=True, help="A key that one limit of requests holds for, and whose burst is whole.")
@click.option("--seconds", default=30.0, show_default=True)
@json_option
def limits(*, urls: tuple[str, ...], key: str, seconds: float, as_json: bool) -> None:
    """Ask more than a limit allows, of several processes, and see how much is let through."""
    found = asyncio.run(hammer(urls, key, seconds))
    if as_json:
        print_json(found)
        return
    click.echo(f"{machine_line()}\n\n{markdown(tuple(found), [tuple(found.values())])}")
