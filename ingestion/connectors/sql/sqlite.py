"""An SQLite file of somebody else's: opened to be read, and nothing but read."""

from __future__ import annotations

import sqlite3
import stat
import time
from pathlib import Path
from urllib.parse import quote

from core.errors import InvalidRequest, SourceRefuses
from ingestion.connectors.protected_paths import OWN_FILE, ProtectedPaths

_STEPS = 10_000
"""Instructions of SQLite between looks at the clock: about a millisecond."""
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION})
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})


class SqliteFile:
    """Opens one file.

    Args:
        database: its path, as the URL has it.
        protected: where none may be.

    Raises:
        InvalidRequest: no source may read it.
    """

    def __init__(self, database: str | None, protected: ProtectedPaths) -> None:
        if not database or database == ":memory:" or database.startswith("file:"):
            raise InvalidRequest("The source's config, 'url': name a file, as sqlite:////folder/file.sqlite3.")
        self.path = Path(database).expanduser().absolute()
        self._protected = protected
        if (refused := self._forbidden()) is not None:
            raise InvalidRequest(f"The file {self.path} can't be a source: {refused}.")

    def open(self, timeout_s: float) -> sqlite3.Connection:
        """A connection that can't write, nor reach another file.

        Raises:
            SourceRefuses: the file isn't there, or no source may read it any more.
        """
        try:
            mode = self.path.stat().st_mode
        except OSError as error:
            raise SourceRefuses(f"The file {self.path} can't be opened: {error.strerror}.") from None
        refused = "it is no file" if not stat.S_ISREG(mode) else self._forbidden()
        if refused is not None:
            raise SourceRefuses(f"The file {self.path} can't be a source: {refused}.")
        address = f"file:{quote(str(self.path))}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=timeout_s, check_same_thread=False)
        connection.text_factory = _text
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_authorise)
        return connection

    def begin(self, connection: sqlite3.Connection, deadline: float) -> None:
        """Have statements end at a moment of ``time.monotonic``."""
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)

    def _forbidden(self) -> str | None:
        found = self._protected.forbids(self.path) or self._protected.withholds(self.path.parent)
        if found is not None:
            return found
        try:
            state = self.path.stat()
        except OSError:
            return None  # whether it is there is found out when it is opened
        return OWN_FILE if self._protected.seen().is_own_file(state) else None


def _authorise(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second not in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and second is None and first == "read_uncommitted":
        return sqlite3.SQLITE_OK  # what SQLAlchemy asks of a new connection
    return sqlite3.SQLITE_DENY


def _text(value: bytes) -> str | bytes:
    """A text that isn't UTF-8 stays bytes: it is its row's fault, and not that of the statement."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
