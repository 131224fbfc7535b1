"""Files that want to do harm: each ends with a reason, and the next one is read."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from core.errors import DocumentError, DocumentTooLarge, UnreadableDocument
from core.settings import ParsingSettings
from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Upsert
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from tests.listings import read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def partitioner() -> Iterator[Partitioner]:
    pool = ChildProcessPartitioner(ParsingSettings(timeout_s=60))
    yield pool
    pool.close()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def workbook(rows: str) -> bytes:
    """A workbook whose one sheet says that it has 17 billion cells."""
    from openpyxl import Workbook

    stream = io.BytesIO()
    Workbook().save(stream)
    head = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<dimension ref="A1:XFD1048576"/><sheetData>'
    )
    with zipfile.ZipFile(stream) as plain:
        parts = {name: plain.read(name) for name in plain.namelist()}
    return zipped({**parts, "xl/worksheets/sheet1.xml": f"{head}{rows}</sheetData></worksheet>".encode()})


def row(number: int, *columns: str) -> str:
    cells = "".join(f'<c r="{column}{number}" t="inlineStr"><is><t>v</t></is></c>' for column in columns)
    return f'<row r="{number}">{cells}</row>'


def png(width: int, height: int) -> bytes:
    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(bytes(1000))) + part(b"IEND", b"")


ENTITIES = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "lol">' + ENTITIES + b"]><l>&a11;</l>"
NESTED_MAIL = b"From: a@b\nTo: b@b\nSubject: c\nMIME-Version: 1.0\n" + b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1500)
)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bomb.zip", zipped({"a.txt": bytes(200_000_000)}), "zip bombs"),
        ("crowd.zip", zipped({f"{n}.txt": b"x" for n in range(1001)}), "max_attachments"),
        ("laughs.xml", LAUGHS, "entity|ntities"),
        ("wide.xlsx", workbook("".join(row(n, "A", "XFD") for n in range(1, 400))), "million cells"),
        ("pixels.png", png(60_000, 60_000), "million pixels"),
        ("deep.xml", b"<?xml version='1.0'?>" + b"<a>" * 100_000, "depth|nested"),
        ("deep.html", b"<div>" * 100_000 + b"x", "nested too deeply"),
        ("deep.eml", NESTED_MAIL, "nested too deeply"),
        ("zeros.txt", b"\x00a\x00\x00" * 1000, "not text"),
    ],
)
def test_what_wants_to_do_harm_is_refused_with_a_reason(
    partitioner: Partitioner, name: str, content: bytes, says: str
) -> None:
    with pytest.raises((DocumentTooLarge, UnreadableDocument), match=says):
        partitioner.partition(content, name=name)


def test_a_sheet_of_two_far_cells_is_read(partitioner: Partitioner) -> None:
    content = workbook(row(1, "A") + row(1_048_576, "XFD"))
    found = partitioner.partition(content, name="far.xlsx")

    assert [element.place for element in found.elements[1:]] == ["Sheet!A1", "Sheet!XFD1048576"]


def test_an_entity_cannot_read_files(partitioner: Partitioner) -> None:
    content = (
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l><a>hello</a><b>&x;</b></l>'
    )
    try:
        text = " ".join(element.text for element in partitioner.partition(content, name="xxe.xml").elements)
    except DocumentError:
        text = ""

    assert "root:" not in text


def test_a_gigabyte_of_text_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(1_000_000_000)
    connector = FolderConnector(FolderConfig(path=tmp_path), max_file_bytes=200_000_000)
    (change,) = read(connector).changes

    assert isinstance(change, Upsert)
    with pytest.raises(DocumentTooLarge, match="max_file_mb"):
        connector.fetch("huge.txt", BytesIO())


ATTEMPTS = """
import os, socket, sys
from pathlib import Path
from ingestion.partitioning.sandbox import isolation
secret, parent = Path(sys.argv[1]), sys.argv[2]
isolation.limit()
held = isolation.enclose(Path.cwd(), [Path(path) for path in (sys.prefix, sys.base_prefix) if path != "/"])
def attempt(name, do):
    try:
        do()
        print(name, "worked")
    except OSError as error:
        print(name, "refused")
print("held", held.network, held.files)
attempt("connect", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=5))
attempt("resolve", lambda: socket.getaddrinfo("localhost", 80) and socket.socket().connect(("127.0.0.1", 9)))
attempt("secret", secret.read_text)
attempt("environment", Path(f"/proc/{parent}/environ").read_bytes)
attempt("write", lambda: Path(secret.parent, "new").write_text("x"))
attempt("own", lambda: Path("own").write_text("x"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the guards of other systems hold only for Python's own sockets")
def test_a_parser_reaches_no_network_no_secret_and_no_other_file(tmp_path: Path) -> None:
    import socket

    secret, own = tmp_path / "footnote.toml", tmp_path / "own"
    secret.write_text("password")
    own.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-c", ATTEMPTS, str(secret), str(os.getpid()), str(port)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True, timeout=60, check=True)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())

    network, files = said["held"].split()
    assert (said["connect"], said["resolve"], said["own"]) == ("refused", "refused", "worked")
    if files == "True":
        assert (said["secret"], said["environment"], said["write"]) == ("refused", "refused", "refused")
    assert network in ("True", "False")
