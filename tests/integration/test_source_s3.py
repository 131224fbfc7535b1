"""Buckets of a real S3 server as sources."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from core.errors import DocumentTooLarge, InvalidRequest, NotFound, SecretFile, SourceRefuses, SourceUnavailable
from ingestion.connectors.port import Page, Unreadable, Upsert, Withheld
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.s3.bucket import Bucket, Listed
from tests.listings import Memory
from tests.s3_server import KEY, SECRET, serve
from tests.s3_sources import REGION, by_id, connect, fetched, listing, readers
from tests.scale import sized
from tests.unit.ingestion.connectors.scripted_server import answer
from tests.unit.ingestion.connectors.scripted_server import serve as serve_script

MANY = sized(100_000, 3_000)
_NUMBERS = itertools.count()


class Store:
    """One bucket, and what tests do with it."""

    def __init__(self, url: str, folder: Path, bucket: str) -> None:
        self.url = url
        self.bucket = bucket
        self.folder = folder / bucket
        self.client = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name=REGION
        )
        self.client.create_bucket(Bucket=bucket)

    def put(self, key: str, body: bytes | str = b"text", **more: Any) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content, **more)

    def tag(self, key: str, **tags: str) -> None:
        said = [{"Key": name, "Value": value} for name, value in tags.items()]
        self.client.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": said})

    def list(self, known: Memory | None = None, **config: Any) -> Any:
        return listing(self.url, self.bucket, known, **config)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("s3") / "data"
    with serve(folder, versions=folder.parent / "versions") as url:
        yield url, folder


@pytest.fixture
def store(server: tuple[str, Path]) -> Iterator[Store]:
    one = Store(*server, bucket=f"bucket-{next(_NUMBERS)}")
    yield one
    one.client.close()


def test_documents_are_listed_by_their_place_below_the_prefix(store: Store) -> None:
    for key in ("docs/a.md", "docs/b/c d.pdf", "docs/.hidden/x.md", "docs/~$open.docx", "other/e.md", "docs2/f.md"):
        store.put(key)
    store.client.put_object(Bucket=store.bucket, Key="docs/empty/", Body=b"")
    found = store.list(prefix="/docs/")
    assert found.complete
    assert sorted(by_id(found)) == ["a.md", "b/c d.pdf"]
    assert by_id(found)["b/c d.pdf"].uri == f"s3://{store.bucket}/docs/b/c d.pdf"
    assert sorted(by_id(store.list(include=["*.md"], exclude=["docs2/**"]))) == ["docs/a.md", "other/e.md"]


def test_an_object_is_new_when_it_is_written_and_only_then(store: Store) -> None:
    store.put("a.md", "one")
    store.put("b.md", "two")
    first = store.list()
    again = store.list(first.known)
    assert by_id(first) == by_id(again)
    store.put("a.md", "three")
    third = by_id(store.list(again.known))
    assert third["a.md"].content_revision != by_id(first)["a.md"].content_revision
    assert third["b.md"] == by_id(first)["b.md"]


def test_other_metadata_of_the_same_bytes_is_no_new_content(store: Store) -> None:
    store.put("a.pdf", "one", Metadata={"title": "Old"})
    first = store.list()
    store.put("a.pdf", "one", Metadata={"title": "New"})
    # Both were written in one second: what a listing shows of them is the same. An hour later it isn't.
    later = Memory({name: {**(note or {}), "written": "before"} for name, note in first.known.documents.items()})
    before, after = by_id(first)["a.pdf"], by_id(store.list(later))["a.pdf"]
    assert (before.metadata.title, after.metadata.title) == ("Old", "New")
    assert before.content_revision == after.content_revision
    assert before.revision != after.revision


def test_user_metadata_and_what_is_told_at_the_top_become_facts(store: Store) -> None:
    said = {"title": "=?UTF-8?B?w5xiZXI=?=", "author": "Ann", "department": "HR", "tags": "b, a", "colour": "red"}
    store.put("a.pdf", Metadata=said)
    store.put("b.md", "---\ntitle: Mine\nacl: ['group:hr']\n---\ntext", Metadata={"title": "Not mine", "author": "Bob"})
    found = by_id(store.list(department="Sales"))
    facts = found["a.pdf"].metadata
    assert (facts.title, facts.author, facts.department, facts.tags) == ("Über", "Ann", "HR", ("a", "b"))
    assert facts.origins["title"] == "S3 metadata"
    assert abs((facts.modified - datetime.now(UTC)).total_seconds()) < 60
    mine = found["b.md"]
    assert (mine.metadata.title, mine.metadata.author, mine.metadata.department) == ("Mine", "Bob", "Sales")
    assert mine.acl.terms() == ("group:hr",)
    bare = by_id(store.list(user_metadata=False))
    assert bare["a.pdf"].metadata.title == ""
    assert bare["b.md"].acl.terms() == ("group:hr",)


@pytest.mark.parametrize(
    ("key", "body", "metadata", "says"),
    [
        ("a.md", "---\nacl: [everyone]\n---\n", {}, "access term"),
        ("a.txt", "---\nacl: [group:hr]\n---\n", {}, "only Markdown"),
        ("a.pdf", "x", {"acl": "hr"}, "x-amz-meta"),
        ("a.pdf", "x", {"acls": "group:hr"}, "did you mean 'acl'"),
    ],
)
def test_what_seems_to_say_who_may_read_and_is_not_understood_hides(
    store: Store, key: str, body: str, metadata: dict[str, str], says: str
) -> None:
    store.put(key, body, Metadata=metadata)
    (change,) = store.list().changes
    assert isinstance(change, Unreadable)
    assert change.acl is None
    assert says in change.reason


def test_sidecars_say_who_may_read_as_in_a_folder(store: Store) -> None:
    store.put("_folder.meta.yaml", "acl: ['group:all']\ndepartment: HR")
    store.put("in/_FOLDER.META.YML", "acl: ['group:in']\nroot: true")
    for key in ("Above.pdf", "in/Z.pdf", "in/deep/a.pdf", "in/own.pdf", "own", "own.b.pdf"):
        store.put(key)
    store.put("in/own.pdf.meta.yml", "acl: ['user:ann@example.com']\ntitle: Hers")
    store.put("own.meta.yaml", "acl: ['group:own']")
    found = store.list()
    assert readers(found) == {
        "Above.pdf": ("group:all",),
        "in/Z.pdf": ("group:in",),
        "in/deep/a.pdf": ("group:in",),
        "in/own.pdf": ("user:ann@example.com",),
        "own": ("group:own",),
        "own.b.pdf": ("group:all",),
    }
    assert by_id(found)["in/own.pdf"].metadata.title == "Hers"
    assert by_id(found)["Above.pdf"].metadata.department == "HR"
    assert by_id(found)["in/Z.pdf"].metadata.department is None
    store.put("own.meta.yaml", "acl: ['group:others']")
    store.put("in/_FOLDER.META.YML", "acl: [oops")
    later = readers(store.list(found.known))
    assert later["own"] == ("group:others",)
    assert later["in/Z.pdf"] is later["in/deep/a.pdf"] is later["in/own.pdf"] is None
    assert set(readers(store.list(found.known, sidecars=False)).values()) == {("public",)}


@pytest.mark.parametrize(
    ("beside", "hidden"),
    [
        ("a/Report.pdf.meta.yaml", {"a/report.pdf"}),
        ("a/report.meta.yaml", {"a/report.pdf"}),
        ("a/report.pdf.meta.yaml.txt", {"a/report.pdf"}),
        ("a/folder.meta.yaml", {"a/report.pdf", "a/other.pdf"}),
        ("a/_folder.yaml", {"a/report.pdf", "a/other.pdf"}),
    ],
)
def test_what_seems_to_be_meant_for_a_sidecar_hides(store: Store, beside: str, hidden: set[str]) -> None:
    for key in ("a/report.pdf", "a/other.pdf", "b.pdf"):
        store.put(key)
    store.put(beside, "acl: ['group:hr']")
    found = readers(store.list(include=["*.pdf"]))
    assert {name for name, terms in found.items() if terms is None} == hidden
    store.put(beside, "title: nothing of readers")
    assert None not in readers(store.list(include=["*.pdf"])).values()


def test_two_sidecars_of_one_object_hide_it(store: Store) -> None:
    store.put("a.pdf")
    store.put("a.pdf.meta.yaml", "acl: [public]")
    store.put("a.pdf.meta.yml", "acl: ['group:hr']")
    (change,) = store.list().changes
    assert isinstance(change, Unreadable)
    assert "keep one of them" in change.reason


def test_a_folder_that_comes_during_a_listing_is_never_shown_without_its_sidecar(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.pdf")
    passes = []
    pages = Bucket.pages

    def interrupted(bucket: Bucket, prefix: str, *rest: Any) -> Iterator[Listed]:
        passes.append(prefix)
        if passes == ["", ""]:  # between the first pass and the second
            store.put("secret/_folder.meta.yaml", "acl: ['group:few']")
            store.put("secret/Plans.pdf")
        return pages(bucket, prefix, *rest)

    monkeypatch.setattr(Bucket, "pages", interrupted)
    assert readers(store.list()) == {"a.pdf": ("public",), "secret/Plans.pdf": ("group:few",)}


def test_a_tag_says_who_may_read_and_is_asked_for_each_time(store: Store) -> None:
    for key in ("a.pdf", "b.pdf", "c.pdf", "d.pdf"):
        store.put(key)
    store.put("b.pdf.meta.yaml", "acl: ['group:beside']")
    store.tag("a.pdf", readers="group:hr user:ann@example.com", colour="red")
    store.tag("b.pdf", readers="group:tag")
    store.tag("c.pdf", readers="hr")
    first = store.list(acl_tag="readers")
    assert readers(first) == {
        "a.pdf": ("group:hr", "user:ann@example.com"),
        "b.pdf": ("group:tag",),
        "c.pdf": None,
        "d.pdf": ("public",),
    }
    store.tag("a.pdf", readers="user:bob@example.com")
    second = store.list(first.known, acl_tag="readers")
    assert readers(second)["a.pdf"] == ("user:bob@example.com",)
    before, after = by_id(first)["a.pdf"], by_id(second)["a.pdf"]
    assert before.revision != after.revision
    assert before.content_revision == after.content_revision


def test_an_unchanged_object_is_not_asked_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a.md")
    store.put("b.pdf")
    store.put("b.pdf.meta.yaml", "acl: [public]")
    first = store.list()

    def refuse(*_: object) -> None:
        raise AssertionError("It was asked for.")

    # What was written in this second may be written again in it: so time goes by.
    for name in ("head", "beginning", "open"):
        monkeypatch.setattr(Bucket, name, refuse)
    assert by_id(store.list(first.known)) == by_id(first)


def test_secrets_are_withheld_by_name_and_by_content(store: Store) -> None:
    key = b"-----BEGIN RSA PRIVATE KEY-----\nabc"
    store.put("keys/id_rsa", key)
    store.put("notes.txt", key)
    store.put("cert.pem", key)
    found = by_id(store.list())
    assert isinstance(found["keys/id_rsa"], Withheld)
    assert isinstance(found["notes.txt"], Withheld)
    assert isinstance(found["cert.pem"], Upsert)  # its name says nothing: its bytes are looked at when it is fetched
    connector = connect(store.url, store.bucket)
    for name in ("keys/id_rsa", "notes.txt", "cert.pem"):
        with pytest.raises(SecretFile, match="never a document"):
            fetched(connector, name)
    connector.close()


def test_the_folder_of_a_backup_of_footnote_is_withheld(store: Store) -> None:
    for key in ("backup/catalog.sqlite3", "backup/index/part.txt", "backup/run/log.txt", "other/a.txt"):
        store.put(key)
    found = by_id(store.list())
    assert isinstance(found["backup/"], Withheld)
    assert sorted(found) == ["backup/", "other/a.txt"]


def test_footnotes_own_blobs_are_never_read(store: Store) -> None:
    store.put("own/documents/x/original")
    store.put("own/other.txt")
    store.put("a.txt")
    protected = ProtectedPaths(bucket=f"s3://{store.bucket}/own/", bucket_at=store.url)
    found = by_id(store.list(protected=protected))
    assert sorted(found) == ["a.txt", "own/"]
    assert isinstance(found["own/"], Withheld)
    (whole,) = store.list(protected=protected, prefix="own/documents").changes
    assert isinstance(whole, Withheld)
    connector = connect(store.url, store.bucket, protected=protected)
    with pytest.raises(SecretFile):
        fetched(connector, "own/other.txt")
    connector.close()
    with pytest.raises(InvalidRequest, match="can't be a source"):
        connect(store.url, store.bucket, protected=protected, prefix="own", creating=True)
    blob = f"documents/{'0' * 32}/{'0' * 64}/original"
    store.put(f"elsewhere/{blob}")
    assert isinstance(by_id(store.list())[f"elsewhere/{blob}"], Withheld)


def test_a_versioned_bucket_shows_what_is_current(store: Store) -> None:
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    store.put("a.pdf", "one")
    store.put("a.pdf", "two")
    first = store.list()
    assert list(by_id(first)) == ["a.pdf"]
    marker = store.client.delete_object(Bucket=store.bucket, Key="a.pdf")["VersionId"]
    gone = store.list(first.known)
    assert gone.complete
    assert gone.changes == []
    store.client.delete_object(Bucket=store.bucket, Key="a.pdf", VersionId=marker)
    back = by_id(store.list(gone.known))["a.pdf"]
    assert back.content_revision == by_id(first)["a.pdf"].content_revision
    connector = connect(store.url, store.bucket)
    assert fetched(connector, "a.pdf")[0] == b"two"
    connector.close()


def test_a_listing_that_is_cut_off_goes_on_behind_its_last_page(store: Store) -> None:
    store.folder.joinpath("x").mkdir()
    for number in range(2500):
        store.folder.joinpath("x", f"{number:05}.pdf").write_bytes(b"x")
    # The first document's sidecar comes a thousand keys behind it: until then its readers can't be told.
    store.put("x/00500", "text")
    store.put("x/00500.meta.yaml", "acl: ['group:few']")
    seen: dict[str, Any] = {}
    cursor: Any = {}
    cuts = 0
    while True:
        connector = connect(store.url, store.bucket, user_metadata=False)
        pages = connector.changes(cursor, Memory())
        page = Page(changes=())
        for page in pages:
            seen.update({change.external_id: change for change in page.changes})
            cursor = page.cursor
            if page.changes:
                break
        connector.close()
        cuts += 1
        if page.complete:
            break
    assert cuts >= 3
    assert len(seen) == 2501
    assert seen["x/00500"].acl.terms() == ("group:few",)


def test_many_keys_are_listed_page_by_page(store: Store) -> None:
    for number in range(MANY):
        folder = store.folder / f"{number % 100:02}"
        if number < 100:
            folder.mkdir()
        (folder / f"{number:06}.pdf").touch()
    began = time.monotonic()
    pages, names, most = 0, 0, 0
    connector = connect(store.url, store.bucket, user_metadata=False)
    page = Page(changes=())
    for page in connector.changes({}, Memory()):
        pages, names, most = pages + 1, names + len(page.changes), max(most, len(page.changes))
        assert len(str(page.cursor)) < 4000
    connector.close()
    print(f"\n{MANY} keys in {pages} pages: {time.monotonic() - began:.1f} s")
    assert page.complete
    assert names == MANY
    assert most <= 1001


def test_documents_are_fetched_in_pieces_with_their_media_type(store: Store) -> None:
    content = bytes(range(256)) * 10_000
    store.put("a.bin", content, ContentType="application/pdf")
    store.put("b.bin", b"", ContentType="binary/octet-stream")
    connector = connect(store.url, store.bucket, max_file_bytes=5_000_000)
    assert fetched(connector, "a.bin") == (content, "application/pdf")
    assert fetched(connector, "b.bin") == (b"", None)
    with pytest.raises(NotFound, match="no longer"):
        fetched(connector, "c.bin")
    with pytest.raises(NotFound, match="not a document"):
        fetched(connector, ".hidden")
    connector.close()
    small = connect(store.url, store.bucket, max_file_bytes=1000)
    with pytest.raises(DocumentTooLarge, match="max_file_mb"):
        fetched(small, "a.bin")
    small.close()


def test_what_is_wrong_with_the_bucket_is_said(store: Store) -> None:
    with pytest.raises(SourceRefuses, match=r"no bucket 'nowhere' at http"):
        listing(store.url, "nowhere")
    for wrong in ({"secret_access_key": "wrong-and-secret"}, {"access_key_id": "unknown-and-secret"}):
        with pytest.raises(SourceRefuses, match="accept the credentials") as raised:
            listing(store.url, store.bucket, **wrong)
        assert "and-secret" not in f"{raised.value}{raised.value.__cause__}"
    with pytest.raises(SourceRefuses, match=r"127\.0\.0\.1.*allow_private"):
        listing(store.url, store.bucket, allow_private=False)


def test_no_source_reaches_the_machines_credentials() -> None:
    with pytest.raises((SourceRefuses, SourceUnavailable)) as raised:
        listing("http://169.254.169.254", "latest")
    assert isinstance(raised.value, SourceUnavailable) or "ever" in raised.value.message


@pytest.mark.parametrize(
    ("status", "code", "more", "error", "says"),
    [
        (301, "PermanentRedirect", {"x_amz_bucket_region": "eu-west-1"}, SourceRefuses, "region 'eu-west-1'"),
        (400, "AuthorizationHeaderMalformed", {"body": "<Region>eu-north-1</Region>"}, SourceRefuses, "'eu-north-1'"),
        (403, "RequestTimeTooSkewed", {}, SourceRefuses, "clock"),
        (403, "AccessDenied", {}, SourceRefuses, "grant them s3:ListBucket"),
        (403, "ExpiredToken", {}, SourceRefuses, "valid ones"),
        (503, "SlowDown", {}, SourceUnavailable, "come back later"),
        (500, "InternalError", {}, SourceUnavailable, "come back later"),
        (418, "Teapot", {}, SourceRefuses, "Teapot"),
    ],
)
def test_errors_of_the_service_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, *, status: int, code: str, more: dict[str, str], error: type[Exception], says: str
) -> None:
    monkeypatch.setattr("botocore.retries.standard.RetryHandler.needs_retry", lambda *_, **__: None)
    body = f"<Error><Code>{code}</Code><Message>no</Message>{more.pop('body', '')}</Error>".encode()
    with serve_script() as server:
        server.pages["/docs?list-type=2&prefix=&max-keys=1&encoding-type=url"] = answer(status, body, **more)
        with pytest.raises(error, match=says):
            listing(server.url, "docs")


def test_a_server_that_does_not_answer_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.RetryHandler.needs_retry", lambda *_, **__: None)
    with pytest.raises(SourceUnavailable, match="doesn't answer"):
        listing("http://127.0.0.1:9", "docs")


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceRefuses, match="no AWS credentials"):
        listing("http://127.0.0.1:9", "docs", access_key_id=None, secret_access_key=None)
