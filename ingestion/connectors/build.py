"""Wires connectors by the kind that a source names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.errors import InvalidRequest
from core.principal import AccessList
from core.settings import Settings
from ingestion.connectors.folder import FolderConfig, FolderConnector
from ingestion.connectors.port import Connector

KINDS = ("folder",)


def build_connector(kind: str, config: Mapping[str, Any], settings: Settings) -> Connector:
    """The connector of a source.

    Raises:
        InvalidRequest: an unknown kind, a configuration of the wrong shape, or a folder that isn't there.
    """
    if kind not in KINDS:
        raise InvalidRequest(f"There is no source of kind {kind!r}; the kinds are {', '.join(KINDS)}.")
    try:
        folder = FolderConfig.model_validate(dict(config))
    except ValidationError as error:
        raise InvalidRequest(" ".join(_explain(fault) for fault in error.errors(include_url=False))) from None
    if not folder.path.is_dir():
        what = "is not a folder" if folder.path.exists() else "does not exist"
        raise InvalidRequest(f"The path {folder.path} {what}. Name a folder that the worker can read.")
    default = AccessList.from_terms(settings.sync.default_acl) if settings.sync.default_acl is not None else None
    return FolderConnector(folder, settings.parsing.max_file_mb * 1_000_000, default_acl=default)


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
