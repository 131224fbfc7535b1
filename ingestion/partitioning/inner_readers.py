"""Who may read a document that holds others, by what is written in and beside those.

Its bytes can be opened as a whole, so whoever reads it reads all that it holds. Its readers must therefore be among
those that every sidecar in it, and the front matter of every document in it, names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import reduce
from pathlib import PurePosixPath

from core.errors import DocumentError, UnreadableDocument
from core.principal import AccessList
from ingestion.partitioning.facts import BadFacts
from ingestion.partitioning.front_matter import LONGEST, facts_at_top
from ingestion.partitioning.port import Attachment, InnerReaders
from ingestion.partitioning.sidecars import is_misnamed, is_sidecar, read_sidecar

_DEEPEST = 5
"""How deep documents in one another are looked through: further than the pipeline reads by default."""

Open = Callable[[Attachment], Sequence[Attachment]]


def inner_readers(attachments: Sequence[Attachment], opened: Open) -> InnerReaders | None:
    """Who may read everything in a document; None if nothing in it restricts that.

    Args:
        attachments: the files in it.
        opened: tells the files in one of these.
    """
    said: list[tuple[str, frozenset[str]]] = []
    for name, acl in _statements(attachments, opened, "", _DEEPEST):
        if isinstance(acl, BadFacts):
            return InnerReaders((), f"{name} in it can't be understood, and may restrict who may read it: {acl}")
        if not acl.public:
            said.append((name, frozenset(acl.terms())))
    if not said:
        return None
    terms = reduce(frozenset.intersection, (one for _, one in said))
    named = ", ".join(dict.fromkeys(name for name, _ in said[:3]))
    return InnerReaders(tuple(sorted(terms)), f"{named} in it may be read by fewer than the document that it lies in")


def _statements(
    attachments: Sequence[Attachment], opened: Open, place: str, depth: int
) -> Iterator[tuple[str, AccessList | BadFacts]]:
    for one in attachments:
        name = place + one.name
        try:
            acl = _stated(one)
        except BadFacts as error:
            yield name, error
            continue
        if acl is not None:
            yield name, acl
        if depth:
            with suppress(DocumentError):  # it is refused by itself when its turn comes
                yield from _statements(opened(one), opened, f"{name}!/", depth - 1)


def _stated(one: Attachment) -> AccessList | None:
    last = PurePosixPath(one.name).name
    if is_sidecar(last):
        return read_sidecar(one.content, one.name).facts.acl
    if is_misnamed(last) and b"acl" in one.content.replace(b"\x00", b"").lower():
        raise BadFacts("it isn't named like a sidecar")
    with suppress(UnreadableDocument):  # no text, and so it says nothing
        return facts_at_top(one.content[:LONGEST], last).acl
    return None
