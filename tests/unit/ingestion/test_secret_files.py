"""Which files are secret: by their names, their bytes, and the folders that they lie in."""

from __future__ import annotations

import codecs
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.secret_files import data_folders, secret_by_content, secret_by_name, secret_file
from tests.secrets import FOOTNOTE_KEY, certificate, private_key

SECRET_NAMES = [
    *(
        ".env",
        ".env.local",
        ".env.production",
        "prod.env",
        ".envrc",
        ".netrc",
        "_netrc",
        ".pgpass",
        ".npmrc",
        ".pypirc",
    ),
    *(".htpasswd", ".git-credentials", ".dockercfg", ".docker/config.json", ".config/gh/hosts.yml", "etc/shadow"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ed25519_sk", "id_rsa_work", "ssh_host_rsa_key"),
    *("server.p12", "server.pfx", "store.jks", "passwords.kdbx", "key.p8", "putty.ppk", "http.keytab"),
    *(".git/config", ".ssh/config", ".aws/credentials", ".kube/config", ".azure/profile", ".gnupg/pubring.kbx"),
    *(".config/gcloud/access_tokens.db", "application_default_credentials.json", "client_secret_12.json", "kubeconfig"),
    *("terraform.tfstate", "terraform.tfstate.backup", "prod.tfvars", "admin.key", "footnote.toml", ".footnote/x"),
    f"blobs/documents/{'0a' * 16}/{'0b' * 32}/original",
]
PLAIN_NAMES = [
    *("id_rsa.pub", "id_ed25519.pub.bak", ".env.example", ".env.sample", "id_rsa.md", "environment.md", "about-env.md"),
    *("server.pem", "ca.crt", "talk.key", "credentials.md", "shadow.md", "shadow", "config.json", "gitconfig.md"),
    *("footnote.example.toml", "git/config", "ssh/notes.md", "aws/credentials-policy.md", "documents/a/b/original"),
    *("package.json", "terraform.md", "grid_rsa", "key.txt", "admin-key.md"),
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_known_secret_files_are_told_by_their_names(name: str) -> None:
    assert secret_by_name(name)
    assert secret_by_name(f"a/b c/{name}")


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_other_files_are_not(name: str) -> None:
    assert secret_by_name(name) is None


@given(
    name=st.sampled_from(SECRET_NAMES),
    folders=st.lists(st.text(string.ascii_letters + ". -", min_size=1, max_size=8), max_size=3),
    ending=st.sampled_from(["", "~", ".bak", ".old", ".bak2", " copy", " (1)", ".orig~"]),
    seed=st.integers(0, 2**32),
)
def test_neither_case_nor_folder_nor_copy_makes_one_public(
    name: str, folders: list[str], ending: str, seed: int
) -> None:
    choice = random.Random(seed)
    path = "".join(choice.choice((c.upper(), c.lower())) for c in "/".join((*folders, name)))
    assert secret_by_name(path + ending)


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "OPENSSH ", "DSA ", "ENCRYPTED ", ""])
@pytest.mark.parametrize("name", ["server.pem", "notes.txt", "key", "a.md", "x.json"])
def test_a_file_that_is_a_private_key_is_secret_under_every_name(kind: str, name: str) -> None:
    key = private_key(kind).encode()
    assert secret_file(name, key)
    assert secret_file(name, b"\n  " + key)
    assert secret_file(name, codecs.BOM_UTF8 + key)
    assert secret_file(name, key.decode().encode("utf-16"))


def test_a_certificate_is_no_secret_until_its_key_stands_beside_it() -> None:
    public = certificate().encode()
    assert secret_file("server.pem", public) is None
    assert secret_file("server.crt", public) is None
    assert secret_file("server.pem", public + private_key("RSA ").encode())
    assert secret_file("server.pem.bak", b"Bag Attributes\n" + private_key("").encode())


def test_a_key_file_is_secret_unless_it_is_a_presentation() -> None:
    assert secret_file("server.key", b"anything")
    assert secret_file("talk.key", b"PK\x03\x04and so on") is None
    assert secret_file("admin.key", b"PK\x03\x04and so on")


def test_a_key_of_footnote_alone_is_a_key_file() -> None:
    assert secret_file("notes.txt", f"{FOOTNOTE_KEY}\n".encode())
    assert secret_file("notes.txt", f"Use {FOOTNOTE_KEY}\n".encode()) is None  # a document, with a warning


def test_credentials_of_clouds_are_told_by_what_stands_in_them() -> None:
    google = b'{"type": "service_account", "project_id": "p", "private_key": "..."}'
    azure = b'{"clientId": "a", "clientSecret": "b", "tenantId": "c"}'
    assert secret_by_content("sa.json", google)
    assert secret_by_content("sp.json", azure)
    assert secret_by_content("report.md", google) is None
    assert secret_by_content("schema.json", b'{"type": "object", "title": "service_account"}') is None


@pytest.mark.parametrize("piece", ["~", ".1", " copy", ".bak", "a/", "(1)", ".env."])
def test_no_name_takes_it_long(piece: str) -> None:
    # As an archive may have them; were it quadratic, these would take minutes.
    for name in (piece * 200_000 + "x.md", "x.md" + piece * 200_000 + "é"):
        assert secret_file(name, b"text") is None


def test_a_data_directory_is_known_by_what_lies_beside_each_other() -> None:
    backup = ["b/data/catalog.sqlite3", "b/data/blobs/x", "b/data/logs/api.log", "b/notes.md"]
    assert data_folders(backup) == {"b/data/"}
    assert secret_file("b/data/logs/api.log", b"log", {"b/data/"})
    assert secret_file("b/notes.md", b"notes", {"b/data/"}) is None
    assert data_folders(["catalog.sqlite3", "admin.key"]) == {""}
    assert data_folders(["catalog.sqlite3", "a/index/b.md", "run/x.md"]) == {""}
    assert data_folders(["a/catalog.sqlite3", "b/blobs/x", "index/y.md"]) == frozenset()
