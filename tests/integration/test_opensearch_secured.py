"""A node with TLS and users: the right login, a wrong one, and a wrong authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from core.chunk import Chunk, EmbeddedChunk
from core.errors import ConfigurationError, IndexUnavailable
from core.filters import AnyOf
from core.settings import IndexSettings, OpenSearchSettings
from deploy.opensearch.certificates import write_certificates
from deploy.opensearch.node import Node, SecuredConfig
from retrieval.index.opensearch.index import OpenSearchIndex

PASSWORD = "a-Long-pass-phrase-42"
PUBLIC = AnyOf("acl", frozenset({"public"}))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    secured = Node(tmp_path_factory.mktemp("secured"), http_port=0, secured=SecuredConfig(PASSWORD, user="footnote"))
    secured.start(timeout_s=180)
    yield secured
    secured.stop()


def settings(node: Node, **changes: Any) -> IndexSettings:
    login = {"user": "footnote", "password": SecretStr(PASSWORD), "ca_file": node.ca_file}
    return IndexSettings(
        kind="opensearch", name="secured", opensearch=OpenSearchSettings(**{"url": node.url, **login, **changes})
    )


def test_the_right_login_writes_and_searches(node: Node) -> None:
    index = OpenSearchIndex(settings(node))
    index.ping()
    index.ensure("m", 2)
    passage = Chunk(
        id="a", document_id="d", source_id="s", uri="u", ordinal=0, text="penguins", start=0, end=8, acl=("public",)
    )
    vector = np.array([0.6, 0.8], np.float32)
    index.upsert([EmbeddedChunk(passage, vector[None])])
    index.refresh()
    found = index.both("penguin", vector, PUBLIC, 5)
    assert [c.chunk_id for c in found.lexical or []] == [c.chunk_id for c in found.vector or []] == ["a"]
    assert index.fetch(["a"], PUBLIC) == [passage]
    assert index.delete_documents({"d": 1}) == 1
    index.close()


@pytest.mark.parametrize("changes", [{"password": SecretStr("wrong")}, {"user": None, "password": None}])
def test_a_wrong_or_missing_login(node: Node, changes: dict[str, Any]) -> None:
    index = OpenSearchIndex(settings(node, **changes))
    for call in (index.ping, index.counts, lambda: index.ensure("m", 2), lambda: index.lexical("q", PUBLIC, 5)):
        with pytest.raises(ConfigurationError, match="refuses the login") as raised:
            call()
        assert "wrong" not in raised.value.message
    index.close()


@pytest.mark.parametrize("ca", ["another", "system"])
def test_an_authority_that_is_not_trusted(node: Node, ca: str, tmp_path: Path) -> None:
    write_certificates(tmp_path)
    index = OpenSearchIndex(settings(node, ca_file=tmp_path / "ca.pem" if ca == "another" else None))
    with pytest.raises(ConfigurationError, match="ca_file"):
        index.ping()
    index.close()


def test_a_ca_file_that_cannot_be_read(node: Node, tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    for expected in ("No such file", "can't be read"):
        with pytest.raises(ConfigurationError, match=expected):
            OpenSearchIndex(settings(node, ca_file=broken))
        broken.write_text("not a certificate")


def test_the_wrong_scheme(node: Node) -> None:
    index = OpenSearchIndex(settings(node, url=node.url.replace("https", "http")))
    with pytest.raises(IndexUnavailable, match="does not answer"):
        index.ping()
    index.close()


def test_keys_and_passwords_do_not_lie_around(node: Node) -> None:
    for key in (node.home / "config").glob("*-key.pem"):
        assert key.stat().st_mode & 0o077 == 0
    kept = [path for path in node.home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert kept == []
    assert PASSWORD not in repr(SecuredConfig(PASSWORD))
