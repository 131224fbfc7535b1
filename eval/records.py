"""What goes on later: records that are kept on disk while something long is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.datasets import DatasetError


class Part(BaseModel):
    """A piece of a record; a key that it doesn't know is an error."""

    model_config = ConfigDict(extra="forbid")


class Record(Part):
    """One that has a file of its own."""

    def save(self, file: Path) -> None:
        """Write it; a reader sees the old one or this one."""
        part = file.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(file)

    @classmethod
    def load(cls, file: Path, otherwise: str) -> Self:
        """Read it.

        Args:
            otherwise: what to do if it is no such record.

        Raises:
            DatasetError: it isn't one.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise DatasetError(
                f"{file} is no {cls.__name__.casefold()} that can go on: {otherwise}. ({error})"
            ) from None
