"""Facts by path: what a source's configuration says of all documents below a folder, or of one kind of name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core.logs import get_logger
from core.metadata import Metadata
from ingestion.connectors.globs import compile_globs
from ingestion.partitioning.facts import clean_tags

_log = get_logger(__name__)


class Rule(BaseModel):
    """Facts about the documents that a glob matches.

    Attributes:
        match: a glob over paths relative to the root, with ``**`` for any folders.
        department, owner, tags, language: facts about what nothing nearer says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Annotated[str, Field(min_length=1)]
    department: str | None = None
    owner: str | None = None
    tags: list[str] = []
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None


class Rules:
    """The rules of one source. Where two say the same of a document, the later one counts, fact by fact."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, compile_globs([rule.match]), _facts(rule)) for rule in rules]
        self._used: set[str] = set()

    def said(self, external_id: str) -> list[Metadata]:
        """What each rule that matches says of a document, the one that counts first; origins name the rules."""
        said = []
        for rule, pattern, facts in reversed(self._rules):
            if _matches(pattern, external_id):
                self._used.add(rule.match)
                said.append(facts)
        return said

    def unused(self) -> list[str]:
        """The globs that have matched nothing so far."""
        return [rule.match for rule, _, _ in self._rules if rule.match not in self._used]

    def warn_of_unused(self, before: Sequence[str], folder: Path) -> list[str]:
        """Say once of each rule that it matches nothing; those that do so now.

        Args:
            before: those of the last pass, which were warned of then.
        """
        unused = self.unused()
        for match in unused:
            if match not in before:
                _log.warning("folder.rule_matches_nothing", folder=str(folder), rule=match)
        return unused


def _matches(pattern: re.Pattern[str], external_id: str) -> bool:
    return pattern.match(external_id) is not None


def _facts(rule: Rule) -> Metadata:
    facts = Metadata(department=rule.department, owner=rule.owner, tags=clean_tags(rule.tags), language=rule.language)
    return facts.coming_from(f"rule {rule.match}")
