"""Amazon Textract as the reader of PDFs and images, through boto3.

Pages are sent one by one to the synchronous AnalyzeDocument, which takes a page's bytes, rather than as a whole to
StartDocumentAnalysis, which reads from S3 only. Both find the same on a page and cost the same; page by page there is
no bucket in which copies of a company's documents have to be kept, guarded and cleared, no job to wait for, a page that
fails is named and costs that page, and one that is throttled is tried again by itself.

https://docs.aws.amazon.com/textract/latest/APIReference/API_AnalyzeDocument.html,
https://docs.aws.amazon.com/textract/latest/dg/limits-document.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable, Unavailable, UnreadableDocument
from core.place import PageSize
from core.settings import ParsingSettings
from ingestion.partitioning.cloud.elements import left_out
from ingestion.partitioning.cloud.textract_blocks import PageBlocks
from ingestion.partitioning.pdf.reader import listed
from ingestion.partitioning.reading import Reading

CONNECT_S = 5.0
READ_S = 60.0
ATTEMPTS = 5
"""Of a request, with botocore's growing and random waits between them."""
_SERVICE = "Amazon Textract (parsing.engine)"
_OF_THE_PAGE = frozenset(
    {"BadDocumentException", "DocumentTooLargeException", "InvalidParameterException", "UnsupportedDocumentException"}
)
_THROTTLED = frozenset(
    {"LimitExceededException", "ProvisionedThroughputExceededException", "ThrottledException", "ThrottlingException"}
)
_REFUSED = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)


class Textract:
    """Reads pages with AnalyzeDocument, features LAYOUT and TABLES. Safe to use from several threads.

    Args:
        client: boto3's, with timeouts and retries of its own.
        concurrency: pages of a document at a time.
        timeout_s: for a document, after which no further page is begun.
    """

    parser = "amazon-textract 2018-06-27"
    split = True
    images: tuple[str, ...] = ("image/jpeg", "image/png")
    sheet_bytes = 10_000_000

    def __init__(self, client: Any, *, concurrency: int, timeout_s: float) -> None:
        self._client = client
        self._concurrency = concurrency
        self._timeout_s = timeout_s

    @classmethod
    def connect(cls, parsing: ParsingSettings, *, read_s: float = READ_S, attempts: int = ATTEMPTS) -> Textract:
        """With the machine's own AWS credentials. Asks nothing of AWS yet.

        Args:
            read_s: how long a page's answer may take.
            attempts: of a request.

        Raises:
            ConfigurationError: no region, or an endpoint that is no URL.
            ModelUnavailable: the machine's credentials are kept by something that doesn't give them.
        """
        settings = parsing.textract
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=read_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=settings.concurrency * parsing.processes,
        )
        try:
            client = boto3.session.Session().client(
                "textract", region_name=settings.region, endpoint_url=settings.endpoint, config=config
            )
        except CredentialRetrievalError as error:
            raise _without_credentials(error) from error
        except (BotoCoreError, ValueError) as error:
            raise ConfigurationError(f"{_SERVICE} needs parsing.textract.region or .endpoint: {error}") from error
        return cls(client, concurrency=settings.concurrency, timeout_s=parsing.cloud_timeout_s)

    def read(self, sheets: Sequence[bytes], sizes: Sequence[PageSize], name: str) -> Reading:
        """Read a document's pages; see :class:`ingestion.partitioning.cloud.partitioner.CloudService`."""
        deadline = time.monotonic() + self._timeout_s
        numbers = range(1, len(sheets) + 1)
        with ThreadPoolExecutor(min(self._concurrency, max(len(sheets), 1))) as pool:
            calls = [pool.submit(self._analyse, sheet, n, name, deadline) for n, sheet in zip(numbers, sheets)]  # noqa: B905
            try:
                answers = [call.result() for call in calls]
            finally:
                # After the first page that makes the document fail, no other is paid for.
                pool.shutdown(wait=True, cancel_futures=True)
        return _assembled(answers, sizes, name)

    def check(self) -> str:
        """Region and kind of credentials. AWS isn't asked: nothing free tells whether AnalyzeDocument is allowed.

        Raises:
            ModelUnavailable: there are no credentials, or they can't be had.
        """
        try:
            credentials = boto3.session.Session().get_credentials()
            if credentials is not None:
                credentials.get_frozen_credentials()  # fetched or renewed here, where a role or SSO gives them
        except BotoCoreError as error:
            raise _without_credentials(error) from error
        if credentials is None:
            raise ModelUnavailable(
                f"{_SERVICE} needs AWS credentials on this machine, and there are none: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or give the machine a role."
            )
        there = self._client.meta
        return (
            f"{there.endpoint_url} in {there.region_name}, with credentials by {credentials.method}; whether they "
            "allow textract:AnalyzeDocument, only a page tells"
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _analyse(self, sheet: bytes, number: int, name: str, deadline: float) -> list[Mapping[str, Any]] | str:
        """A page's blocks, or why the service refuses this page."""
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"{_SERVICE} didn't read {name} within parsing.cloud_timeout_s = {self._timeout_s:g}. Raise it, or "
                "parsing.textract.concurrency."
            )
        try:
            answer = self._client.analyze_document(Document={"Bytes": sheet}, FeatureTypes=["LAYOUT", "TABLES"])
            blocks: list[Mapping[str, Any]] = answer["Blocks"]
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _OF_THE_PAGE:
                return code
            raise _explained(code) from error
        except (BotoCoreError, KeyError) as error:
            raise _unanswered(error, f"page {number} of {name}") from error
        return blocks


