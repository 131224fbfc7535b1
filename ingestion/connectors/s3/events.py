"""Events of a bucket, read from an SQS queue: which keys may have changed since the last listing.

An event only says where to look: what is there is asked of the bucket, so events that come twice, late or out of order
do no harm. Messages are deleted once what they led to is entered in the catalog, and come again if it isn't: so it is
with those that ask for a full listing, which are deleted behind its last page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from core.logs import get_logger
from ingestion.connectors.s3.clients import translated

_log = get_logger(__name__)
_HIDDEN_S = 900
"""For how long a message that was read is nobody else's; if it isn't deleted by then, it comes again."""
_WAIT_S = 1
"""A wait of any length has SQS ask all of its servers: an empty answer then means that there is nothing."""
_BATCH_KEYS = 500
"""Of a page; and of its messages."""
_AT_ONCE = 10
"""SQS's limit on messages received, or deleted, in one request."""
_MOST_MESSAGES = 200_000
"""Of one listing, so that a bucket where more happens than is read doesn't keep it from ending."""
RECEIVE = "sqs:ReceiveMessage and sqs:DeleteMessage"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some messages.

    Attributes:
        keys: what changed in the bucket, each once.
        strange: messages that aren't events of S3: what they were about isn't known.
        receipts: by which the messages are deleted.
    """

    keys: list[str]
    strange: int
    receipts: list[str]


class EventQueue:
    """One queue."""

    def __init__(self, client: Any, url: str, bucket: str) -> None:
        self._client = client
        self._url = url
        self._bucket = bucket
        self._where = f"queue {url}"

    def batches(self) -> Iterator[Batch]:
        """What is in the queue, until it is empty. Each batch is deleted (:meth:`delete`) before the next is taken."""
        taken = 0
        while taken < _MOST_MESSAGES:
            keys: dict[str, None] = {}
            strange = 0
            receipts: list[str] = []
            while max(len(keys), len(receipts)) < _BATCH_KEYS and (messages := self._receive()):
                for message in messages:
                    receipts.append(message["ReceiptHandle"])
                    named = keys_of(message["Body"], self._bucket)
                    strange += named is None
                    keys.update(dict.fromkeys(named or ()))
            if not receipts:
                return
            if strange:
                _log.warning("s3.strange_messages", queue=self._url, messages=strange)
            taken += len(receipts)
            yield Batch(list(keys), strange, receipts)

    def delete(self, batch: Batch) -> None:
        """Delete a batch's messages. Those that the service fails to delete come again, and do no harm."""
        for start in range(0, len(batch.receipts), _AT_ONCE):
            some = batch.receipts[start : start + _AT_ONCE]
            entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(some)]
            with translated(self._where, RECEIVE):
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def _receive(self) -> list[dict[str, Any]]:
        with translated(self._where, RECEIVE):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=_HIDDEN_S,
                WaitTimeSeconds=_WAIT_S,
            )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def keys_of(body: str, bucket: str) -> list[str] | None:
    """The keys of a bucket that a message speaks of; None if it isn't one of S3.

    They come from S3 itself, through SNS, or through EventBridge (Amazon S3 User Guide, "Event message structure" and
    "EventBridge event message structure"): the first two write keys as forms do, the last as they are.
    """
    try:
        said = json.loads(body)
        if said.get("Type") == "Notification":
            said = json.loads(said["Message"])
        if said.get("Event") == "s3:TestEvent":
            return []
        if said.get("source") == "aws.s3":
            detail = said["detail"]
            return [str(detail["object"]["key"])] if detail["bucket"]["name"] == bucket else []
        places = [record["s3"] for record in said["Records"]]
        return [unquote_plus(one["object"]["key"]) for one in places if one["bucket"]["name"] == bucket]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
