"""Secrets in a document's text, and secret files within documents: told by kind and place, never repeated."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from ingestion.partitioning.port import Element, ElementKind, Partition, Partitioner
from ingestion.partitioning.secrets import find_secrets
from tests.secrets import FOOTNOTE_KEY, GITHUB_TOKEN, certificate, letters, private_key

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
AWS_SECRET = letters(40)
PASSWORD = letters(14)
SECRETS = {
    "a private key": [
        *(private_key(kind) for kind in ("RSA ", "", "EC ", "OPENSSH ", "ENCRYPTED ")),
        private_key("").replace("\n", "\\n"),  # as it stands in JSON
        private_key("").replace("\n", " "),  # as Markdown's paragraphs come
        private_key("").replace("-----", "—"),  # as word processors like it
        private_key("RSA ").replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0F\n\n", 1),
    ],
    "an AWS access key with its secret": [
        f"aws_access_key_id = AKIA{letters(16, UPPER)}\naws_secret_access_key = {AWS_SECRET}",
        f"ASIA{letters(16, UPPER)} | {AWS_SECRET}",
    ],
    "a GitHub token": [GITHUB_TOKEN, "github_pat" + "_" + letters(82)],
    "a GitLab token": ["glpat" + "-" + letters(20)],
    "a Slack token": ["xoxb" + "-" + letters(12, "0123456789") + "-" + letters(24), "xapp-1-" + letters(60, UPPER)],
    "a Slack webhook": [f"https://hooks.slack.com/services/T{letters(9, UPPER)}/B{letters(9, UPPER)}/{letters(24)}"],
    "an OpenAI key": ["sk-proj" + "-" + letters(40) + "T3Blbk" + "FJ" + letters(40)],
    "an Anthropic key": ["sk-ant" + "-api03-" + letters(93)],
    "a Stripe key": ["sk_live" + "_" + letters(24), "rk_live" + "_" + letters(24)],
    "a Google API key": ["AIza" + letters(35)],
    "a Google client secret": ["GOCSPX" + "-" + letters(28)],
    "an npm token": ["npm" + "_" + letters(36)],
    "a PyPI token": ["pypi-AgEIcHlwaS5vcmc" + letters(80)],
    "a SendGrid key": ["SG." + letters(22) + "." + letters(43)],
    "an Azure storage key": ["AccountKey=" + letters(86) + "=="],
    "an age key": ["AGE-SECRET-KEY-1" + letters(58, UPPER)],
    "a key of Footnote": [FOOTNOTE_KEY, f"Authorization: Bearer {FOOTNOTE_KEY}"],
    "a connection string with its password": [
        f"postgresql+psycopg://footnote:{PASSWORD}@db.internal/footnote",
        f"rediss://:{PASSWORD}@queue.internal:6379/0",
        f"Server=tcp:sql.internal,1433;Database=x;User Id=sa;Password={PASSWORD};",
        f"Data Source=sql.internal;Initial Catalog=x;Uid=sa;Pwd={PASSWORD}",
    ],
}
HARMLESS = [
    certificate(),
    "The file begins with -----BEGIN RSA PRIVATE KEY----- and ends with -----END RSA PRIVATE KEY-----.",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg...\n-----END PRIVATE KEY-----",
    "AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    f"The key AKIA{letters(16, UPPER)} was deleted in commit {letters(40, '0123456789abcdef')}.",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "postgresql+psycopg://footnote:PASSWORD@db.example.com/footnote",
    "postgres://user:password@host/db, http://admin:${TOKEN}@internal/, ftp://me:{secret}@internal/",
    f"postgres://root:{PASSWORD}@localhost:5432/dev",
    "Password=hunter2 is a bad one. Server: see https://host:8443/a@b",
    "fn_ctx_, fn_name_of_something_that_is_long_enough_to_be_a_key_of_it",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "task-force-of-the-first-" + letters(60, "abcdefghij-"),
]


def element(text: str, **place: object) -> Element:
    return Element(kind=ElementKind.TEXT, text=text, **place)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts])
def test_each_kind_is_told_by_its_form_and_not_repeated(kind: str, text: str) -> None:
    said = find_secrets([element("Before."), element(f"The key:\n{text}\nGood luck.")])
    assert f"It holds {kind}: line 4 of its text." in said
    assert not any(piece in " ".join(said) for piece in text.split() if len(piece) > 20)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert find_secrets([element(text)]) == []


def test_places_are_pages_cells_or_lines_and_few() -> None:
    pages = [element(f"{GITHUB_TOKEN} on a page", page=number) for number in (2, 3, 3, 5, 7, 8, 9, 9)]
    assert find_secrets([element("nothing", page=1), *pages]) == [
        "It holds a GitHub token: page 2, page 3, page 5, page 7, page 8 and 1 more."
    ]
    assert find_secrets([element(FOOTNOTE_KEY, place="Rates!A3:C5")]) == ["It holds a key of Footnote: Rates!A3:C5."]


def test_a_key_over_several_elements_is_one() -> None:
    lines = private_key().splitlines()
    assert find_secrets([element(line, page=1 + number // 6) for number, line in enumerate(lines)]) == [
        "It holds a private key: page 1."
    ]


@given(before=st.text(max_size=200), after=st.text(max_size=200), kind=st.sampled_from(sorted(SECRETS)))
def test_whatever_stands_around_it_is_found(before: str, after: str, kind: str) -> None:
    text = SECRETS[kind][0]
    said = find_secrets([element(f"{before} \n{text}\n {after}")])
    assert any(sentence.startswith(f"It holds {kind}: ") for sentence in said)


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "://a:",
        "BEGIN A B C D ",
        "AKIA" + "A" * 16,
        "assword=",
        "Server=a;",
        "xoxb-1-",
        "glpat-",
        "//",
        "fn_00000000_",
    ],
)
def test_no_text_takes_it_long(piece: str) -> None:
    # Quadratic, a megabyte on one line would take hours, and the suite's time-out.
    assert find_secrets([element(piece * (1_000_000 // len(piece)))]) == []


def archive(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return made.getvalue()


def names(partition: Partition) -> list[str]:
    return [one.name for one in partition.attachments]


def test_secret_members_of_an_archive_are_left_out_and_named(partitioner: Partitioner) -> None:
    secret = {
        ".env": b"TOKEN=1",
        "home/.ssh/id_rsa": b"x",
        "server.pem": private_key().encode(),
        "./data/catalog.sqlite3": b"x",
        "data/run/state.json": b"{}",
        "data/logs/api.log": b"a question",
        "repository/.git/config": b"x",
        "KEYS\\ID_RSA": b"x",
    }
    content = archive({**secret, "a.md": b"# A", "ca.pem": certificate().encode()})
    read = partitioner.partition(content, name="backup.zip")
    assert names(read) == ["a.md", "ca.pem"]
    assert [one.text for one in read.elements] == ["a.md", "ca.pem"]
    assert len(read.secrets) == len(secret)
    for name in secret:
        plain = name.replace("\\", "/").removeprefix("./")
        assert any(said.startswith(f"{plain} in it was left out") for said in read.secrets)


def test_secret_attachments_of_a_message_are_left_out_and_named(partitioner: Partitioner) -> None:
    message = EmailMessage()
    message["Subject"] = "The key"
    message.set_content(f"As promised: {GITHUB_TOKEN}")
    for name, content in (("id_rsa", b"x"), ("offer.txt", b"An offer."), ("key.txt", private_key().encode())):
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    read = partitioner.partition(bytes(message), name="mail.eml")
    assert names(read) == ["offer.txt"]
    assert read.secrets == (
        "It holds a GitHub token: line 3 of its text.",
        "id_rsa in it was left out, for it is never a document: a private SSH key.",
        "key.txt in it was left out, for it is never a document: a private key.",
    )


def test_a_secret_in_a_pdf_has_its_page(partitioner: Partitioner) -> None:
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=(600, 800))
    for text in ("Nothing here.", f"The token is {GITHUB_TOKEN}"):
        canvas.drawString(40, 700, text)
        canvas.showPage()
    canvas.save()
    read = partitioner.partition(made.getvalue(), name="a.pdf")
    assert read.secrets == ("It holds a GitHub token: page 2.",)


def test_markdown_keeps_the_form_of_a_key(partitioner: Partitioner) -> None:
    for fenced in (private_key(), f"```\n{private_key()}```\n"):
        read = partitioner.partition(f"# Keys\n\nOurs is\n\n{fenced}\n".encode(), name="a.md")
        assert [said.split(":")[0] for said in read.secrets] == ["It holds a private key"]
