"""The part of Confluence's query language that listings use, parsed as a language.

https://developer.atlassian.com/cloud/confluence/advanced-searching-using-cql/: clauses of field, operator and value,
``and``, ``or``, ``not``, brackets, ``order by``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.servers.confluence.site import Content, Site

_TOKEN = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|(!=|>=|<=|!~|[=><~(),])|([^\s"\'=!<>~(),]+))')
_KEYWORDS = frozenset({"and", "or", "not", "in", "order", "by", "asc", "desc"})
Test = Callable[[Content], bool]


class BadQuery(ValueError):
    """What Confluence answers with 400."""


@dataclass(frozen=True)
class Query:
    """A parsed query: what it lets through, and in which order."""

    test: Test
    order: Callable[[Content], tuple[object, ...]]
    descending: bool

    def run(self, site: Site) -> list[Content]:
        """What of a site it finds."""
        found = [one for one in site.content.values() if site.indexed(one) and self.test(one)]
        return sorted(found, key=self.order, reverse=self.descending)


def parse(text: str) -> Query:
    """Read a query.

    Raises:
        BadQuery: it isn't one.
    """
    return _Parser(text).query()


@dataclass(frozen=True)
class _Token:
    text: str
    quoted: bool

    @property
    def word(self) -> str:
        return "" if self.quoted else self.text.lower()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[_Token] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if not found:
                raise BadQuery(f"Could not parse cql : {text}")
            quoted = found[1] if found[1] is not None else found[2]
            words = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found[3] or found[4]
            self._tokens.append(_Token(words, quoted is not None))
            at = found.end()

    def query(self) -> Query:
        test: Test = lambda _: True  # noqa: E731
        if self._peek() != "order":
            test = self._any()
        field, descending = "created", False
        if self._peek() == "order":
            self._take("order")
            self._take("by")
            field = self._next().word
            if self._peek() in ("asc", "desc"):
                descending = self._next().word == "desc"
        if self._tokens:
            raise BadQuery(f"Unexpected {self._tokens[0].text!r}")
        values = _FIELDS.get(field)
        if values is None or field not in ("created", "lastmodified", "title"):
            raise BadQuery(f"Cannot order by {field!r}")
        return Query(test, lambda one: (values(one)[0], one.id), descending)

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == "or":
            self._take("or")
            tests.append(self._all())
        return lambda one: any(test(one) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek() == "and":
            self._take("and")
            tests.append(self._one())
        return lambda one: all(test(one) for test in tests)

    def _one(self) -> Test:
        if self._peek() == "not":
            self._take("not")
            inner = self._one()
            return lambda one: not inner(one)
        if self._peek() == "(":
            self._take("(")
            inner = self._any()
            self._take(")")
            return inner
        return self._clause()

    def _clause(self) -> Test:
        field = self._next().word
        values = _FIELDS.get(field)
        if values is None:
            raise BadQuery(f"No field exists with name: {field}")
        negated = self._peek() == "not"
        if negated:
            self._take("not")
        operator = self._next().word
        if operator == "in":
            self._take("(")
            wanted = [self._value()]
            while self._peek() == ",":
                self._take(",")
                wanted.append(self._value())
            self._take(")")
            return lambda one: negated != any(value in wanted for value in values(one))
        return _comparison(operator, values, self._value())

    def _peek(self) -> str:
        return self._tokens[0].word if self._tokens else ""

    def _next(self) -> _Token:
        if not self._tokens:
            raise BadQuery("The query ends too early")
        return self._tokens.pop(0)

    def _take(self, word: str) -> None:
        if self._next().word != word:
            raise BadQuery(f"{word!r} is missing")

    def _value(self) -> object:
        token = self._next()
        if not token.quoted and (token.word in _KEYWORDS or token.word in "(),"):
            raise BadQuery(f"A value is missing before {token.text!r}")
        for form in ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d"):
            try:
                return datetime.strptime(token.text, form).replace(tzinfo=UTC)
            except ValueError:
                continue
        return token.text


def _comparison(operator: str, values: Callable[[Content], list[object]], wanted: object) -> Test:
    if operator in ("=", "!="):
        return lambda one: (wanted in values(one)) == (operator == "=")
    if operator in ("~", "!~"):
        text = str(wanted).lower()
        return lambda one: any(text in str(value).lower() for value in values(one)) == (operator == "~")
    compare: dict[str, Callable[[object, object], bool]] = {
        ">": lambda a, b: a > b,  # type: ignore[operator]
        ">=": lambda a, b: a >= b,  # type: ignore[operator]
        "<": lambda a, b: a < b,  # type: ignore[operator]
        "<=": lambda a, b: a <= b,  # type: ignore[operator]
    }
    if operator not in compare or not isinstance(wanted, datetime):
        raise BadQuery(f"Operator {operator!r} is not supported here")
    return lambda one: any(compare[operator](value, wanted) for value in values(one))


_FIELDS: dict[str, Callable[[Content], list[object]]] = {
    "space": lambda one: [one.space],
    "type": lambda one: [one.type],
    "id": lambda one: [one.id],
    "content": lambda one: [one.id],
    "title": lambda one: [one.title],
    "label": lambda one: list(one.labels),
    "container": lambda one: [one.parent] if one.type in ("attachment", "comment") else [],
    "created": lambda one: [one.created],
    "lastmodified": lambda one: [one.modified],
}
