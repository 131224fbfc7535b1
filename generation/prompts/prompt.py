"""What models are told, as files: the standing rules, a line of three dashes, and what is asked each time."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from core.errors import ConfigurationError
from core.model_settings import PromptSettings

PLACEHOLDERS = {"answering": ("no_answer", "sources", "question"), "rewriting": ("question",)}
_LINE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_MOST_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """One of them.

    Attributes:
        name: ``answering`` or ``rewriting``.
        system: the part before the line, ``asked`` the one behind it, with their placeholders.
        version: the name and a digest of the file: two of one version tell models the same.
    """

    name: str
    system: str
    asked: str
    version: str

    @classmethod
    def read(
        cls,
        name: str,
        file: Path | None = None,
        *,
        package: str = "generation.prompts",
        placeholders: Sequence[str] | None = None,
    ) -> Self:
        """The prompt of this name: Footnote's own, or the one in a file.

        Args:
            package: where Footnote's own is.
            placeholders: what it has to hold; None: as :data:`PLACEHOLDERS` says of the name.

        Raises:
            ConfigurationError: the file can't be read, or lacks the line or a placeholder.
        """
        where = f"prompts.{name}: {file}" if file else f"The packaged prompt {name}.md"
        try:
            source = file or importlib.resources.files(package) / f"{name}.md"
            content = source.read_bytes()
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{where} can't be read as UTF-8 text ({type(error).__name__}).") from error
        if len(content) > _MOST_BYTES:
            raise ConfigurationError(f"{where} has over {_MOST_BYTES} bytes.")
        system, *asked = _LINE.split(text.replace("\r\n", "\n"))
        if len(asked) != 1 or not system.strip():
            raise ConfigurationError(
                f"{where} must have the rules, one line of three dashes, and what is asked with each question."
            )
        for wanted in PLACEHOLDERS[name] if placeholders is None else placeholders:
            part = system if wanted == "no_answer" else asked[0]
            if f"{{{wanted}}}" not in part:
                side = "before" if wanted == "no_answer" else "behind"
                raise ConfigurationError(f"{where} lacks the placeholder {{{wanted}}} {side} its line of dashes.")
        digest = sha256(text.encode()).hexdigest()[:8]
        return cls(name, f"{system.strip()}\n", asked[0].strip(), f"{name}-{digest}")

    def filled(self, **values: str) -> tuple[str, str]:
        """Both parts with their placeholders filled, in one pass: what looks like one in a value stays as it is."""
        known = re.compile("|".join(rf"\{{{name}\}}" for name in values))
        system, asked = (known.sub(lambda m: values[m.group()[1:-1]], part) for part in (self.system, self.asked))
        return system, asked


@dataclass(frozen=True, slots=True)
class Prompts:
    """Those that are in use."""

    answering: Prompt
    rewriting: Prompt

    @classmethod
    def of(cls, settings: PromptSettings) -> Self:
        """The ones that the settings name, else Footnote's own.

        Raises:
            ConfigurationError: a file can't be read, or isn't a prompt.
        """
        return cls(Prompt.read("answering", settings.answering), Prompt.read("rewriting", settings.rewriting))

    @property
    def rules(self) -> str:
        """All that models are told by us: no answer repeats it."""
        return f"{self.answering.system}\n{self.rewriting.system}"

    @property
    def versions(self) -> tuple[str, ...]:
        """What the models are told, for caches, evaluations and whoever reads an answer later."""
        return self.answering.version, self.rewriting.version
