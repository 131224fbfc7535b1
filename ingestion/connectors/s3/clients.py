"""Clients of S3 and SQS for one source: whose credentials, where they may connect to, and what their errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import SplitResult, urlsplit

import boto3
import botocore.session
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.httpsession import URLLib3Session
from botocore.utils import parse_timestamp

from core.errors import InvalidRequest, SourceRefuses, SourceUnavailable
from ingestion.connectors.addresses import check_host, forbids
from ingestion.connectors.s3.config import S3Config
from ingestion.s3_blobs import CONNECT_S, CONNECTIONS, READ_S, REFUSED, client_config, error_code

DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AccessDeniedException"})
ARCHIVED = "InvalidObjectState"
_LOGIN = (REFUSED - DENIED) | {"InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSecurity"}
_ELSEWHERE = frozenset(
    {
        *("PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed"),
        *("IllegalLocationConstraintException", "InvalidLocationConstraint"),
    }
)
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_LATER = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "RequestThrottled", "429"})
_AWS_ITSELF = re.compile(
    r"(?:.*\.)?(?:s3|sqs)(?:[.-][a-z0-9-]+|\.dualstack\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?", re.IGNORECASE
)
"""Hosts of AWS's services, which a private network may well give addresses of its own (PrivateLink). Not those of its
customers' machines, which bear its name too."""
_QUEUE_HOST = re.compile(r"(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com")
_FAULTY = 500
_ROLE_SESSION = "footnote"


class _Checked:
    """A connection that is given up, before a byte is sent, where it leads to a place that no source may reach."""

    allow_private: ClassVar[bool]
    host: str

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        address = str(connection.getpeername()[0])
        if (why := forbids(address, _may_be_private(self.host, self.allow_private))) is not None:
            connection.close()
            hint = "" if why.endswith("ever") else "; set allow_private in the source's config if it is meant to be"
            raise SourceRefuses(f"{self.host} is at {address}, {why}{hint}.")
        return connection


class _Http(_Checked, AWSHTTPConnection):  # type: ignore[misc]
    allow_private = False


class _Https(_Checked, AWSHTTPSConnection):  # type: ignore[misc]
    allow_private = False


class _PrivateHttp(_Http):
    allow_private = True


class _PrivateHttps(_Https):
    allow_private = True


def _may_be_private(host: str, allowed: bool) -> bool:
    return allowed or _AWS_ITSELF.fullmatch(host) is not None


class Clients:
    """Makes the clients of a source. Nothing is asked of it yet.

    Raises:
        InvalidRequest: ``ca_file`` can't be read.
    """

    def __init__(self, config: S3Config, proxy: str | None = None) -> None:
        self._config = config
        self._proxies = None if proxy is None else {"http": proxy, "https": proxy}
        if config.ca_file is not None and not config.ca_file.is_file():
            raise InvalidRequest(f"The source's config, 'ca_file': there is no file {config.ca_file} on this machine.")
        self._session = self._log_in()

    def s3(self) -> Any:
        """A client of the bucket's service."""
        endpoint = self._config.endpoint
        region = self._config.region or self._session.region_name or "us-east-1"
        return self._open("s3", endpoint, region, client_config(endpoint))

    def sqs(self, queue_url: str) -> Any:
        """A client of the queue's service."""
        parts = urlsplit(queue_url)
        host = _QUEUE_HOST.search(parts.hostname or "")
        named = (host[1] or host[2]) if host else None
        region = named or self._config.region or self._session.region_name or "us-east-1"
        return self._open("sqs", f"{parts.scheme}://{parts.netloc}", region, client_config(None))

    def _open(self, service: str, endpoint: str | None, region: str, config: Config) -> Any:
        try:
            client = self._session.client(service, endpoint_url=endpoint, region_name=region, config=config)
        except (BotoCoreError, ValueError) as error:
            raise InvalidRequest(f"The source's config can't be used for {service.upper()}: {error}") from error
        ca_file = self._config.ca_file
        http = URLLib3Session(
            verify=True if ca_file is None else str(ca_file),
            proxies=self._proxies,
            timeout=(CONNECT_S, READ_S),
            max_pool_connections=CONNECTIONS,
        )
        if self._proxies is None:
            private = self._config.allow_private
            plain, secure = (_PrivateHttp, _PrivateHttps) if private else (_Http, _Https)
            pools = {
                "http": type("_Pool", (AWSHTTPConnectionPool,), {"ConnectionCls": plain}),
                "https": type("_SecurePool", (AWSHTTPSConnectionPool,), {"ConnectionCls": secure}),
            }
            http._manager.pool_classes_by_scheme = pools

        def send(request: Any, **_: Any) -> Any:
            if self._proxies is not None:
                self._check_before_proxy(urlsplit(request.url))
            return http.send(request)

        # botocore's own way to have requests sent otherwise: what a handler of this event answers is the answer.
        client.meta.events.register(f"before-send.{service}", send)
        return client

    def _check_before_proxy(self, url: SplitResult) -> None:
        """A proxy dials by itself, but what this machine can resolve is checked here."""
        host = url.hostname or ""
        with suppress(SourceUnavailable):  # a name that only the proxy knows
            check_host(host, url.port or 443, _may_be_private(host, self._config.allow_private))

    def _log_in(self) -> Any:
        key, secret = self._config.access_key_id, self._config.secret_access_key
        try:
            session = botocore.session.get_session()
            session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
            if key is not None and secret is not None:
                session.set_credentials(key.get_secret_value(), secret.get_secret_value())
            if self._config.role_arn is not None:
                session._credentials = self._in_role(session, self._config.role_arn)
            return boto3.session.Session(botocore_session=session)
        except BotoCoreError as error:
            raise InvalidRequest(f"This machine's AWS settings can't be used for the source: {error}") from error

    def _in_role(self, session: Any, role: str) -> Any:
        """Credentials of a role, made anew before they expire."""
        extra = {"RoleSessionName": _ROLE_SESSION}
        if self._config.role_external_id is not None:
            extra["ExternalId"] = self._config.role_external_id.get_secret_value()
        source = session.get_credentials()
        if source is None:
            raise NoCredentialsError
        region = self._config.region

        def client(service: str, **arguments: Any) -> Any:
            return session.create_client(service, region_name=region or "us-east-1", **arguments)

        fetcher = AssumeRoleCredentialFetcher(client, source, role, extra_args=extra)
        return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)


