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
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members.items():
            opened.writestr(name.replace("_", "."), content)
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
