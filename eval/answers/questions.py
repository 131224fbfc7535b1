"""Sets of questions to evaluate answers with: a JSON object a line."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from core.errors import InvalidFilter
from core.filters import parse_filters
from core.principal import Principal
from eval.datasets import DatasetError, read_rows

_SHAPE = '{"id": "q1", "question": "...", "documents": ["hr/leave.md"], "words": ["30 days"]}'
_OTHER_NAMES = {"files": "documents", "reference_answer": "reference", "document_id": "documents"}
_UNREAD = frozenset({"standalone", "misspelt", "meant", "and_files", "in_path", "answer_start"})
"""Keys of other sets that say nothing of answers."""


Rating = Literal["", "up", "down"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reader(_Part):
    """Who asks; without a user, somebody who reads what is public."""

    user: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def principal(self) -> Principal:
        """As searches know them."""
        return Principal(self.user, frozenset(self.groups))


class Span(_Part):
    """Words of a document that answer the question, to the letter apart from white space."""

    text: str
    document: str = ""


class EvalQuestion(_Part):
    """A question with what is known of its answer.

    Attributes:
        id: unique in its set; without one, the line's number.
        turns: what was asked and answered before it, in turn, oldest first.
        filters: as in a request.
        reference: a right answer.
        documents: what it should rest on, by id, URI, or the end of a URI; any one of them will do.
        words: what an answer must hold; of ``a|b`` either.
        no_answer: the documents don't answer it: the right answer is none.
        kind, department, type, language, split: slices of reports.
        rating, comments: what readers said of the answer that they were given, where it was really asked.
        versions: hashes of the bytes of the documents that it was made from, by id: stale questions are told.
    """

    id: str
    question: str
    turns: tuple[str, ...] = ()
    filters: dict[str, Any] | None = None
    reader: Reader = Reader()
    reference: str = ""
    documents: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    words: tuple[str, ...] = ()
    no_answer: bool = False
    kind: str = ""
    department: str = ""
    type: str = ""
    language: str = ""
    split: str = ""
    rating: Rating = ""
    comments: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    _where: str = PrivateAttr("")

    @property
    def where(self) -> str:
        """Where it stands, for people."""
        return self._where or f"question {self.id!r}"

    def narrowed(self, source: str) -> EvalQuestion:
        """The same, of the documents of one source."""
        return self.model_copy(update={"filters": {**(self.filters or {}), "source": [source]}})

    @property
    def answerable(self) -> bool | None:
        """Whether the documents answer it; None: nobody has said."""
        if self.no_answer:
            return False
        return True if self.documents or self.spans or self.words or self.reference else None


def read_eval_questions(file: Path) -> list[EvalQuestion]:
    """The questions of a JSONL file.

    Raises:
        DatasetError: it isn't there or holds none, a line isn't a question (its number is told), or an id is repeated.
    """
    asked: dict[str, EvalQuestion] = {}
    for number, (where, row) in enumerate(read_rows(file), start=1):
        one = _question(row, number, where)
        if one.id in asked:
            raise DatasetError(f"{where}: question {one.id!r} is there twice. Remove one, or give it another id.")
        asked[one.id] = one
    if not asked:
        raise DatasetError(f"{file} holds no question. A line reads: {_SHAPE}")
    return list(asked.values())


def fingerprint(questions: Iterable[EvalQuestion]) -> str:
    """Identifies a set: answers compare only where it is equal."""
    parts = [one.model_dump(mode="json", exclude={"rating", "comments"}) for one in questions]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _question(row: dict[str, Any], number: int, where: str) -> EvalQuestion:
    given = _renamed(row, number)
    unknown = sorted(set(given) - set(EvalQuestion.model_fields))
    if unknown:
        near = difflib.get_close_matches(unknown[0], EvalQuestion.model_fields, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" A line reads: {_SHAPE}"
        raise DatasetError(f"{where}: there is no key {unknown[0]!r}.{hint}")
    text = given.get("question")
    if not isinstance(text, str) or not text.strip():
        raise DatasetError(f"{where}: 'question' is missing or empty. A line reads: {_SHAPE}")
    try:
        one = EvalQuestion.model_validate(given)
        parse_filters(one.filters)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise DatasetError(f"{where}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}.") from error
    except InvalidFilter as error:
        raise DatasetError(f"{where}: {error.message}") from error
    one._where = where
    if one.no_answer and (one.documents or one.spans or one.words or one.reference):
        raise DatasetError(f"{where}: 'no_answer' is set, and an answer is expected too: keep one of the two.")
    return one


def _renamed(row: dict[str, Any], number: int) -> dict[str, Any]:
    """The row under the names of :class:`EvalQuestion`; those of older sets and of covidqa are known too."""
    given = {_OTHER_NAMES.get(key, key): value for key, value in row.items() if key not in _UNREAD}
    given["id"] = str(given.get("id", number))
    if isinstance(given.get("documents"), str):
        given["documents"] = [given["documents"]]
    turns = given.get("turns")
    if "question" not in given and isinstance(turns, list) and turns:
        *given["turns"], given["question"] = turns
    if "files" in row and not (row["files"] or row.get("words") or "in_path" in row):
        given["no_answer"] = True
    if "answer_start" in row and "spans" not in row and given.get("reference"):
        given["spans"] = [{"text": given["reference"]}]
    return given
