"""Mail with attachments and archives through the whole path, with nothing faked."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

from core.principal import AccessList
from ingestion.catalog.records import document_id
from tests.integration.stacks import Stack


def mail(body: str, **attachments: bytes) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Offer", "ann@example.com", "bob@example.com"
    message.set_content(body)
    for name, content in attachments.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name.replace("_", "."))
    return message.as_bytes()


def archive(**members: bytes) -> bytes:
    return zipped({name.replace("_", "."): content for name, content in members.items()})


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return stream.getvalue()


def test_what_lies_in_a_mail_is_found_read_by_the_same_people_and_goes_with_it(running: Stack) -> None:
    inner = archive(terms_txt=b"Payment is due within fourteen days of the invoice.")
    content = mail(
        "Please find the papers attached.", price_md=b"# Price\n\nThe crane costs nine thousand.", all_zip=inner
    )
    (running.folder / "offer.eml").write_bytes(content)
    source = running.add_source()
    run = running.sync(source)

    assert (run.seen, run.indexed, run.failed) == (4, 4, 0)
    assert running.found("crane") == ["offer.eml!/price.md"]
    assert running.found("invoice payment fourteen")[0] == "offer.eml!/all.zip!/terms.txt"
    again = running.sync(source)
    assert (again.seen, again.unchanged) == (4, 4)

    running.write("offer.eml.meta.yaml", "acl: ['group:buyers']\ndepartment: Purchasing\n")
    assert running.sync(source).indexed == 4
    assert running.found("crane") == []
    assert running.found("crane", "group:buyers") == ["offer.eml!/price.md"]
    documents = running.ingestion.catalog.documents
    price = documents.get(document_id(source.id, "offer.eml!/price.md"))
    assert (price.acl, price.metadata.department) == (AccessList.from_terms(["group:buyers"]), "Purchasing")

    (running.folder / "offer.eml").unlink()
    (running.folder / "offer.eml.meta.yaml").unlink()
    assert running.sync(source).deleted == 4
    assert running.found("crane", "group:buyers") == []


def test_what_documents_in_an_archive_say_of_their_readers_holds_for_the_archive(running: Stack) -> None:
    path = running.folder / "all.zip"
    open_terms = b"# Terms\n\nPayment is due within fourteen days."
    path.write_bytes(archive(terms_md=open_terms))
    source = running.add_source()
    assert running.sync(source).indexed == 2
    assert running.found("payment") == ["all.zip!/terms.md"]

    restricted = {"terms.md": open_terms, "pay/a.txt": b"Ann earns ninety.", "pay/a.txt.META.YML": b"acl: ['group:hr']"}
    path.write_bytes(zipped(restricted))
    run = running.sync(source)
    assert run.failed == 2
    assert running.found("payment", "public", "group:hr") == []
    documents = running.ingestion.catalog.documents
    assert documents.get(document_id(source.id, "all.zip")).acl == AccessList()
    failures = {one.external_id: one.message for one in running.ingestion.catalog.failures.list()}
    assert sorted(failures) == ["all.zip", "all.zip!/terms.md"]
    assert "pay/a.txt.META.YML in it may be read by fewer" in failures["all.zip"]
    assert running.sync(source).failed == 2
    assert running.found("payment", "public", "group:hr") == []

    running.write("all.zip.meta.yaml", "acl: ['group:hr']\n")
    run = running.sync(source)
    assert (run.indexed, run.failed) == (3, 0)
    assert running.found("ninety", "group:hr")[0] == "all.zip!/pay/a.txt"
    assert running.found("ninety") == []

    (running.folder / "all.zip.meta.yaml").unlink()
    assert running.sync(source).failed == 3
    assert running.found("ninety", "public", "group:hr") == []
