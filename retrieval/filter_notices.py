"""What a reader is told of filters that leave out more than they may think.

Everything is looked up among what the reader may read: a value that only hidden documents have is unknown here, and is
no suggestion either.
"""

from __future__ import annotations

import difflib

from core.errors import FootnoteError
from core.filters import All, AnyCase, AnyOf, Between, Filter, Not, clauses_of
from core.logs import get_logger
from retrieval.index.port import SearchIndex

log = get_logger(__name__)

_NEAREST, _CUTOFF = 3, 0.5
_NAMED = 5
_LONGEST = 60


def filter_notices(index: SearchIndex, readable: Filter, requested: Filter, *, found: bool) -> list[str]:
    """A sentence for each value that no document has, and for each date that documents lack.

    Args:
        readable: what the reader may read.
        requested: what they asked for besides.
        found: whether the search found something.
    """
    clauses = list(clauses_of(requested))
    notices: list[str] = []
    try:
        for clause in clauses:
            if isinstance(clause, AnyOf | AnyCase):
                notices += _unknown(index, readable, clause, found=found)
            elif isinstance(clause, Between):
                others = tuple(one for one in clauses if one is not clause)
                notices += _undated(index, (readable, *others), clause.field)
    except FootnoteError as error:  # the search itself went well
        log.warning("retrieve.no_filter_notices", reason=error.message)
    return notices


def _unknown(index: SearchIndex, readable: Filter, clause: AnyOf | AnyCase, *, found: bool) -> list[str]:
    if found and len(clause.values) == 1:
        return []  # what was found has it
    held = {value.casefold() for value in index.values(clause.field, All((readable, clause)))}
    missing = sorted(value for value in clause.values if value.casefold() not in held)
    if not missing:
        return []
    if clause.field == "document_id":
        what = "1 of the documents" if len(missing) == 1 else f"{len(missing)} of the documents"
        return [f"{what} to look in {'is' if len(missing) == 1 else 'are'} gone, or not for you to read."]
    known = index.values(clause.field, readable)
    notices = [_told(clause.field, value, known) for value in missing[:_NAMED]]
    if len(missing) > _NAMED:
        notices.append(f"{len(missing) - _NAMED} more values of {clause.field} are in no document that you may read.")
    return notices


def _told(field: str, value: str, known: list[str]) -> str:
    by_folded = {one.casefold(): one for one in reversed(known)}
    near = [by_folded[one] for one in difflib.get_close_matches(value.casefold(), by_folded, _NEAREST, _CUTOFF)]
    said = f"No document that you may read has {field} {_quoted(value)}."
    if near:
        return f"{said} Did you mean {' or '.join(map(_quoted, near))}?"
    return (
        f"{said} There is {', '.join(map(_quoted, known[:_NAMED]))}{', ...' * (len(known) > _NAMED)}."
        if known
        else said
    )


def _undated(index: SearchIndex, others: tuple[Filter, ...], field: str) -> list[str]:
    without = index.count_documents(All((*others, Not(Between(field)))))
    if not without:
        return []
    what = "1 document has" if without == 1 else f"{without} documents have"
    return [f"{what} no date {field!r}, so the filter leaves {'it' if without == 1 else 'them'} out."]


def _quoted(value: str) -> str:
    """As Python writes it: what a document says can't work in a terminal then."""
    return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
