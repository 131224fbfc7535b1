"""The requests that a source makes of its bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from ingestion.connectors.s3.clients import translated
from ingestion.connectors.s3.keys import Object
from ingestion.s3_blobs import MISSING, error_code

EMPTY = frozenset({"InvalidRange", "416"})
"""What the service says when the first bytes of an object are asked for that has none."""
LIST, READ, TAGS = "s3:ListBucket", "s3:GetObject", "s3:GetObjectTagging"


class Gone(Exception):
    """The object went since it was listed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One answer of a listing.

    Attributes:
        at: when the service answered, by its own clock, to the second below.
    """

    objects: list[Object]
    at: datetime


class Bucket:
    """One bucket; errors of the service pass through :func:`ingestion.connectors.s3.clients.translated`."""

    def __init__(self, client: Any, name: str, endpoint: str | None) -> None:
        self._client = client
        self._name = name
        self.where = f"bucket {name!r}" + (f" at {endpoint}" if endpoint else "")

    def check(self, prefix: str) -> None:
        """Ask for one key: whether the bucket is there, and lets us in."""
        with translated(self.where, LIST):
            self._client.list_objects_v2(Bucket=self._name, Prefix=prefix, MaxKeys=1)

    def pages(self, prefix: str, after: str = "", most: int = 1000) -> Iterator[Listed]:
        """The objects whose keys begin so and come behind ``after``, in the order of their keys' bytes."""
        asked: dict[str, Any] = {"Bucket": self._name, "Prefix": prefix, "MaxKeys": most}
        asked["OptionalObjectAttributes"] = ["RestoreStatus"]
        if after:
            asked["StartAfter"] = after
        while True:
            with translated(self.where, LIST):
                answer = self._client.list_objects_v2(**asked)
            yield Listed([Object.listed(entry) for entry in answer.get("Contents", [])], _date(answer))
            if not answer.get("IsTruncated"):
                return
            asked["ContinuationToken"] = answer["NextContinuationToken"]

    def head(self, key: str) -> dict[str, str]:
        """An object's user metadata.

        Raises:
            Gone: there is none any more.
            ClientError: as botocore has it.
        """
        with _unless_gone():
            return self._client.head_object(Bucket=self._name, Key=key).get("Metadata", {})  # type: ignore[no-any-return]

    def beginning(self, key: str, most: int) -> tuple[bytes, dict[str, str]]:
        """An object's first bytes, of which it has one at least, and its user metadata; errors as for :meth:`head`."""
        with _unless_gone():
            answer = self._client.get_object(Bucket=self._name, Key=key, Range=f"bytes=0-{most - 1}")
            with answer["Body"] as body:
                return body.read(most), answer.get("Metadata", {})

    def tags(self, key: str) -> dict[str, str]:
        """An object's tags; errors as for :meth:`head`."""
        with _unless_gone():
            answer = self._client.get_object_tagging(Bucket=self._name, Key=key)
        return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])}

    def open(self, key: str) -> dict[str, Any]:
        """The answer with all of an object, its body to be read and closed; errors as for :meth:`head`."""
        with _unless_gone():
            return self._client.get_object(Bucket=self._name, Key=key)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


class _unless_gone:  # noqa: N801 - it reads as what it is
    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ClientError) and error_code(error) in MISSING:
            raise Gone from error


def readable(metadata: dict[str, str]) -> dict[str, str]:
    """User metadata with what isn't ASCII decoded: HTTP's headers carry it as e-mail's do (RFC 2047)."""
    return {key: _decoded(value) for key, value in metadata.items()}


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return value


def _date(answer: dict[str, Any]) -> datetime:
    """The service's time; without it, one before all else, so that nothing counts as older."""
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(said).astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
