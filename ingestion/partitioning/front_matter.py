"""The YAML block at the top of a Markdown file."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ingestion.partitioning.facts import BadFacts, Facts, read_facts

_BLOCK = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MENTIONS_ACL = re.compile(r"^\s*[\"']?acl", re.IGNORECASE | re.MULTILINE)
_KEY = re.compile(r"^[A-Za-z_][\w-]*:(\s|$)", re.MULTILINE)
LONGEST = 64 * 1024
"""Characters in which the block must end: what the connector reads of a file to find it."""


def split_front_matter(text: str) -> tuple[Facts, str, bool]:
    """Take the front matter off a Markdown text.

    Returns:
        Its facts, the text below it, and whether there was a block that could be read. A block that isn't a YAML
        mapping (a rule drawn with dashes, a template) stays in the text.

    Raises:
        BadFacts: its permissions can't be read; ignoring them would publish the document.
    """
    found = _BLOCK.match(text[:LONGEST])
    if found is None:
        return Facts(), text, False
    try:
        written: Any = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError) as error:
        if _MENTIONS_ACL.search(found[1]):
            raise BadFacts(f"it mentions 'acl' but is not YAML: {one_line(error)}") from None
        return Facts(), text, False
    if written is None:
        return Facts(), text[found.end() :], True
    if not isinstance(written, dict):
        return Facts(), text, False
    return read_facts(written, strict=False), text[found.end() :], True


def front_matter_fault(text: str) -> str | None:
    """Why a block at the top that looks like front matter isn't; None if it is, or if there is none.

    A block without a line of ``key: value`` is a rule drawn with dashes, and no front matter that went wrong.
    """
    found = _BLOCK.match(text[:LONGEST])
    if found is None or not _KEY.search(found[1]):
        return None
    try:
        written: Any = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError) as error:
        return one_line(error)
    return None if written is None or isinstance(written, dict) else "it is not a list of 'key: value' lines"


def one_line(error: Exception) -> str:
    """A parser's message without its line breaks and its excerpt of the file."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem} (line {mark.line + 1})" if mark is not None else str(problem)
