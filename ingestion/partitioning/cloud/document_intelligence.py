"""Azure AI Document Intelligence as the reader of PDFs and images: its model prebuilt-layout, through Azure's SDK.

A document is sent whole; the service answers with an operation, which is asked for its result until it has one.

https://learn.microsoft.com/rest/api/aiservices/document-models/analyze-document,
https://learn.microsoft.com/azure/ai-services/document-intelligence/prebuilt/layout
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from core.errors import (
    ConfigurationError,
    DocumentTooLarge,
    FootnoteError,
    ModelUnavailable,
    Unavailable,
    UnreadableDocument,
)
from core.extras import installing
from core.place import PageSize
from core.settings import ParsingSettings
from ingestion.partitioning.cloud.document_intelligence_result import to_reading
from ingestion.partitioning.reading import Reading

try:
    from azure.ai.documentintelligence import DocumentIntelligenceAdministrationClient, DocumentIntelligenceClient
    from azure.core.credentials import AzureKeyCredential
    from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        f"parsing.engine = 'document_intelligence' needs Azure's SDK: {installing('azure')}."
    ) from missing

CONNECT_S = 5.0
READ_S = 60.0
POLL_S = 1.0
ATTEMPTS = 5
_SERVICE = "Azure AI Document Intelligence (parsing.engine)"
_UNREACHABLE = f"{_SERVICE} can't be reached: check the network, and parsing.document_intelligence.endpoint."
_LOCAL = ("127.0.0.1", "::1", "localhost")
_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _TOO_LARGE, _UNSUPPORTED, _TOO_MANY = (
    400,
    401,
    403,
    404,
    413,
    415,
    429,
)
_OK = 200


class DocumentIntelligence:
    """Reads documents with prebuilt-layout. Safe to use from several threads.

    Args:
        open_client: a client of one's own for each document: closing it ends its polling.
        open_administration: a client that asks for the resource's own details.
        timeout_s: for a document, from sending it to its result.
        poll_s: between two questions for the result, where the service doesn't say.
    """

    parser = "azure-document-intelligence 2024-11-30"
    split = False
    images: tuple[str, ...] = ("image/jpeg", "image/png", "image/bmp", "image/tiff")
    sheet_bytes = 500_000_000

    def __init__(
        self,
        open_client: Callable[[], Any],
        open_administration: Callable[[], Any],
        *,
        timeout_s: float,
        poll_s: float = POLL_S,
    ) -> None:
        self._open_client = open_client
        self._open_administration = open_administration
        self._timeout_s = timeout_s
        self._poll_s = poll_s

    @classmethod
    def connect(
        cls, parsing: ParsingSettings, *, read_s: float = READ_S, attempts: int = ATTEMPTS, poll_s: float = POLL_S
    ) -> DocumentIntelligence:
        """With the key in the settings. Asks nothing of Azure yet.

        Raises:
            ConfigurationError: no endpoint or key, or an endpoint to which a key would travel in the clear.
        """
        settings = parsing.document_intelligence
        if settings.endpoint is None or settings.key is None:
            raise ConfigurationError(f"{_SERVICE} needs parsing.document_intelligence.endpoint and .key.")
        endpoint, key = settings.endpoint, settings.key.get_secret_value()
        address = urlsplit(endpoint)
        if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOCAL):
            raise ConfigurationError(
                "parsing.document_intelligence.endpoint must be an https:// URL, as "
                "https://NAME.cognitiveservices.azure.com."
            )

        options: dict[str, Any] = {
            "connection_timeout": CONNECT_S,
            "read_timeout": read_s,
            "retry_total": attempts - 1,
            "retry_backoff_max": 20,
            "logging_enable": False,
        }
        return cls(
            lambda: DocumentIntelligenceClient(endpoint, AzureKeyCredential(key), **options),
            lambda: DocumentIntelligenceAdministrationClient(
                endpoint, AzureKeyCredential(key), **{**options, "retry_total": 0}
            ),
            timeout_s=parsing.cloud_timeout_s,
            poll_s=poll_s,
        )

    def read(self, sheets: Sequence[bytes], sizes: Sequence[PageSize], name: str) -> Reading:
        """Read a document; see :class:`ingestion.partitioning.cloud.partitioner.CloudService`."""
        with self._open_client() as client:
            try:
                result = self._analyse(client, sheets[0], name)
                reading = to_reading(result, sizes)
            except HttpResponseError as error:
                raise _explained(error, name) from error
            except ServiceRequestError as error:
                raise ModelUnavailable(_UNREACHABLE) from error
            except (AzureError, OSError) as error:
                raise Unavailable(f"{_SERVICE} gave no answer for {name} ({type(error).__name__}).") from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise Unavailable(
                    f"{_SERVICE} gave an answer for {name} that can't be read ({type(error).__name__})."
                ) from error
        return reading

    def check(self) -> str:
        """That the endpoint answers and takes the key: asks for the resource's details, which are free.

        https://learn.microsoft.com/rest/api/aiservices/miscellaneous/get-resource-details

        Raises:
            ModelUnavailable: it can't be reached, or refuses the key.
        """
        with self._open_administration() as client:
            try:
                client.get_resource_details()
            except HttpResponseError as error:
                raise ModelUnavailable(_explained(error, "the question for its details").message) from error
            except ServiceRequestError as error:
                raise ModelUnavailable(_UNREACHABLE) from error
            except (AzureError, OSError, ValueError) as error:
                raise ModelUnavailable(f"{_SERVICE} gives no sensible answer ({type(error).__name__}).") from error
        return "the endpoint answers and takes the key"

    def close(self) -> None:
        """Nothing is open between documents."""

    def _analyse(self, client: DocumentIntelligenceClient, content: bytes, name: str) -> Any:
        deadline = time.monotonic() + self._timeout_s
        poller = client.begin_analyze_document(
            "prebuilt-layout",
            io.BytesIO(content),
            content_type="application/octet-stream",
            string_index_type="unicodeCodePoint",
            polling_interval=self._poll_s,
        )
        poller.wait(max(0.0, deadline - time.monotonic()))
        if not poller.done():
            raise Unavailable(
                f"{_SERVICE} didn't read {name} within parsing.cloud_timeout_s = {self._timeout_s:g}. Raise it, or "
                "split the document."
            )
        return poller.result()


def _explained(error: HttpResponseError, name: str) -> FootnoteError:
    status, code = error.status_code, _code(error)
    if status in (_UNAUTHORISED, _FORBIDDEN):
        return ModelUnavailable(f"{_SERVICE} refuses parsing.document_intelligence.key ({code}).")
    if status == _NOT_FOUND:
        return ModelUnavailable(f"{_SERVICE} isn't at parsing.document_intelligence.endpoint ({code}).")
    if status == _TOO_MANY:
        return ModelUnavailable(f"{_SERVICE} takes no more requests now ({code}): have the resource's quota raised.")
    if status == _TOO_LARGE:
        return DocumentTooLarge(f"{name} is larger than {_SERVICE} takes ({code}). Split it.")
    # A failed analysis is told with status 200, in the answer to the question for its result.
    if status in (_BAD_REQUEST, _UNSUPPORTED) or (status == _OK and code not in ("InternalServerError", "unknown")):
        return UnreadableDocument(f"{name} can't be read by {_SERVICE} ({code}).")
    return Unavailable(f"{_SERVICE} failed ({code}).")


def _code(error: HttpResponseError) -> str:
    """The service's word for what is wrong, the most telling one; its sentences may quote what was sent."""
    told: Any = getattr(error.error, "code", None)
    with suppress(AttributeError, KeyError, TypeError):
        inner = error.error.innererror if error.error is not None else None
        told = (inner or {}).get("code") or told
    if told is None:
        response: Any = error.response
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            told = response.json()["error"]["code"]
    return str(told or (error.status_code if error.status_code != _OK else None) or "unknown")
