"""What OpenSearch's errors mean to us, in one place."""

from __future__ import annotations

import re
import ssl
from typing import Any, TypeVar

from opensearchpy import exceptions
from urllib3.exceptions import SSLError as Urllib3SSLError

from core.errors import ConfigurationError, FootnoteError, IndexUnavailable, StorageUnavailable

Found = TypeVar("Found")
OVERLOADED = frozenset({429, 502, 503, 504})
"""Statuses after which the same request can succeed a moment later."""

_PREVIEW = re.compile(r"[.,]? ?Preview of field's value:.*", re.DOTALL)
_SERVER = 500
_REFUSED = "refuses the request ({status}: {why})."
_REFUSALS = {
    401: "refuses the login. Check index.opensearch.user and index.opensearch.password, or index.opensearch.aws.",
    403: "doesn't let this login do that ({why}). Widen its role.",
    404: "has no such index ({why}). It is created when the API or a worker starts; if it was deleted, restart them "
    "and ingest again.",
    413: "refuses a request of that size. Lower index.opensearch.bulk_bytes.",
}
_FORBIDDEN = 403
_BAD_SIGNATURE = ("signature", "security token", "authentication token", "credential")
_DISK_FULL = ("flood-stage", "read-only-allow-delete", "create-index blocked", "disk usage exceeded")


def is_passing(error: exceptions.OpenSearchException) -> bool:
    """Whether trying again at once is worth it: overload or a broken connection, but not a full disk or a timeout."""
    if isinstance(error, exceptions.ConnectionTimeout | exceptions.SSLError):
        return False
    if isinstance(error, exceptions.ConnectionError):
        return True
    if not isinstance(error, exceptions.TransportError):
        return False
    return error.status_code in OVERLOADED and not disk_is_full(reason(error.info))


def disk_is_full(text: str) -> bool:
    """Whether a reason says that the node has stopped writes because its disk is full."""
    return any(mark in text for mark in _DISK_FULL)


def reason(info: Any) -> str:
    """OpenSearch's own words for an error, without the piece of a document that some of them quote."""
    error = info.get("error", info) if isinstance(info, dict) else info
    if isinstance(error, dict) and isinstance(said := error.get("message") or error.get("Message"), str):
        return said[:500]  # AWS's own front door
    if isinstance(error, dict):
        causes = error.get("root_cause") or [error]
        caused_by = error.get("caused_by") or {}
        parts = [causes[0].get("type"), causes[0].get("reason"), caused_by.get("reason")]
        return ": ".join(dict.fromkeys(_PREVIEW.sub("", str(part)) for part in parts if part))[:500]
    return _PREVIEW.sub("", str(error))[:500]


def translate(error: exceptions.OpenSearchException, url: str, timeout_s: float) -> FootnoteError:
    """The error of our tree that a failed request becomes."""
    if isinstance(error, exceptions.ConnectionError):
        return _no_connection(error, url, timeout_s)
    if isinstance(error, exceptions.TransportError):
        return from_status(int(error.status_code), reason(error.info or error.error), url)
    return IndexUnavailable(
        "What answers for OpenSearch doesn't speak OpenSearch's protocol. Correct index.opensearch.url, or look at the "
        "proxy in between.",
        where=url,
    )


def from_status(status: int, why: str, url: str) -> FootnoteError:
    """The error for an HTTP status, of a whole request or of one item in it."""
    if disk_is_full(why):
        return StorageUnavailable(
            f"OpenSearch has stopped writes because its disk is nearly full ({why}). Free space or add nodes; "
            "it lifts the block by itself.",
            where=url,
        )
    if status == _FORBIDDEN and any(mark in why.casefold() for mark in _BAD_SIGNATURE):
        return ConfigurationError(
            f"OpenSearch refuses the signature ({why}). Check index.opensearch.aws (region and service), this "
            "machine's AWS credentials, and its clock.",
            where=url,
        )
    if status in OVERLOADED:
        return IndexUnavailable(f"OpenSearch is overloaded or starting ({status}: {why}). Try again soon.", where=url)
    if status >= _SERVER:
        return IndexUnavailable(f"OpenSearch failed ({status}: {why}). Its log says more.", where=url)
    return ConfigurationError(f"OpenSearch {_REFUSALS.get(status, _REFUSED).format(status=status, why=why)}", where=url)


def _no_connection(error: exceptions.ConnectionError, url: str, timeout_s: float) -> FootnoteError:
    if isinstance(error, exceptions.ConnectionTimeout):
        return IndexUnavailable(
            f"OpenSearch did not answer within {timeout_s:g} s. See whether it is overloaded, or raise "
            "index.opensearch.timeout_s.",
            where=url,
        )
    if isinstance(error, exceptions.SSLError) or isinstance(error.info, ssl.SSLError | Urllib3SSLError):
        return ConfigurationError(
            f"No trusted TLS connection to OpenSearch: {str(error.info)[:300]}. Set index.opensearch.ca_file "
            "to the authority that signed its certificate, and see that the URL's scheme and host are right.",
            where=url,
        )
    return IndexUnavailable(
        f"OpenSearch does not answer ({type(error.info).__name__}). Start it (footnote opensearch start, for "
        "a local one), or correct index.opensearch.url.",
        where=url,
    )


def or_raised(outcome: Found | FootnoteError) -> Found:
    """What a search found; raises why it failed."""
    if isinstance(outcome, FootnoteError):
        raise outcome
    return outcome