def _moment(value: Any) -> datetime:
    """As botocore reads timestamps, which takes it most of a listing's time where they are written as S3 does."""
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return parse_timestamp(value)  # type: ignore[no-any-return]


@contextmanager
def translated(where: str, right: str) -> Iterator[None]:
    """Turn what the service says into errors of sources.

    Args:
        where: the bucket or queue, as messages call it.
        right: what is needed for what is done in here, as ``s3:ListBucket``.

    Raises:
        SourceUnavailable: it doesn't answer, or says to come back later.
        SourceRefuses: everything else: a person has to see to it.
    """
    try:
        yield
    except ClientError as error:
        raise _explained(error, where, right) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise SourceRefuses(
            f"There are no AWS credentials for {where}: give the source access_key_id and secret_access_key, or this "
            "machine a profile or a role."
        ) from error
    except BotoCoreError as error:
        # botocore wraps what a connection of ours raised.
        if isinstance(inner := error.kwargs.get("error"), SourceRefuses):
            raise inner from None
        raise SourceUnavailable(
            f"{where} doesn't answer ({type(error).__name__}): check the network, and the source's endpoint and region."
        ) from error


def _explained(error: ClientError, where: str, right: str) -> SourceRefuses | SourceUnavailable:
    code = error_code(error)
    meta = error.response.get("ResponseMetadata", {})
    if code in _LATER or (meta.get("HTTPStatusCode", 0) >= _FAULTY and code not in _CLOCK):
        return SourceUnavailable(f"{where} says to come back later ({code}). Its documents wait until then.")
    if error.operation_name == "AssumeRole":
        return SourceRefuses(
            f"The role for {where} can't be taken on ({code}): check role_arn and role_external_id, and that its trust "
            "policy names these credentials."
        )
    named = meta.get("HTTPHeaders", {}).get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region")
    there = f"region {named!r}" if named else "another region"
    said = (
        ({"NoSuchBucket"}, f"There is no {where}: correct the source's config, or make it."),
        (_NO_QUEUE, f"There is no {where}: correct the source's config, or make it."),
        (_ELSEWHERE, f"{where} is in {there} ({code}): set the source's region to it."),
        (_LOGIN, f"{where} doesn't accept the credentials ({code}): give the source valid ones."),
        (DENIED, f"{where} doesn't let these credentials in ({code}): grant them {right}."),
        (_CLOCK, f"{where} finds this machine's clock wrong ({code}): set it by a time server."),
    )
    found = (message for codes, message in said if code in codes)
    return SourceRefuses(next(found, f"{where} refuses what it was asked ({code})."))