def _assembled(answers: Sequence[list[Mapping[str, Any]] | str], sizes: Sequence[PageSize], name: str) -> Reading:
    reading = Reading([], pages=tuple(sizes))
    refused: dict[str, list[int]] = {}
    furniture = 0
    pages: list[PageBlocks] = []
    for number, answer in enumerate(answers, start=1):
        if isinstance(answer, str):
            refused.setdefault(answer, []).append(number)
        else:
            try:
                pages.append(PageBlocks(answer, number, sizes))
            except (KeyError, TypeError, AttributeError) as error:
                raise _unanswered(error, f"page {number} of {name}") from error
    warnings = [f"Amazon Textract refuses page {listed(on)}: {code}." for code, on in refused.items()]
    if refused and not pages:
        raise UnreadableDocument(" ".join((f"{name} can't be read.", *warnings)))
    titled = any(page.has_title for page in pages)
    for page in pages:
        reading.elements += page.elements(titled=titled)
        furniture += page.furniture
    reading.warnings += [*warnings, *left_out(furniture)]
    return reading


def _without_credentials(error: BotoCoreError) -> ModelUnavailable:
    return ModelUnavailable(f"{_SERVICE} needs AWS credentials, which can't be had: {error}")


def _explained(code: str) -> FootnoteError:
    if code in _THROTTLED:
        return ModelUnavailable(
            f"{_SERVICE} takes no more requests now ({code}): lower parsing.textract.concurrency, or have the "
            "account's quota of AnalyzeDocument raised."
        )
    if code in _REFUSED:
        return ModelUnavailable(
            f"{_SERVICE} refuses this machine's AWS credentials ({code}): allow them textract:AnalyzeDocument."
        )
    return Unavailable(f"{_SERVICE} failed ({code}).")


def _unanswered(error: Exception, what: str) -> Unavailable:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return ModelUnavailable(f"{_SERVICE} needs AWS credentials on this machine, and there are none.")
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return ModelUnavailable(f"{_SERVICE} can't be reached: check the network, and parsing.textract.endpoint.")
    if isinstance(error, ReadTimeoutError):
        return Unavailable(f"{_SERVICE} is too slow: no answer for {what}.")
    return Unavailable(f"{_SERVICE} gave an answer for {what} that can't be read ({type(error).__name__}).")
