"""What databases and their drivers raise, in Footnote's own words: neither statements nor passwords are in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import FootnoteError, SourceRefuses, SourceUnavailable

_LOGIN = re.compile(
    r"authentication failed|access denied|no password supplied|no pg_hba\.conf entry|role .* does not exist|"
    r"login failed|invalid username/password|is not permitted to log in",
    re.IGNORECASE,
)
_SLOW = re.compile(
    r"statement timeout|lock timeout|max_statement_time|maximum statement execution time|interrupted|"
    r"timed out|lock wait timeout",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"too many (?:connections|clients)|remaining connection slots|locked|starting up|shutting down", re.I
)
_REFUSED = (
    (re.compile(r"database .* does not exist|unknown database", re.I), "isn't there: check its name in the url"),
    (re.compile(r"read.?only", re.I), "was asked to change something: a source only reads"),
    (re.compile(r"denied|not authorized|prohibited", re.I), "doesn't let this user read that: grant SELECT"),
)
_MYSQL_LOGIN = frozenset({1044, 1045, 1698, 1130, 1251})
_MOST_CHARS = 300


@contextmanager
def translated(source: str, secrets: Sequence[str], timeout_s: float) -> Iterator[None]:
    """Raise what goes wrong within as an error of Footnote's.

    Args:
        source: what messages call the database.
        secrets: what no message repeats.

    Raises:
        SourceRefuses: a person has to see to it.
        SourceUnavailable: it may pass.
    """
    try:
        yield
    except PoolTimeout:
        raise SourceUnavailable(f"{source} has no connection to spare.") from None
    except DBAPIError as error:
        # Not raised from it: with its statement and the values in that, it would reach the log.
        raise _explained(source, error, _without(secrets, _words(error.orig)), timeout_s) from None
    except SQLAlchemyError as error:
        raise SourceRefuses(f"{source} can't be asked that: {_without(secrets, _words(error))}.") from None
    except UnicodeDecodeError as error:
        raise SourceRefuses(f"{source} holds text that isn't {error.encoding}: set its encoding, or cast it.") from None
    except OSError as error:
        raise SourceUnavailable(f"{source} doesn't answer ({error.strerror or type(error).__name__}).") from None


def _explained(source: str, error: DBAPIError, said: str, timeout_s: float) -> FootnoteError:
    if _SLOW.search(said) and not error.connection_invalidated:
        return SourceUnavailable(
            f"{source} took longer than {timeout_s:g} s (timeout_s) for a statement: put an index on the key columns "
            "and on 'modified', or give it longer."
        )
    if _LOGIN.search(said) or _number(error.orig) in _MYSQL_LOGIN:
        return SourceRefuses(f"{source} doesn't let us in: check the user and the password in the source's url.")
    for pattern, why in _REFUSED:
        if pattern.search(said):
            return SourceRefuses(f"{source} {why} ({said}).")
    if _BUSY.search(said) or _is_connection(error):
        return SourceUnavailable(f"{source} doesn't answer: {said}.")
    return SourceRefuses(f"{source} can't run the statement: {said}.")


def _is_connection(error: DBAPIError) -> bool:
    """Whether it is about the connection: an OperationalError without a state of its own, or with one of class 08."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in ("08", "57", "53", "40", "58")
    number = _number(error.orig)
    if number is not None:
        return number in (1040, 1053, 1205, 1213) or 2000 <= number < 3000  # noqa: PLR2004 - MySQL's client errors
    name = type(error.orig).__name__
    module = type(error.orig).__module__
    return name in ("OperationalError", "ConnectionTimeout", "InterfaceError") and not module.startswith("sqlite3")


def _number(original: Any) -> int | None:
    arguments: tuple[Any, ...] = getattr(original, "args", ())
    return arguments[0] if len(arguments) > 1 and isinstance(arguments[0], int) else None


def _words(error: Any) -> str:
    arguments: tuple[Any, ...] = getattr(error, "args", ())
    said = str(arguments[1] if _number(error) is not None else error).strip()
    return said.splitlines()[0].strip().rstrip(".")[:_MOST_CHARS] if said else type(error).__name__


def _without(secrets: Sequence[str], said: str) -> str:
    for secret in secrets:
        said = said.replace(secret, "***")
    return said
