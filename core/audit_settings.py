"""Settings of the audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from core.section import Section

AuditPlace = Literal["catalog", "file", "syslog"]


class AuditSettings(Section):
    """Who signed in, asked, was shown and opened what, and administered."""

    to: Annotated[tuple[AuditPlace, ...], Field(min_length=1)] = ("catalog",)
    """Where it is written; what can't be written to each of them isn't done."""
    file: Path | None = None
    """A line of JSON for each entry, for ``file``. Processes on one machine share it."""
    syslog: str = "/dev/log"
    """A socket's path, or host:port (UDP), for ``syslog``."""
    reading: bool = True
    """Also sign-ins, questions, searches, and documents that are shown and opened; else administration alone."""
    questions: Literal["kept", "hashed", "dropped"] = "hashed"
    """What is written of a question."""
    question_key: SecretStr | None = None
    """Goes into the hash of questions: without it, whoever reads the log can try out which question a hash is of."""
    keep_days: Annotated[int, Field(ge=0)] = 0
    """Entries in the catalog are removed after so many days; 0: never."""

    @model_validator(mode="after")
    def _with_a_file(self) -> Self:
        if "file" in self.to and self.file is None:
            raise ValueError("audit.to has 'file': set audit.file to where it is")
        return self
