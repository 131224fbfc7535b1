"""Reading settings from the environment and a TOML file, with errors that name the way out."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from core.errors import ConfigurationError
from core.settings import Settings

PREFIX = "FOOTNOTE_"
CONFIG_VARIABLE = "FOOTNOTE_CONFIG"
CONFIG_FILE = "footnote.toml"


class _EnvironmentShape(Settings, BaseSettings):
    """Settings as pydantic-settings needs them to find nested keys in environment variables."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of this process: overrides, then the environment, then the TOML file, then the defaults.

    Raises:
        ConfigurationError: a file that can't be read, an unknown key (the nearest right one is named) or a bad value.
    """
    file = _file()
    merged = _merge(_read(file) if file else {}, _merge(_from_environment(), dict(overrides or {})))
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None
    return settings.read_from(file) if file else settings


def _file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named or CONFIG_FILE)
    if path.is_file():
        return path
    if named:
        raise ConfigurationError(f"{CONFIG_VARIABLE} names {named!r}, which is not a file.")
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read as TOML: {error}") from error


def _from_environment() -> dict[str, Any]:
    for name in os.environ:
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE:
            _check_name(name)
    try:
        return dict(EnvSettingsSource(_EnvironmentShape)())
    except ValueError as error:
        raise ConfigurationError(f"An environment variable can't be read: {error}") from error


def _check_name(name: str) -> None:
    path = name.removeprefix(PREFIX).casefold().split("__")
    known = set(_paths(Settings))
    if ".".join(path) not in known:
        variables = [PREFIX + key.upper().replace(".", "__") for key in known]
        raise ConfigurationError(f"Unknown setting {name}.{_nearest(name, variables)}")


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key, dotted, sections included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        section = _section(field.annotation)
        if section is not None:
            yield from _paths(section, f"{prefix}{name}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else " footnote.example.toml lists every setting."


def _explain(error: ValidationError) -> str:
    """One line a fault, without the values: they may be secrets."""
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"Unknown setting {key}.{_nearest(key, list(_paths(Settings)))}")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"Setting {key}: {message}." if key else f"{message}.")
    return "\n".join(lines)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged
