"""A model's server over HTTP: JSON there and back, with limits on time and size, and further tries."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import SecretStr

from core.errors import ConfigurationError, ModelUnavailable
from core.logs import get_logger
from core.telemetry import MODEL_RETRIES
from retrieval.remote.answers import Refused

_BACKOFF_S, _LONGEST_BACKOFF_S = 0.5, 8.0
_LONGEST_WAIT_S = 60.0
"""A server that asks for a longer wait than this is as good as down: whoever asked decides what to do meanwhile."""
_MOST_BYTES = 200_000_000
_KEY_REFUSED, _UNKNOWN = (401, 403), 404
_OURS = (400, 413, 422)
_TOO_MANY, _SERVER_FAULT = 429, 500

log = get_logger(__name__)


class Transient(ModelUnavailable):
    """Trying again can help; ``after_s`` is how long the server asks to wait, if it does."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Attempts:
    """Runs requests again that failed for a passing reason, with jitter, and no sooner than the server wants.

    All requests of one object wait where one of them was told to. Safe to use from several threads.

    Args:
        count: tries of a request, at most.
        monotonic, sleep: seconds.
    """

    def __init__(
        self,
        count: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._count = count
        self.monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._not_before = 0.0

    def run(self, request: Callable[[], Any], due: float, *, part: str) -> Any:
        """Call ``request`` until it succeeds, at most until ``due``.

        Raises:
            ModelUnavailable: what it raised last.
        """
        for attempt in range(1, self._count + 1):
            self._wait_for_turn(due)
            try:
                return request()
            except Transient as error:
                wait = self._pause(attempt, error)
                if attempt == self._count or wait > _LONGEST_WAIT_S or self.monotonic() + wait >= due:
                    raise
                MODEL_RETRIES.labels(part).inc()
                log.warning("model.retry", part=part, attempt=attempt, wait_s=round(wait, 2), reason=error.message)
                self._sleep(wait)
        raise AssertionError("unreachable")

    def _pause(self, attempt: int, error: Transient) -> float:
        longest: float = min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2 ** (attempt - 1))
        wait = longest * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        if error.after_s is None:
            return wait
        with self._lock:
            self._not_before = max(self._not_before, self.monotonic() + error.after_s)
        return max(wait, error.after_s)

    def _wait_for_turn(self, due: float) -> None:
        with self._lock:
            wait = self._not_before - self.monotonic()
        if wait <= 0:
            return
        if wait > _LONGEST_WAIT_S or self.monotonic() + wait >= due:
            raise ModelUnavailable(f"The model's server asked to be left alone for another {wait:.0f} s.")
        self._sleep(wait)


class JsonServer:
    """Posts JSON to one server. Safe to use from several threads; redirects aren't followed.

    Args:
        where: names the model in messages, as "The embedding model 'x'". Messages reach readers, so they have no
            address; :attr:`core.errors.FootnoteError.where` has it.
        keys: the settings that a wrong key or address is in, as "embedder.remote".
    """

    def __init__(
        self,
        url: str,
        api_key: SecretStr | None,
        *,
        where: str,
        keys: str,
        connect_timeout_s: float = 5.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{keys}.url isn't a URL ({error}).") from error
        self.address = str(self._url.copy_with(userinfo=b""))
        self._where = where
        self._keys = keys
        self._connect_s = connect_timeout_s
        key = api_key.get_secret_value() if api_key else ""
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers={"Accept-Encoding": "identity", **bearer, **(headers or {})})

    def post(self, body: Mapping[str, Any], timeout_s: float) -> Any:
        """The response's JSON.

        Raises:
            Refused: the server doesn't take what is in the request.
            ModelUnavailable: no connection, too slow, refused, or no JSON; :class:`Transient` where it may pass.
        """
        ends = time.monotonic() + timeout_s
        limits = httpx.Timeout(timeout_s, connect=min(self._connect_s, timeout_s))
        try:
            with self._client.stream("POST", self._url, json=body, timeout=limits) as response:
                self._check(response)
                return self._parsed(self._read(response, ends))
        except httpx.TimeoutException as error:
            raise self._transient(f"doesn't answer in time ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise self._transient(f"can't be reached or broke off ({type(error).__name__})") from error

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        if status in _KEY_REFUSED:
            raise self._unavailable(f"refuses the key: check {self._keys}.api_key (HTTP {status})")
        if status == _UNKNOWN:
            raise self._unavailable(f"is not known, or the path isn't: check {self._keys}.url and its name (HTTP 404)")
        if status in _OURS:
            raise Refused(f"{self._where} doesn't take the request (HTTP {status}).", status)
        if status == _TOO_MANY or status >= _SERVER_FAULT:
            raise self._transient(f"answers HTTP {status}", retry_after(response.headers.get("retry-after", "")))
        raise self._unavailable(f"answers HTTP {status}")

    def _read(self, response: httpx.Response, ends: float) -> bytes:
        # httpx's own limit is on each piece: a server that drips could hold a thread for ever.
        pieces, length = [], 0
        for piece in response.iter_raw():
            pieces.append(piece)
            length += len(piece)
            if length > _MOST_BYTES:
                raise self._unavailable(f"sends a response of over {_MOST_BYTES} bytes")
            if time.monotonic() > ends:
                raise self._transient("doesn't answer in time")
        return b"".join(pieces)

    def _parsed(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._unavailable("sends a response that isn't JSON") from error

    def _unavailable(self, what: str) -> ModelUnavailable:
        return ModelUnavailable(f"{self._where} {what}.", where=self.address)

    def _transient(self, what: str, after_s: float | None = None) -> Transient:
        return Transient(f"{self._where} {what}.", after_s)


def retry_after(value: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as a number or as a date; None where it can't be read."""
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:  # noqa: PLR2004 - thirty years
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now()).total_seconds())
