"""The YAML block at the top of a Markdown file, and what looks like one that is to say who may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from core.errors import UnreadableDocument
from ingestion.partitioning.facts import KEYS, BadFacts, Facts, is_term, read_facts, resembles_acl
from ingestion.partitioning.kinds import told_kind
from ingestion.partitioning.plain_yaml import NotYamlError, load_yaml
from ingestion.partitioning.text.decoding import decode

LONGEST = 64 * 1024
"""Bytes, and characters, in which the block must end: what is read of a file to find it."""
_BLOCK = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"^[A-Za-z_][\w-]*:(\s|$)", re.MULTILINE)
_ACL = r"[\"']?acls?[\"']?(?!\w)"
_MENTIONS_ACL = re.compile(rf"(?:^|[{{,?])[^\w\n]*{_ACL}", re.IGNORECASE | re.MULTILINE)
_ACL_KEY = re.compile(rf"(?:^|[{{,?])[^\w\n]*{_ACL}[^\w\n]*?[:=]", re.IGNORECASE | re.MULTILINE)
_ACL_TERMS = re.compile(rf"^[^\w\n]*{_ACL}[^\w\n]*[:=]?\s*[^\w\n]*(?:user|group):\S", re.IGNORECASE | re.MULTILINE)
_BREAKS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_ABOVE = re.compile(r"(?:[\s\ufeff\u200b-\u200f\u2060]+|<!--.*?-->)*", re.DOTALL)
_FENCE = re.compile(r"(?:[-\u2010-\u2015+;]{3,}|\u2014)(?=[^-+;\w]|\w*\s|acl)", re.IGNORECASE)
_CLOSING = re.compile(r"^(?:[-\u2010-\u2015+;.]{3,}|\u2014)\s*$", re.MULTILINE)
_METADATA = re.compile(r"\s|#|%|$|[\"'?{}\[\],&!-]|[^\W\d][^\n:=]{0,60}[:=]")
_FENCED = ("markdown", "html", "text", "rst", "org")
"""Kinds of text whose files some tool begins with a block between such lines."""
_HOW = "begin the file with a line '---', write YAML with the key 'acl', end it with another line '---'"


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
        written = load_yaml(found[1])
    except NotYamlError as error:
        if _MENTIONS_ACL.search(_BREAKS.sub("\n", found[1])):
            raise BadFacts(f"it mentions 'acl' but is not YAML: {error}") from None
        return Facts(), text, False
    if written is None:
        return Facts(), text[found.end() :], True
    if not isinstance(written, dict):
        if _names_readers(found[1]):
            raise BadFacts("it mentions 'acl' but is not a list of 'key: value' lines")
        return Facts(), text, False
    facts = read_facts(written, strict=False)
    if facts.acl is None:
        _check_elsewhere(written)
    return facts, text[found.end() :], True


def _check_elsewhere(written: dict[Any, Any]) -> None:
    """Refuse permissions that stand where they aren't read: deeper than the first level, or under another name."""
    for place, key, value in _entries(written, ""):
        if place and resembles_acl(key):
            raise BadFacts(f"{key!r} stands within {place!r}; move it to the first level")
        terms = value if isinstance(value, list) else [value]
        if key.casefold() not in KEYS and any(isinstance(term, str) and is_term(term) for term in terms):
            raise BadFacts(f"{key!r} names readers; the key is 'acl'")


def _entries(written: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(written, dict):
        for key, value in written.items():
            yield place, str(key), value
            yield from _entries(value, str(key))
    elif isinstance(written, list):
        for value in written:
            yield from _entries(value, place or "a list")


def front_matter_fault(text: str) -> str | None:
    """Why a block at the top that looks like front matter isn't; None if it is, or if there is none.

    A block without a line of ``key: value`` is a rule drawn with dashes, and no front matter that went wrong.
    """
    found = _BLOCK.match(text[:LONGEST])
    if found is None or not _KEY.search(found[1]):
        return None
    try:
        written = load_yaml(found[1])
    except NotYamlError as error:
        return str(error)
    return None if written is None or isinstance(written, dict) else "it is not a list of 'key: value' lines"


def facts_at_top(head: bytes, name: str) -> Facts:
    """What the first bytes of a file say of it. Only Markdown has front matter.

    Args:
        head: its first :data:`LONGEST` bytes; fewer are all of it.

    Raises:
        BadFacts: who may read it seems to stand there, in a way that isn't understood; or so it may beyond ``head``.
        UnreadableDocument: it is named like Markdown but isn't text.
    """
    is_markdown = told_kind(name, None) == "markdown"
    if not head.strip() or not (is_markdown or _may_say(head)):
        return Facts()
    whole = len(head) < LONGEST
    try:
        text, _ = decode(head, name, whole=whole)
    except UnreadableDocument:
        if is_markdown:
            raise
        return Facts()
    if is_markdown and _BLOCK.match(text):
        try:
            return split_front_matter(text)[0].coming_from("front matter")
        except BadFacts as error:
            raise BadFacts(f"its front matter can't be used: {error}") from None
    _check_unread(_BREAKS.sub("\n", text), name, whole=whole)
    return Facts()


def _may_say(head: bytes) -> bool:
    """Whether a file that isn't named like Markdown is worth decoding: in every encoding of text, letters show."""
    plain = head.replace(b"\x00", b"")
    return b"acl" in plain.lower() or (len(head) >= LONGEST and b"---" in plain[:10])


def _check_unread(text: str, name: str, *, whole: bool) -> None:
    """Refuse a text that isn't read as front matter and looks as if it wanted to say who may read it."""
    kind = told_kind(name, None)
    how = _HOW if kind == "markdown" else f"only Markdown has front matter; take it out, write {name}.meta.yaml instead"
    start = _ABOVE.match(text)
    assert start is not None
    above, top = text[: start.end()], text[start.end() :]
    fence = _FENCE.match(top)
    block = top[fence.end() :] if fence else top
    end = _CLOSING.search(block, block.find("\n") + 1) if fence else None
    body = block[: end.start()] if end else "\n".join(takewhile(_METADATA.match, block.split("\n")))
    is_block = fence is not None or (kind == "markdown" and top.startswith("{"))
    if (is_block and _names_readers(body)) or any(map(_ACL_TERMS.search, (above, _first_paragraph(top)))):
        raise BadFacts(f"who may read it seems to stand at its top, in a form that isn't read: {how}")
    if (
        fence
        and end is None
        and not whole
        and kind in _FENCED
        and (_KEY.search(_first_paragraph(body)) or body == block)
    ):
        raise BadFacts(f"what its first line opens doesn't end within {LONGEST // 1024} kB: {how}")


def _names_readers(block: str) -> bool:
    return bool(_ACL_KEY.search(block) or _ACL_TERMS.search(block))


def _first_paragraph(text: str) -> str:
    return re.split(r"\n[ \t]*\n", text.lstrip(), maxsplit=1)[0]
