"""What only AWS has: queues of events, archives, roles. moto's server answers as AWS does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.errors import NotFound, SourceRefuses, UnreadableDocument
from ingestion.connectors.port import Delete, Unreadable, Upsert, Withheld
from ingestion.connectors.s3.events import EventQueue, keys_of
from tests.listings import Listed, Memory
from tests.s3_server import KEY, SECRET
from tests.s3_sources import REGION, by_id, connect, fetched, listing, readers

EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
_NUMBERS = itertools.count()


class Aws:
    """A bucket, and a queue of its events."""

    def __init__(self, url: str) -> None:
        login = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": REGION}
        self.url = url
        self.bucket = f"docs-{next(_NUMBERS)}"
        self.s3 = boto3.client("s3", endpoint_url=url, **login)
        self.sqs = boto3.client("sqs", endpoint_url=url, **login)
        self.s3.create_bucket(Bucket=self.bucket)
        self.queue = self.sqs.create_queue(QueueName=self.bucket)["QueueUrl"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        way = {"QueueArn": told["QueueArn"], "Events": EVENTS}
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [way]}
        )

    def put(self, key: str, body: str = "text", **more: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode(), **more)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def tag(self, key: str, value: str) -> None:
        tags = {"TagSet": [{"Key": "readers", "Value": value}]}
        self.s3.put_object_tagging(Bucket=self.bucket, Key=key, Tagging=tags)

    def list(self, known: Memory | None = None, **config: Any) -> Listed:
        return listing(self.url, self.bucket, known, **config)

    def follow(self, known: Memory | None = None, **config: Any) -> Listed:
        return self.list(known, queue_url=self.queue, **config)

    def waiting(self) -> int:
        """Messages that aren't deleted, whoever may see them."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(told[name]) for name in names)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    one = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    one.start()
    host, port = one.get_host_and_port()
    yield f"http://{host}:{port}"
    one.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setattr("ingestion.connectors.s3.events._WAIT_S", 0)
    one = Aws(server)
    yield one
    one.s3.close()
    one.sqs.close()


def test_between_full_listings_events_lead_to_what_changed(aws: Aws) -> None:
    for key in ("kept.pdf", "gone.pdf", "edited.pdf"):
        aws.put(key)
    first = aws.follow()
    assert first.complete
    assert len(by_id(first)) == 3
    aws.follow(first.known)  # the events of what the full listing saw
    assert aws.waiting() == 0
    aws.put("edited.pdf", "other")
    aws.put("new ü+.pdf")
    aws.put("brief.pdf")
    aws.delete("brief.pdf")
    aws.delete("gone.pdf")
    aws.put("keys/id_rsa")
    second = aws.follow(first.known)
    assert not second.complete
    found = by_id(second)
    assert {name: type(change) for name, change in found.items()} == {
        "edited.pdf": Upsert,
        "new ü+.pdf": Upsert,
        "brief.pdf": Delete,
        "gone.pdf": Delete,
        "keys/id_rsa": Withheld,
    }
    assert aws.waiting() == 0
    quiet = aws.follow(second.known)
    assert quiet.changes == []
    assert quiet.known.cursor == first.known.cursor
    assert set(by_id(aws.list())) == {"edited.pdf", "new ü+.pdf", "kept.pdf", "keys/id_rsa"}


def test_an_event_and_a_listing_say_the_same_of_an_object(aws: Aws) -> None:
    first = aws.follow()
    aws.put("a/b.md", "---\ntitle: One\n---\n", Metadata={"author": "Ann"})
    aws.put("a/b.md.meta.yaml", "acl: ['group:hr']")
    aws.put("a/b.md.more.md")
    assert by_id(aws.follow(first.known)) == by_id(aws.list())


def test_an_event_is_deleted_once_its_page_was_entered_and_comes_again_if_it_was_not(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = aws.follow().known
    aws.follow(known)  # the queue's own test event
    monkeypatch.setattr("ingestion.connectors.s3.events._HIDDEN_S", 0)
    monkeypatch.setattr("ingestion.connectors.s3.events._BATCH_KEYS", 1)
    aws.put("a.pdf")
    sent = aws.waiting()
    assert sent > 0
    connector = connect(aws.url, aws.bucket, queue_url=aws.queue)
    pages = connector.changes(known.cursor, known)
    assert [change.external_id for change in next(pages).changes] == ["a.pdf"]
    assert aws.waiting() == sent
    pages.close()  # type: ignore[attr-defined]
    connector.close()
    assert aws.waiting() == sent
    again = aws.follow(known)
    assert list(by_id(again)) == ["a.pdf"]
    assert len(again.changes) == 1
    assert aws.waiting() == 0


@pytest.mark.parametrize("what", ["folder", "strange", "age"])
def test_what_events_cannot_tell_a_full_listing_does(aws: Aws, what: str) -> None:
    for key in ("a/one.pdf", "a/two.pdf", "b.pdf"):
        aws.put(key)
    known = aws.follow().known
    aws.follow(known)
    more: dict[str, Any] = {}
    if what == "folder":
        aws.put("a/_folder.meta.yaml", "acl: ['group:few']")
    elif what == "strange":
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="hello")
    else:
        more["clock"] = Later()
    found = aws.follow(known, **more)
    assert found.complete
    few = ("group:few",) if what == "folder" else ("public",)
    assert readers(found) == {"a/one.pdf": few, "a/two.pdf": few, "b.pdf": ("public",)}
    assert aws.waiting() == 0


