"""Amazon Bedrock's blocking calls: a client with limits on time, and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

from core.errors import ConfigurationError, ModelUnavailable
from retrieval.remote.answers import Refused
from retrieval.remote.http import Transient

_REFUSED = {
    "AccessDeniedException": "may not be used by these credentials: allow {action} on it",
    "UnrecognizedClientException": "refuses the AWS credentials",
    "InvalidSignatureException": "refuses the AWS credentials",
    "ExpiredTokenException": "refuses the AWS credentials, which have expired",
    "ResourceNotFoundException": "is not there: check its id and the region",
}
_PASSING = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceUnavailableException",
    "ServiceUnavailable",
    "InternalServerException",
    "InternalServerError",
    "ModelTimeoutException",
    "ModelNotReadyException",
    "ModelErrorException",
}
_BAD_REQUEST = 400

_T = TypeVar("_T")


def connect(service: str, *, region: str | None, endpoint: str | None, timeout_s: float, connect_s: float) -> Any:
    """A client that doesn't try again by itself: :class:`retrieval.remote.http.Attempts` does.

    Raises:
        ConfigurationError: no region is known.
    """
    config = Config(
        connect_timeout=connect_s, read_timeout=timeout_s, retries={"total_max_attempts": 1, "mode": "standard"}
    )
    try:
        return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config)
    except (NoRegionError, ValueError) as error:
        raise ConfigurationError(f"Amazon Bedrock needs a region, and a URL if it has one: {error}") from error


def explained(call: Callable[[], _T], *, where: str, action: str) -> _T:
    """What ``call`` returns.

    Args:
        where: names the model in messages.
        action: what the credentials must be allowed to do.

    Raises:
        Refused: the service doesn't take what is in the request.
        ModelUnavailable: it refuses the credentials, or doesn't answer; ``Transient`` where that may pass.
    """
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _REFUSED:
            raise ModelUnavailable(f"{where} {_REFUSED[code].format(action=action)} ({code}).") from error
        if code == "ValidationException":
            raise Refused(f"{where} doesn't take the request ({code}).", _BAD_REQUEST) from error
        if code in _PASSING:
            raise Transient(f"{where} doesn't answer ({code}).") from error
        raise ModelUnavailable(f"{where} doesn't answer ({code}).") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise ModelUnavailable(f"{where} needs AWS credentials: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise Transient(f"{where} can't be reached or broke off ({type(error).__name__}).") from error


def invoke(client: Any, model: str, body: dict[str, Any], *, where: str) -> tuple[Any, int]:
    """``InvokeModel``: the response's JSON, and the input tokens that its headers count (0 where they don't)."""

    def call() -> tuple[bytes, str]:
        answer = client.invoke_model(
            modelId=model, body=json.dumps(body), accept="application/json", contentType="application/json"
        )
        counted = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-bedrock-input-token-count", "")
        return answer["body"].read(), counted

    content, counted = explained(call, where=where, action="bedrock:InvokeModel")
    try:
        return json.loads(content), int(counted) if counted.isascii() and counted.isdigit() else 0
    except (ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{where} sends a response that isn't JSON.") from error
