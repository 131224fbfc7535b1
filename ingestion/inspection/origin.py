"""Which source a file belongs to, and under which id: that decides which sidecars and rules speak of it."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DocumentError, NotFound, UnreadableDocument
from core.settings import Settings
from ingestion.connectors.folder.connector import FolderConnector
from ingestion.connectors.registry import open_connector


@dataclass(frozen=True, slots=True)
class Located:
    """A file as a document of a folder source; ``source`` says which one."""

    connector: FolderConnector
    external_id: str
    source: str

    def content(self) -> bytes:
        """Its bytes.

        Raises:
            NotFound, DocumentTooLarge, SourceUnavailable: as :meth:`FolderConnector.fetch`.
        """
        received = io.BytesIO()
        self.connector.fetch(self.external_id, received)
        return received.getvalue()


def locate(file: Path, configs: Iterable[Mapping[str, Any]], settings: Settings) -> Located:
    """The file in the first folder source that takes it in; in a source of its own folder where none does.

    Args:
        configs: the configurations of folder sources, as their connector takes them.

    Raises:
        NotFound: there is no such file.
        InvalidRequest: a configuration can't be used.
    """
    # Links are kept, as a source keeps them.
    path = Path(os.path.abspath(file.expanduser()))  # noqa: PTH100
    if not path.exists():
        raise NotFound(f"{file} isn't there: check the spelling, or give the absolute path.")
    if not path.is_file():
        raise UnreadableDocument(f"{file} is not a file. Name one document.")
    for config in configs:
        found = _in(path, config, settings)
        if found is not None:
            return found
    # As `footnote ingest FILE` would take it in.
    alone = {"path": str(path.parent), "include": [glob.escape(path.name)]}
    found = _in(path, alone, settings)
    if found is None:
        raise UnreadableDocument(f"{file} is no document: hidden files, sidecars and temporary files are left out.")
    return found


def root_of(config: Mapping[str, Any]) -> Path:
    """The folder of a configuration, as its connector takes it."""
    return Path(os.path.abspath(Path(str(config.get("path", ""))).expanduser()))  # noqa: PTH100


def _in(path: Path, config: Mapping[str, Any], settings: Settings) -> Located | None:
    """The file in the source of this configuration; None if it isn't one of its documents."""
    root = root_of(config)
    if not path.is_relative_to(root) or not root.is_dir():
        return None
    connector = open_connector("folder", config, settings, "")
    assert isinstance(connector, FolderConnector)
    external_id = path.relative_to(root).as_posix()
    try:
        connector.layers(external_id)
    except NotFound:
        return None
    except DocumentError:
        pass  # one of its documents, though one that will be refused
    return Located(connector, external_id, str(root))
