"""Which connector a kind of source stands for: Footnote's own, and those that other packages bring."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pydantic import ValidationError

from core.clock import SystemClock
from core.errors import ConfigurationError, InvalidRequest
from core.principal import AccessList
from core.settings import Settings
from ingestion.connectors.port import Connector, ConnectorContext, Inbox, SourceConfig
from ingestion.connectors.protected_paths import ProtectedPaths

ENTRY_POINTS = "footnote.connectors"
"""The group of entry points by which a package brings a connector: its kind's name, and its class."""
_OWN = {
    "folder": "ingestion.connectors.folder.connector:FolderConnector",
    "s3": "ingestion.connectors.s3.connector:S3Connector",
    "sql": "ingestion.connectors.sql.connector:SqlConnector",
    "sharepoint": "ingestion.connectors.sharepoint.connector:SharePointConnector",
    "confluence": "ingestion.connectors.confluence.connector:ConfluenceConnector",
    "website": "ingestion.connectors.website.connector:WebsiteConnector",
    "push": "ingestion.connectors.push:PushConnector",
}
"""Loaded when they are asked for: most bring a library that takes its time."""


def kinds() -> list[str]:
    """The kinds of source that there are, by name."""
    return sorted({*_OWN, *_foreign()})


def connector_class(kind: str) -> type[Connector]:
    """The connector of a kind.

    Raises:
        InvalidRequest: there is no such kind.
        ConfigurationError: it can't be loaded, or isn't a connector.
    """
    if kind in _OWN:
        module, _, name = _OWN[kind].partition(":")
        return cast(type[Connector], getattr(import_module(module), name))
    foreign = _foreign()
    if kind not in foreign:
        near = difflib.get_close_matches(kind, kinds(), n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"The kinds are {', '.join(kinds())}."
        raise InvalidRequest(f"There is no source of kind {kind!r}. {hint}")
    try:
        found = foreign[kind].load()
    except Exception as error:  # another package's module may raise anything while it loads
        raise ConfigurationError(
            f"The connector {kind!r} of {foreign[kind].value} can't be loaded ({type(error).__name__}: {error}). "
            "Update or remove the package that brings it."
        ) from error
    if not (isinstance(found, type) and all(hasattr(found, name) for name in ("config_model", "open", "changes"))):
        raise ConfigurationError(f"{foreign[kind].value} isn't a connector: see ingestion/connectors/README.md.")
    return cast(type[Connector], found)


def config_schema(kind: str) -> dict[str, Any]:
    """The JSON schema of a kind's configuration; what the models say of their attributes describes its properties.

    Raises:
        InvalidRequest, ConfigurationError: as for :func:`connector_class`.
    """
    model = connector_class(kind).config_model
    schema = model.model_json_schema()
    told = {**_told(SourceConfig), **_told(model)}
    for name, property_ in schema["properties"].items():
        if name in told:
            property_["description"] = told[name]
    schema["description"] = (inspect.getdoc(model) or "").partition("\n")[0]
    return schema


def _told(model: type[SourceConfig]) -> dict[str, str]:
    """What a model's description says of each attribute."""
    _, _, attributes = (inspect.getdoc(model) or "").partition("Attributes:\n")
    entries = re.findall(r"^    (\w[\w, ]*): (.+(?:\n {8}.+)*)", attributes, re.MULTILINE)
    words = {names: re.sub(r":\w+:`([^`]+)`", r"\1", " ".join(said.split())) for names, said in entries}
    return {name: said for names, said in words.items() for name in names.split(", ")}


def read_config(kind: str, config: Mapping[str, Any]) -> SourceConfig:
    """A source's configuration, checked against its connector's own model.

    Raises:
        InvalidRequest: there is no such kind; or a key is unknown, missing or of the wrong shape: all that is wrong
            is named.
    """
    model = connector_class(kind).config_model
    try:
        return model.model_validate(dict(config))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidRequest(" ".join(_explain(fault, model) for fault in faults)) from None


def open_connector(
    kind: str,
    config: Mapping[str, Any],
    settings: Settings,
    source_id: str,
    inbox: Inbox | None = None,
    *,
    creating: bool = False,
) -> Connector:
    """The connector of a source, to be closed by the caller.

    Opened anew for each listing and each document, so that a setting or a link that has changed since counts.

    Args:
        creating: the source is being made or changed.
        inbox: what was pushed to the source, in a process that can read that.

    Raises:
        InvalidRequest: an unknown kind, or a configuration that it can't use on this machine.
    """
    read = read_config(kind, config)
    context = replace(context_of(settings, source_id, creating=creating), inbox=inbox)
    return connector_class(kind).open(read, context)


def context_of(settings: Settings, source_id: str, *, creating: bool = False) -> ConnectorContext:
    """What connectors get of these settings."""
    from ingestion.broker import broker_client  # noqa: PLC0415 - brings Celery, which the command line does without
    from ingestion.connectors.shared_budget import SharedBudget  # noqa: PLC0415 - the same

    default, proxy = settings.sync.default_acl, settings.sources.proxy
    return ConnectorContext(
        source_id=source_id,
        max_file_bytes=settings.parsing.max_file_mb * 1_000_000,
        default_acl=AccessList.everyone() if default is None else AccessList.from_terms(default),
        clock=SystemClock(),
        protected=ProtectedPaths.of(settings),
        budget=SharedBudget(broker_client(settings), source_id),
        proxy=None if proxy is None else proxy.get_secret_value(),
        creating=creating,
    )


def _foreign() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _explain(fault: Mapping[str, Any], model: type[SourceConfig]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        keys = sorted(model.model_fields)
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"The keys are {', '.join(keys)}."
        return f"Unknown key {key!r} in the source's config. {hint}"
    if fault["type"] == "missing":
        return f"The source's config lacks {key!r}."
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"The source's config, {key!r}: {message}." if key else f"The source's config: {message}."
