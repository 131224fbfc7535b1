"""The named ways of answering that an evaluation holds side by side: ``NAME=FILE_OR_KEYS``."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, InvalidRequest
from core.settings import Settings
from core.settings_source import load_settings

CURRENT = "current"
_OF_SERVICES = ("url", "key_file")
_OWN = (*_OF_SERVICES, "pipeline", "price")
_SHAPING = ("embedder", "reranker", "chunking", "retrieval", "llm", "rewrite", "prompts", "verification", "guard")
_NEXT_KEY = re.compile(r",(?=[a-z_][a-z0-9_.]*=)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, in any one currency."""

    input: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Of so many tokens."""
        return (self.input * input_tokens + self.output * output_tokens) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One way of answering.

    Attributes:
        settings: for answers in this process.
        url: the service that is asked instead; empty: none.
        key: the key that it is asked with.
        pipeline: the search pipeline that each question names; None: the settings' own.
        prices: of the model's tokens; None: costs aren't known.
        about: what shapes its answers, without secrets; equal for equal configurations.
    """

    name: str
    settings: Settings
    url: str = ""
    key: str | None = field(default=None, repr=False)
    pipeline: str | None = None
    prices: Prices | None = None
    about: dict[str, Any]

    @property
    def digest(self) -> str:
        """Identifies what shapes its answers."""
        return hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()[:12]


def read_configurations(given: Sequence[str]) -> list[Configuration]:
    """The configurations of the command line; with none given, the settings as they are.

    Each is a TOML file with settings, or ``key=value`` pairs of them (``llm.model=...,verification.policy=drop``), over
    the settings of this process. Beside settings it may have ``pipeline``, ``price.input`` and ``price.output`` (of a
    million tokens), and ``url`` and ``key_file`` of a service, whose own settings then hold.

    Raises:
        InvalidRequest: two of one name, or what is given is no configuration.
        ConfigurationError: a setting in it isn't one, or has a bad value.
    """
    found: dict[str, Configuration] = {}
    for one in given or (f"{CURRENT}=",):
        name, equals, spec = one.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"--config {one!r}: it takes NAME=FILE.toml or NAME=KEY=VALUE,..., the name in letters, digits and -_.+"
            )
        if name in found:
            raise InvalidRequest(f"--config: two configurations are called {name!r}. Give one of them another name.")
        found[name] = _configuration(name, _told(name, spec))
    return list(found.values())


def _configuration(name: str, told: dict[str, Any]) -> Configuration:
    own = {key: told.pop(key) for key in _OWN if key in told}
    where = f"--config {name}"
    prices = _prices(where, own.get("price"))
    pipeline = own.get("pipeline")
    url = str(own.get("url", ""))
    if url and told:
        raise InvalidRequest(
            f"{where}: {', '.join(sorted(told))} can't be set from here for the service at {url}, which has settings "
            "of its own. Leave them out, or leave out the url."
        )
    try:
        settings = load_settings(told)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error.message}") from error
    about: dict[str, Any] = {"pipeline": pipeline}
    if url:
        about["url"] = url
    else:
        about |= {name: getattr(settings, name).model_dump(mode="json") for name in _SHAPING}
    key = _key(where, own["key_file"]) if "key_file" in own else None
    return Configuration(
        name=name, settings=settings, url=url, key=key, pipeline=pipeline, prices=prices, about=about
    )  # fmt: skip


def _told(name: str, spec: str) -> dict[str, Any]:
    """What a file or the pairs say, as nested tables."""
    if not spec:
        return {}
    file = Path(spec)
    if file.is_file():
        try:
            return tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidRequest(f"--config {name}: {file} can't be read as TOML: {error}") from error
    told: dict[str, Any] = {}
    for pair in _NEXT_KEY.split(spec):
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidRequest(f"--config {name}: {pair!r} is neither a file nor KEY=VALUE.")
        *tables, last = key.strip().split(".")
        at = told
        for table in tables:
            at = at.setdefault(table, {})
        at[last] = _value(value)
    return told


def _value(text: str) -> Any:
    """As TOML writes it; what isn't TOML is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _prices(where: str, price: Any) -> Prices | None:
    if price is None:
        return None
    try:
        found = Prices(float(price["input"]), float(price["output"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"{where}: give both price.input and price.output, of a million tokens.") from error
    if found.input < 0 or found.output < 0:
        raise InvalidRequest(f"{where}: price.input and price.output can't be below 0.")
    return found


def _key(where: str, file: Any) -> str:
    try:
        return Path(str(file)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{where}: key_file {file} can't be read: {error}") from error
