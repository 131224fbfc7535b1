"""Wires connectors by the kind that a source names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import InvalidRequest
from core.principal import AccessList
from core.settings import Settings
from ingestion.connectors.folder import FolderConfig, FolderConnector
from ingestion.connectors.places import Places
from ingestion.connectors.port import Connector

KINDS = ("folder",)
_SHOWN = 200
"""Characters of a path that a message repeats."""


def build_connector(kind: str, config: Mapping[str, Any], settings: Settings) -> Connector:
    """The connector of a source.

    Built anew for each listing and each document, so that a setting or a link that has changed since counts.

    Raises:
        InvalidRequest: an unknown kind, a configuration of the wrong shape, a folder that isn't there, or one that no
            source may read.
    """
    folder, places = _folder(kind, config), Places.of(settings)
    if (fault := _fault_of(folder.path)) is not None:
        raise InvalidRequest(f"The path {str(folder.path)[:_SHOWN]} {fault}. Name a folder that the worker can read.")
    if (forbidden := places.forbids(folder.path)) is not None:
        raise InvalidRequest(f"The path {folder.path} can't be a source: {forbidden}.")
    default = None if settings.sync.default_acl is None else AccessList.from_terms(settings.sync.default_acl)
    return FolderConnector(folder, settings.parsing.max_file_mb * 1_000_000, places=places, default_acl=default)


def check_source(kind: str, config: Mapping[str, Any], settings: Settings) -> None:
    """Whether a source may be made of this, or changed to it.

    Raises:
        InvalidRequest: as for :func:`build_connector`; or the folder holds Footnote's data directory, or lies in one.
    """
    build_connector(kind, config, settings)
    folder = _folder(kind, config)
    if (refused := Places.of(settings).refuses(folder.path)) is not None:
        raise InvalidRequest(f"The path {folder.path} can't be a source: {refused}.")


def _folder(kind: str, config: Mapping[str, Any]) -> FolderConfig:
    if kind not in KINDS:
        raise InvalidRequest(f"There is no source of kind {kind!r}; the kinds are {', '.join(KINDS)}.")
    path = config.get("path")
    if isinstance(path, str) and (not path.strip() or "\0" in path):
        # An empty one would be the folder that the process happens to run in.
        raise InvalidRequest("The source's config, 'path': it names no folder. Give the absolute path of one.")
    try:
        return FolderConfig.model_validate(dict(config))
    except ValidationError as error:
        raise InvalidRequest(" ".join(_explain(fault) for fault in error.errors(include_url=False))) from None


def _fault_of(path: Path) -> str | None:
    """What keeps a path from being a folder's."""
    try:
        if path.is_dir():
            return None
        return "is not a folder" if path.exists() else "does not exist"
    except OSError as error:  # too long, closed to us, a disk that fails
        return f"can't be looked up ({error.strerror})"


def _explain(fault: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        keys = sorted(FolderConfig.model_fields)
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"The keys are {', '.join(keys)}."
        return f"Unknown key {key!r} in the source's config. {hint}"
    if fault["type"] == "missing":
        return f"The source's config lacks {key!r}."
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"The source's config, {key!r}: {message}."
