"""What a folder source is told."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, field_validator

from ingestion.connectors.folder.rules import Rule
from ingestion.connectors.port import SourceConfig

_EXCLUDED = ["**/node_modules/**", "**/__pycache__/**", "**/~$*", "**/*.tmp", "**/Thumbs.db", "**/desktop.ini"]


class FolderConfig(SourceConfig):
    """What a folder source is told.

    Attributes:
        path: the folder; ``~`` is the home of the user who runs the worker.
        include, exclude: globs relative to it, with ``**`` for any folders; hidden files are never documents.
        default_acl: who may read what nothing in the folder is said of, as terms (:mod:`core.principal`). None: as the
            folders above it say, and else as the installation is set up.
        rules: facts by path; each of them counts where no sidecar and no front matter says otherwise, a later rule
            before an earlier one.
    """

    path: Path
    include: list[str] = Field(default=["**/*"], min_length=1)
    exclude: list[str] = Field(default=_EXCLUDED)
    rules: list[Rule] = Field(default=[])

    @field_validator("path", mode="before")
    @classmethod
    def _named(cls, path: object) -> object:
        if isinstance(path, str) and (not path.strip() or "\0" in path):
            # An empty one would be the folder that the process happens to run in.
            raise ValueError("it names no folder. Give the absolute path of one")
        return path

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        # Links in it are kept: the folder's address is what people know it by.
        try:
            return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100
        except RuntimeError:
            raise ValueError(f"there is no home of the user that {str(path.parts[0])[:100]} names") from None
