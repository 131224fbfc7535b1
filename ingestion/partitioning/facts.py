"""Facts about a document that people write down as YAML: in sidecars, and at the top of Markdown files."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from core.errors import InvalidRequest
from core.metadata import FACTS, FactKind, Metadata
from core.principal import AccessList

KEYS = (*FACTS, "acl")


class BadFacts(ValueError):
    """What was written down can't be used; the message says what and how to put it right."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one place says of a document. ``acl`` is None where nothing is said of permissions."""

    metadata: Metadata = field(default_factory=Metadata)
    acl: AccessList | None = None

    def over(self, below: Facts) -> Facts:
        """These facts, with what they don't say filled in from those below."""
        acl = below.acl if self.acl is None else self.acl
        return Facts(self.metadata.over(below.metadata), acl)

    def coming_from(self, origin: str) -> Facts:
        """The same facts, all of them with this origin."""
        return Facts(self.metadata.coming_from(origin), self.acl)


def read_facts(written: Mapping[Any, Any], *, strict: bool) -> Facts:
    """Turn parsed YAML into facts.

    Args:
        strict: unknown keys are errors (sidecars); otherwise they are somebody else's business (front matter), and so
            are values of the wrong type, but for permissions: a key that looks like a misspelt ``acl`` is always an
            error, and so is an ``acl`` that can't be read, since ignoring either would publish the document.

    Raises:
        BadFacts: names the key.
    """
    values: dict[str, Any] = {}
    for key, value in written.items():
        name = str(key).strip()
        known = name if name in KEYS else name.casefold() if not strict and name.casefold() in KEYS else None
        if known is None:
            _unknown(name, strict=strict)
        elif known == "acl" and known in values:
            raise BadFacts("'acl' stands there twice")
        else:
            values[known] = value
    acl = _acl(values.pop("acl")) if "acl" in values else None
    return Facts(_metadata(values, strict=strict), acl)


def _unknown(name: str, *, strict: bool) -> None:
    near = difflib.get_close_matches(name.casefold(), KEYS, n=1, cutoff=0.5)
    if strict:
        hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(KEYS)}."
        raise BadFacts(f"unknown key {name!r}; {hint}")
    if resembles_acl(name):
        raise BadFacts(f"unknown key {name!r}; did you mean 'acl'?")


def resembles_acl(key: str) -> bool:
    """Whether a key seems to be meant for ``acl``: that, misspelt."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", key).casefold() if letter.isalnum())
    return plain in ("alc", "cal") or bool(difflib.get_close_matches(plain, ["acl"], n=1, cutoff=0.75))


def is_term(text: str) -> bool:
    """Whether a text is an access term that names somebody."""
    return text.strip().startswith(("user:", "group:"))


def _acl(value: Any) -> AccessList:
    terms = [value] if isinstance(value, str) else value
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise BadFacts("'acl' must be a list of 'public', 'user:<id>' or 'group:<id>'")
    try:
        return AccessList.from_terms(term.strip() for term in terms)
    except InvalidRequest as error:
        raise BadFacts(f"'acl': {error.message}") from None


def _metadata(values: Mapping[str, Any], *, strict: bool) -> Metadata:
    readers = {FactKind.TERMS: _tags, FactKind.MOMENT: _moment}
    read: dict[str, Any] = {}
    for key, value in values.items():
        if value is None:
            continue
        try:
            read[key] = readers.get(FACTS[key], _words)(value)
        except ValueError as error:
            if strict:
                raise BadFacts(f"{key!r}: {error}") from None
    return Metadata(**read)


def _words(value: Any) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return " ".join(str(value).split())
    raise ValueError(f"must be text, not a {type(value).__name__}")


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        raise ValueError("must be a list of words")  # noqa: TRY004
    return clean_tags(_words(tag) for tag in value)


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Lower case, sorted, each once, none empty."""
    return tuple(sorted({tag.strip().casefold() for tag in tags} - {""}))


def told_moment(value: str) -> datetime | None:
    """A moment as a document's own properties tell it; None if it is none: what nobody wrote for us is no error."""
    try:
        return _moment(value)
    except ValueError:
        return None


def _moment(value: Any) -> datetime:
    """A date means its midnight, and a time without a zone is UTC: YAML itself says so of timestamps."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"{value!r} is not a date such as 2025-03-31") from None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError("must be a date such as 2025-03-31")
