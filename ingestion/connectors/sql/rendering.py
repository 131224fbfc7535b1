"""A row as a document: its bytes by a template, and its readers and facts by its columns."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlalchemy import RowMapping

from core.errors import InvalidRequest, SourceRefuses
from core.link import is_external
from core.metadata import FACTS, FactKind, Metadata
from core.principal import AccessList
from ingestion.connectors.sql.values import as_moment
from ingestion.partitioning.facts import clean_tags

if TYPE_CHECKING:
    from ingestion.connectors.sql.config import SqlConfig

_RAISED = (
    *(TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError),
    MemoryError,
)
"""What a template's expressions may raise."""
_LONGEST_WORDS = 500
Row = RowMapping


class RowFault(Exception):
    """A row can't be made a document: the reason."""


class _Bytes:
    """What stands for bytes that are no text: nothing, as long as a template doesn't use it."""

    def __init__(self, column: str) -> None:
        self._column = column

    def __str__(self) -> str:
        raise ValueError(f"the column {self._column!r} holds bytes that are no text: cast it, or leave it out")

    def __html__(self) -> str:
        return str(self)


def read_template(text: str, *, escape: bool) -> tuple[Template, frozenset[str]]:
    """A template, and the columns that it uses.

    Raises:
        ValueError: it is no Jinja template: the reason, with its line.
    """
    environment = ImmutableSandboxedEnvironment(
        autoescape=escape,
        undefined=StrictUndefined,
        finalize=lambda value: "" if value is None else value,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        used = meta.find_undeclared_variables(environment.parse(text)) - environment.globals.keys()
        return environment.from_string(text), frozenset(used)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ValueError(f"it is no Jinja template: {error.message}{f' (line {line})' if line else ''}") from None


class Renderer:
    """Makes documents of rows.

    Args:
        config: the source's.
        default: who may read rows of which nothing is said.
    """

    def __init__(self, config: SqlConfig, default: AccessList) -> None:
        self._config = config
        self._default = default
        self._template, self._used = read_template(config.template, escape=config.format == "html")
        self._uri, in_uri = read_template(config.uri or "", escape=False)
        self._used |= in_uri
        tags = clean_tags(config.tags)
        self._given = Metadata(department=config.department, tags=tags).coming_from("source settings")

    def check(self, columns: Collection[str], source: str) -> None:
        """Return if there is every column that the configuration and the templates name.

        Raises:
            SourceRefuses: one is missing; it is named, and what there is.
        """
        named = {**dict.fromkeys(self._used, "template"), **self._config.wanted()}
        for column, key in named.items():
            if column not in columns:
                near = difflib.get_close_matches(column, list(columns), n=1, cutoff=0.5)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                shown = ", ".join(list(columns)[:50])
                raise SourceRefuses(f"{source} has no column {column!r} (config {key!r}). {hint}It has: {shown}.")

    def pieces(self, row: Row) -> Iterator[bytes]:
        """A row's document, piece by piece.

        Raises:
            RowFault: the template fails on it.
        """
        try:
            for piece in self._template.generate(_usable(row)):
                yield piece.encode()
        except _RAISED as error:
            raise RowFault(f"The template fails: {_said(error)}.") from None

    def digest(self, row: Row) -> tuple[str, int]:
        """SHA-256 of a row's document, in hex, and its bytes. It is never whole in memory.

        Raises:
            RowFault: the template fails on it.
        """
        digest, size = hashlib.sha256(), 0
        for piece in self.pieces(row):
            digest.update(piece)
            size += len(piece)
        return digest.hexdigest(), size

    def uri(self, row: Row) -> str | None:
        """Where a person opens a row; None: nobody has said.

        Raises:
            RowFault: the template fails on it, or makes no address of the web.
        """
        if self._config.uri is None:
            return None
        try:
            found = self._uri.render(_usable(row)).strip()
        except _RAISED as error:
            raise RowFault(f"The template of 'uri' fails: {_said(error)}.") from None
        if not is_external(found):
            raise RowFault(f"The template of 'uri' makes no address of the web: {found[:100]!r}. Use | urlencode.")
        return found

    def readers(self, row: Row) -> AccessList:
        """Who may read a row.

        Raises:
            RowFault: that can't be told.
        """
        if self._config.acl is None:
            return self._default
        value = _text_of(row[self._config.acl])
        if value is None or value == "":
            if self._config.default_acl is not None:
                return self._default
            raise RowFault(
                f"The column {self._config.acl!r} is empty, so nobody knows who may read it: fill it, or set "
                "default_acl in the source's config."
            )
        try:
            return AccessList.from_terms(_small(term) for term in _list_of(value))
        except (InvalidRequest, ValueError) as error:
            why = error.message if isinstance(error, InvalidRequest) else str(error)
            raise RowFault(f"Who may read it can't be told from the column {self._config.acl!r}: {why}") from None

    def metadata(self, row: Row) -> Metadata:
        """What the columns say of a row. What isn't what its fact should be isn't said."""
        facts: dict[str, Any] = {}
        for name, column in self._config.columns.named().items():
            read = _READERS[FACTS[name]]
            if value := read(_text_of(row[column])):
                facts[name] = value
        if self._config.modified is not None:
            facts.setdefault("modified", as_moment(_text_of(row[self._config.modified])))
        return Metadata(**facts).coming_from("database").over(self._given)


def _said(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


def _usable(row: Row) -> dict[str, Any]:
    texts = {str(name): _text_of(value) for name, value in row.items()}
    return {name: _Bytes(name) if isinstance(text, bytes) else text for name, text in texts.items()}


def _text_of(value: Any) -> Any:
    """Bytes that are text as text; everything else as it is."""
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _list_of(value: Any) -> list[str]:
    """A list, its JSON, or what stands between commas.

    Raises:
        ValueError: it is none of them.
    """
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
        except (ValueError, RecursionError):
            raise ValueError(f"{value[:100]!r} is not JSON.") from None
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise ValueError("it must be a list of texts, its JSON, or texts between commas.")
    return [one.strip() for one in found]


def _small(term: str) -> str:
    """A term; an e-mail address in small letters, as keys and identity providers name readers."""
    kind, separator, name = term.partition(":")
    return f"{kind}{separator}{name.lower()}" if kind == "user" and "@" in name else term


def _words(value: Any) -> str | None:
    if value is None or isinstance(value, bytes | list | dict):
        return None
    return " ".join((value.isoformat() if isinstance(value, date) else str(value)).split())[:_LONGEST_WORDS]


def _tags(value: Any) -> tuple[str, ...]:
    try:
        return () if value is None else clean_tags(_list_of(value))
    except ValueError:
        return ()


_READERS: dict[FactKind, Callable[[Any], Any]] = {
    FactKind.WORDS: _words,
    FactKind.TERM: _words,
    FactKind.TERMS: _tags,
    FactKind.MOMENT: as_moment,
}
