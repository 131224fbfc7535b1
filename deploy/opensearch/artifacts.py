"""Fetches the local node's jars with Maven, once per machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import ConfigurationError, Unavailable

VERSION = "2.19.1"
HERE = Path(__file__).parent
MAVEN_TIMEOUT_S = 900
HINT = "On Debian: apt-get install openjdk-17-jdk-headless maven."

Progress = Callable[[str], None]

_SIMD_MODULE = "jdk.incubator.vector"
_SIMD_JAVAS = range(20, 26)
"""Lucene 9.12 knows the module of 20 to 22 and has to be told that later ones will do; 25 was tried."""
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


def default_cache() -> Path:
    """Where the jars are kept: outside any checkout, so that clones share them."""
    return Path.home() / ".cache" / "footnote" / f"opensearch-{VERSION}"


def find_java() -> Path:
    """The ``java`` of a JDK: the launcher is run from its source, which a JRE can't.

    Raises:
        ConfigurationError: there is no Java, or it is a JRE.
    """
    found = shutil.which("java")
    if found is None:
        raise ConfigurationError(f"No java on the PATH: the local OpenSearch node needs a JDK of 17 or later. {HINT}")
    java = Path(found).resolve()
    if not java.with_name("javac").exists():
        raise ConfigurationError(f"{java} belongs to a JRE: the local OpenSearch node needs a JDK. {HINT}")
    return java


def vector_options(java: Path) -> tuple[str, ...]:
    """What lets Lucene compare vectors with SIMD on this Java, which the JDK's ``release`` file tells about.

    Without it, as on Java 17, they are compared number by number, with the same results.
    """
    release = java.parent.parent / "release"
    if not release.is_file():
        return ()
    facts = dict(re.findall(r'^(\w+)="(.*)"$', release.read_text(encoding="utf-8"), re.MULTILINE))
    version = facts.get("JAVA_VERSION", "").partition(".")[0]
    feature = int(version) if version.isdigit() else 0
    if feature not in _SIMD_JAVAS or _SIMD_MODULE not in facts.get("MODULES", "").split():
        return ()
    return (f"--add-modules={_SIMD_MODULE}", f"-Dorg.apache.lucene.vectorization.upperJavaFeatureVersion={feature}")


def install(cache: Path, *, security: bool, progress: Progress) -> None:
    """Fetch what is missing into ``cache``: the node with k-NN (55 MB), and the security plugin (49 MB) if asked for.

    A folder appears only when it is complete, so an interrupted call is simply repeated. A call waits for one in
    another process: Maven's own cache isn't made for two at once.

    Raises:
        ConfigurationError: Maven is missing.
        Unavailable: Maven could not fetch the artifacts; its own last words are in the message.
    """
    for part in ("node", "security") if security else ("node",):
        if not (cache / part).is_dir():
            cache.mkdir(parents=True, exist_ok=True)
            with _alone(cache):
                if not (cache / part).is_dir():
                    progress(f"Fetching OpenSearch {VERSION} ({part}) with Maven into {cache}")
                    _install_part(cache, part)


def class_path(cache: Path, *, security: bool) -> list[Path]:
    """The jars in order. Of two versions of one library, the node's own wins, then the security plugin's."""
    folders = [cache / "node", *([cache / "security"] if security else []), cache / "node" / "opensearch-knn"]
    chosen: dict[str, Path] = {}
    for folder in folders:
        for jar in sorted(folder.glob("*.jar")):
            chosen.setdefault(re.sub(r"-\d[^/]*\.jar$", "", jar.name), jar)
    return list(chosen.values())


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    lock = FileLock(cache / "install.lock")
    try:
        lock.acquire(timeout=2 * MAVEN_TIMEOUT_S)
    except Timeout as error:
        raise Unavailable(f"Another process has been fetching OpenSearch into {cache} for too long.") from error
    try:
        yield
    finally:
        lock.release()


def _install_part(cache: Path, part: str) -> None:
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{part}-") as scratch:
        folder = Path(scratch) / part
        _run_maven(part, folder)
        for archive in folder.glob("*.zip"):
            # The k-NN plugin's libraries stay apart: the security plugin's versions of some must come before them.
            name = archive.name.split("-2.", 1)[0]
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(folder if part == "security" else folder / name)
            archive.unlink()
        folder.rename(cache / part)


def _run_maven(part: str, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError(f"No mvn on the PATH: the local OpenSearch node is fetched with Maven. {HINT}")
    arguments = [maven, "-B", "-q", "-f", str(HERE / "pom.xml"), f"-P{part}", _GOAL, f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments, no shell
            arguments, capture_output=True, text=True, timeout=MAVEN_TIMEOUT_S, check=False, cwd=folder.parent
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"Maven did not finish fetching OpenSearch in {MAVEN_TIMEOUT_S} s; check the network and try again."
        ) from error
    if done.returncode != 0:
        words = "\n".join(line for line in done.stdout.splitlines() if "ERROR" in line)[:2000]
        raise Unavailable(f"Maven could not fetch OpenSearch {VERSION}; check the network and try again.\n{words}")