def test_messages_that_ask_for_a_full_listing_outlive_one_that_is_cut_off(aws: Aws) -> None:
    aws.put("a/one.pdf")
    known = aws.follow().known
    aws.follow(known)
    aws.put("a/_folder.meta.yaml", "acl: ['group:few']")
    sent = aws.waiting()
    assert sent > 0
    connector = connect(aws.url, aws.bucket, queue_url=aws.queue)
    pages = connector.changes(known.cursor, known)
    while not next(pages).complete:
        assert aws.waiting() == sent
    assert aws.waiting() == sent
    assert list(pages) == []
    assert aws.waiting() == 0
    connector.close()


def test_a_tag_that_changes_is_an_event(aws: Aws) -> None:
    aws.put("a.pdf")
    known = aws.follow(acl_tag="readers").known
    aws.follow(known, acl_tag="readers")
    aws.tag("a.pdf", "group:hr")
    assert readers(aws.follow(known, acl_tag="readers")) == {"a.pdf": ("group:hr",)}


def test_a_queue_that_is_not_there_is_named(aws: Aws) -> None:
    known = aws.follow().known
    with pytest.raises(SourceRefuses, match=r"no queue .*/nowhere"):
        aws.list(known, queue_url=f"{aws.url}/123456789012/nowhere")


def test_many_events_are_read_in_pages(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.connectors.s3.events._BATCH_KEYS", 20)
    known = aws.follow().known
    for number in range(60):
        aws.put(f"{number:04}.pdf")
    connector = connect(aws.url, aws.bucket, queue_url=aws.queue, user_metadata=False)
    sizes = [len(page.changes) for page in connector.changes(known.cursor, known)]
    connector.close()
    assert sum(sizes) >= 60
    assert max(sizes) <= 30
    assert aws.waiting() == 0


def test_archived_objects_are_failures_until_they_are_restored(aws: Aws) -> None:
    aws.put("cold.pdf", StorageClass="GLACIER")
    aws.put("frozen.md", "---\nacl: ['group:hr']\n---", StorageClass="DEEP_ARCHIVE")
    first = aws.list()
    cold, frozen = by_id(first)["cold.pdf"], by_id(first)["frozen.md"]
    assert isinstance(cold, Unreadable)
    assert "archived (GLACIER): restore it" in cold.reason
    assert cold.acl is not None
    assert cold.acl.public
    assert isinstance(frozen, Unreadable)
    assert frozen.acl is None  # who may read it may stand at its top
    connector = connect(aws.url, aws.bucket)
    with pytest.raises(UnreadableDocument, match="archived"):
        fetched(connector, "cold.pdf")
    connector.close()


def test_an_object_that_is_archived_after_it_was_taken_in_stays(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.put("a.pdf")
    first = aws.list()
    monkeypatch.setattr("ingestion.connectors.s3.keys._COLD", {"STANDARD"})
    assert by_id(aws.list(first.known)) == by_id(first)


def test_keys_that_are_no_names_are_failures(aws: Aws) -> None:
    for key in ("d\x01e.pdf", "folder/", "full/", "h_$folder$"):
        aws.put(key, "" if key in ("folder/", "h_$folder$") else "text")
    found = by_id(aws.list())
    assert {name: type(change) for name, change in found.items()} == dict.fromkeys(("d\\x01e.pdf", "full/"), Unreadable)
    assert all("copy it to another key" in change.reason for change in found.values())  # type: ignore[union-attr]
    connector = connect(aws.url, aws.bucket)
    for name in ("a//b.pdf", "../i.pdf", "folder/"):
        with pytest.raises(NotFound):
            fetched(connector, name)
    connector.close()


def test_a_role_is_taken_on(aws: Aws, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server)
    aws.put("a.pdf")
    role = {"role_arn": "arn:aws:iam::123456789012:role/footnote", "role_external_id": "secret-of-ours"}
    assert list(by_id(aws.list(**role))) == ["a.pdf"]


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ('{"Event": "s3:TestEvent"}', []),
        ({"Records": [{"s3": {"bucket": {"name": "docs"}, "object": {"key": "a+b%2Bc.pdf"}}}]}, ["a b+c.pdf"]),
        ({"Records": [{"s3": {"bucket": {"name": "others"}, "object": {"key": "a"}}}]}, []),
        ({"source": "aws.s3", "detail": {"bucket": {"name": "docs"}, "object": {"key": "a+b"}}}, ["a+b"]),
        ({"source": "aws.s3", "detail": {"bucket": {"name": "others"}, "object": {"key": "a"}}}, []),
        ({"Type": "Notification", "Message": '{"Records": []}'}, []),
        ({"Type": "Notification"}, None),
        ({"Records": None}, None),
        ("[]", None),
        ("no JSON", None),
    ],
)
def test_keys_are_read_out_of_every_way_that_events_come(body: Any, keys: list[str] | None) -> None:
    assert keys_of(body if isinstance(body, str) else json.dumps(body), "docs") == keys


def test_a_queue_that_never_ends_ends(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.connectors.s3.events._MOST_MESSAGES", 20)
    monkeypatch.setattr("ingestion.connectors.s3.events._BATCH_KEYS", 1)
    for number in range(40):
        aws.put(f"{number}.pdf")
    queue = EventQueue(aws.sqs, aws.queue, aws.bucket)
    assert sum(len(batch.receipts) for batch in queue.batches()) < 40


class Later:
    """Two days from now."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=2)
