"""Requests to OpenSearch: login, TLS, time limits, retries, and errors of our own tree."""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from opensearchpy import OpenSearch, exceptions
from opensearchpy.serializer import JSONSerializer

from core.errors import ConfigurationError
from core.settings import OpenSearchSettings
from retrieval.index.opensearch.failures import is_passing, translate

CONNECTIONS = 32
ATTEMPTS = 3
BASE_DELAY_S = 0.1
MAX_DELAY_S = 10.0

# The library logs every failed attempt with a traceback; what matters is in the error that we raise.
logging.getLogger("opensearch").setLevel(logging.ERROR)


class _Serializer(JSONSerializer):
    """The library's own, on orjson: several times faster, and it writes numpy vectors."""

    def loads(self, s: str) -> Any:
        try:
            return orjson.loads(s)
        except ValueError as error:
            raise exceptions.SerializationError("not JSON", error) from error

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else dumps(data)


def dumps(data: Any) -> bytes:
    """JSON of plain values and float32 arrays."""
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)


def delays(attempts: int, base_s: float = BASE_DELAY_S) -> Iterator[float]:
    """How long to wait before each further attempt: doubling, with full jitter, so that clients spread out."""
    for attempt in range(attempts - 1):
        yield random.uniform(0, min(MAX_DELAY_S, base_s * 2**attempt)) + base_s / 2  # noqa: S311  # not a secret


class Client:
    """A thread-safe connection pool to one OpenSearch.

    Args:
        settings: where it is and how to log in.
        sleep: waits between attempts.

    Raises:
        ConfigurationError: the CA file can't be read, or there are no AWS credentials.
    """

    def __init__(self, settings: OpenSearchSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = settings.url.rstrip("/")
        self.timeout_s = settings.timeout_s
        self.sleep = sleep
        extra: dict[str, Any] = {}
        if self.url.startswith("https://"):
            extra = {"use_ssl": True, "ssl_context": _tls(settings)}
        self._library = OpenSearch(
            hosts=[self.url],
            http_auth=_login(settings),
            timeout=settings.timeout_s,
            pool_maxsize=CONNECTIONS,
            serializer=_Serializer(),
            max_retries=0,  # retries are ours: with jitter, and never after a timeout
            **extra,
        )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        attempts: int = ATTEMPTS,
    ) -> Any:
        """Send one request and return the decoded answer. It must be safe to repeat.

        Raises:
            IndexUnavailable, ConfigurationError, StorageUnavailable: see :mod:`.failures`.
        """
        limit = timeout_s or self.timeout_s
        waits = delays(attempts)
        while True:
            try:
                return self.attempt(method, path, body, params=params, timeout_s=limit)
            except exceptions.OpenSearchException as error:
                wait = next(waits, None) if is_passing(error) else None
                if wait is None:
                    raise translate(error, self.url, limit) from error
                self.sleep(wait)

    def attempt(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None, timeout_s: float
    ) -> Any:
        """Send one request once; the library's own errors come through."""
        return self._library.transport.perform_request(
            method, path, params={**(params or {}), "request_timeout": timeout_s}, body=body
        )

    def close(self) -> None:
        """Close the connections."""
        self._library.close()


def _tls(settings: OpenSearchSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"index.opensearch.ca_file: {settings.ca_file} can't be read as PEM certificates ({error})."
        ) from error


def _login(settings: OpenSearchSettings) -> Any:
    if settings.aws:
        import boto3  # noqa: PLC0415  # slow, and needed only here
        from opensearchpy import Urllib3AWSV4SignerAuth  # noqa: PLC0415

        credentials = boto3.Session().get_credentials()
        if credentials is None:
            raise ConfigurationError(
                "index.opensearch.aws is set, but this machine has no AWS credentials: give it a role, or set "
                "AWS_PROFILE or AWS_ACCESS_KEY_ID."
            )
        return Urllib3AWSV4SignerAuth(credentials, settings.aws.region, settings.aws.service)
    if settings.user and settings.password:
        return (settings.user, settings.password.get_secret_value())
    return None
