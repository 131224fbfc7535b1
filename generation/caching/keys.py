"""Under what an answer is kept: all that it depends on, as digests."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from importlib.metadata import version
from typing import Any

import orjson

from core.epoch import Epoch
from core.settings import Settings
from generation.prompts.prompt import Prompts
from generation.question import Question

_NO_MATTER = {
    "api",
    "broker",
    "blobs",
    "cache",
    "canary",
    "catalog",
    "data_dir",
    "environment",
    "parsing",
    "sync",
    "telemetry",
}
"""Settings that change no answer by themselves. All others are in the key, those that are yet to come as well."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where an answer is kept.

    Attributes:
        scope: of all questions that only differ in their words, as hexadecimal digits.
        name: of this question among all, as hexadecimal digits.
    """

    scope: str
    name: str


class Keys:
    """Makes the keys of one process.

    Args:
        model: who writes.
        schema: identifies the form in which answers are kept.
    """

    def __init__(self, settings: Settings, model: str, schema: str) -> None:
        catalog = settings.catalog.url
        self._fixed = _digest(
            {
                "footnote": version("footnote"),
                "schema": schema,
                # Two installations may share a server, and each has documents of its own.
                "catalog": catalog.get_secret_value() if catalog else str(settings.data_dir.absolute()),
                "settings": settings.model_dump(mode="json", exclude=_NO_MATTER),
                "model": model,
                "prompts": Prompts.of(settings.prompts).versions,
            }
        )

    def of(self, question: Question, generation: str, epoch: Epoch) -> Key:
        """The key of a question without earlier turns, asked of this generation of the index in this epoch."""
        scope = _digest(
            {
                "fixed": self._fixed,
                "terms": question.principal.terms,
                "sources": question.principal.sources,
                "filters": question.filters,
                "pipeline": question.pipeline,
                "generation": generation,
                "epoch": epoch.number,
            }
        )
        return Key(scope, _digest([scope, normalised(question.text)]))


def normalised(question: str) -> str:
    """The question without differences that don't show: in white space, and in how Unicode writes a letter."""
    return " ".join(unicodedata.normalize("NFC", question).split())


def _digest(value: Any) -> str:
    return hashlib.blake2b(orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """The value as JSON, alike in every process: sets are sorted, and objects name their type."""
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, {field.name: _plain(getattr(value, field.name)) for field in fields(value)}]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        plain = [_plain(one) for one in value]
        return sorted(plain, key=repr) if isinstance(value, set | frozenset) else plain
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        return value if value.isprintable() else ["hex", value.encode("utf-8", "surrogatepass").hex()]
    return value
