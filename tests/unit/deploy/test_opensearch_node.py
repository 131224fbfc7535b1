"""What can go wrong before the local node runs. That it runs is seen in every test that uses it."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from core.errors import ConfigurationError, Conflict, IndexUnavailable, Unavailable
from deploy.opensearch.artifacts import class_path, find_java, install, vector_options
from deploy.opensearch.certificates import ADMIN_NAME, CA_FILE, NODE_NAME, write_certificates
from deploy.opensearch.node import Node

_MAKE_FOLDER = f"{shutil.which('mkdir')} -p ${{a#-DoutputDirectory=}}"


def program(folder: Path, name: str, script: str = "exit 0") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of our own, empty but for the shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    (cache / "node" / "opensearch-knn").mkdir(parents=True)
    return cache


def test_no_java(programs: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No java on the PATH.*apt-get install openjdk-17"):
        find_java()


def test_a_jre_is_not_enough(programs: Path) -> None:
    program(programs, "java")
    with pytest.raises(ConfigurationError, match="needs a JDK"):
        find_java()


def test_no_maven(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No mvn on the PATH.*apt-get install .*maven"):
        install(tmp_path / "cache", security=False, progress=lambda _: None)


def test_maven_that_fails_leaves_nothing_half_done(programs: Path, tmp_path: Path) -> None:
    program(programs, "mvn", "echo '[ERROR] Unknown host repo.maven.apache.org'; exit 1")
    cache = tmp_path / "cache"
    with pytest.raises(Unavailable, match="Unknown host"):
        install(cache, security=False, progress=lambda _: None)
    assert [left.name for left in cache.iterdir()] == ["install.lock"]


def test_of_several_at_once_one_fetches_and_the_others_wait_for_it(programs: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    os.mkfifo(tmp_path / "gate")
    program(programs, "mvn", f"echo called >> {calls}; read _ < {tmp_path / 'gate'}; for a; do :; done; {_MAKE_FOLDER}")
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(install, cache, security=False, progress=lambda _: None) for _ in range(3)]
        (tmp_path / "gate").write_text("go\n")  # returns once the program reads
        for one in done:
            one.result(60)
    assert calls.read_text().splitlines() == ["called"]
    assert (cache / "node").is_dir()


def test_of_two_versions_the_nodes_own_wins_then_the_security_plugins(jars: Path) -> None:
    (jars / "security").mkdir()
    for path in (
        "node/asm-9.7.jar",
        "security/asm-9.7.1.jar",
        "security/guava-33.4.0-jre.jar",
        "node/opensearch-knn/guava-32.1.3-jre.jar",
        "node/opensearch-knn/opensearch-knn-2.19.1.0.jar",
    ):
        (jars / path).touch()
    both = ["asm-9.7.jar", "guava-33.4.0-jre.jar", "opensearch-knn-2.19.1.0.jar"]
    assert [jar.name for jar in class_path(jars, security=True)] == both
    plain = ["asm-9.7.jar", "guava-32.1.3-jre.jar", "opensearch-knn-2.19.1.0.jar"]
    assert [jar.name for jar in class_path(jars, security=False)] == plain


def test_a_port_in_use(programs: Path, jars: Path, tmp_path: Path) -> None:
    program(programs, "java")
    program(programs, "javac")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port} .* in use"):
            Node(tmp_path / "home", http_port=port, cache=jars).start()


def test_a_node_that_ends_at_once_is_quoted(programs: Path, jars: Path, tmp_path: Path) -> None:
    program(programs, "javac")
    program(programs, "java", "echo 'Error: Could not reserve enough space for object heap'; exit 1")
    node = Node(tmp_path / "home", http_port=0, cache=jars)
    with pytest.raises(IndexUnavailable, match="Could not reserve enough space"):
        node.start(timeout_s=10)
    assert not node.running


def test_one_that_never_serves_is_stopped(programs: Path, jars: Path, tmp_path: Path) -> None:
    program(programs, "javac")
    program(programs, "java", "exec /bin/sleep 60")
    node = Node(tmp_path / "home", http_port=0, cache=jars)
    with pytest.raises(IndexUnavailable, match=r"did not serve within 0\.3 s"):
        node.start(timeout_s=0.3)
    assert not node.running


def test_a_stale_state_file_is_not_believed(tmp_path: Path) -> None:
    # The process id is in use, but by a process of another start time: ours.
    (tmp_path / "node.json").write_text(f'{{"pid": {os.getpid()}, "started": 1.0, "http_port": 9}}')
    node = Node(tmp_path)
    assert not node.running
    node.stop()
    assert node.url == "http://127.0.0.1:9200"


def test_certificates_are_strict_enough_for_any_client(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    context = ssl.create_default_context(cafile=str(tmp_path / CA_FILE))
    assert len(context.get_ca_certs()) == 1
    for name in (NODE_NAME, ADMIN_NAME):
        context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}-key.pem")
        certificate = x509.load_pem_x509_certificate((tmp_path / f"{name}.pem").read_bytes())
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate((tmp_path / CA_FILE).read_bytes()))
        assert certificate.subject.rfc4514_string() == f"CN={name}"


def jdk(folder: Path, release: str | None) -> Path:
    (folder / "bin").mkdir(parents=True)
    if release is not None:
        (folder / "release").write_text(release, encoding="utf-8")
    return folder / "bin" / "java"


def test_a_java_with_the_vector_module_is_told_to_use_it(tmp_path: Path) -> None:
    java = jdk(tmp_path, 'JAVA_VERSION="21.0.8"\nMODULES="java.base jdk.incubator.vector jdk.jfr"\n')
    assert vector_options(java) == (
        "--add-modules=jdk.incubator.vector",
        "-Dorg.apache.lucene.vectorization.upperJavaFeatureVersion=21",
    )


@pytest.mark.parametrize(
    "release",
    [
        'JAVA_VERSION="17.0.15"\nMODULES="java.base jdk.incubator.vector"\n',  # Lucene has no code for it
        'JAVA_VERSION="21"\nMODULES="java.base"\n',  # a runtime without the module
        'JAVA_VERSION="26-ea"\nMODULES="java.base jdk.incubator.vector"\n',  # nobody has tried
        "",
        None,
    ],
)
def test_any_other_java_gets_no_option_it_might_not_know(tmp_path: Path, release: str | None) -> None:
    assert vector_options(jdk(tmp_path, release)) == ()
