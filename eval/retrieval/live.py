"""Judged questions about a knowledge base that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from eval.datasets import Collection, DatasetError, read_qrels, read_queries, read_rows
from ingestion.catalog.catalog import Catalog

_PAGE = 1000
_SHAPE = '{"id": "q1", "question": "...", "relevant": {"hr/leave.md": 2}}'


class Names:
    """What the documents of a knowledge base can be called: by id, by URI, or by the end of the URI."""

    def __init__(self, uris: Mapping[str, str]) -> None:
        """Take document ids with their URIs."""
        self._ids = set(uris)
        self._by_uri: dict[str, set[str]] = {}
        for document, uri in uris.items():
            for form in {uri, unquote(uri)}:
                parts = form.split("/")
                for first in range(len(parts)):
                    self._by_uri.setdefault("/".join(parts[first:]), set()).add(document)

    def __len__(self) -> int:
        return len(self._ids)

    def resolve(self, name: str, where: str) -> str | None:
        """The document's id; None if there is no such document.

        Raises:
            DatasetError: several documents end like that.
        """
        if name in self._ids:
            return name
        found = self._by_uri.get(name) or self._by_uri.get(name.removeprefix("/")) or set()
        if len(found) > 1:
            raise DatasetError(f"{where}: {name!r} is the end of {len(found)} documents' URIs; give more of it.")
        return next(iter(found), None)


def names_of(catalog: Catalog) -> Names:
    """The documents that the catalog knows."""
    uris: dict[str, str] = {}
    for source in catalog.sources.list():
        offset = 0
        while page := catalog.documents.list(source.id, limit=_PAGE, offset=offset):
            uris.update((record.id, record.uri) for record in page)
            offset += len(page)
    return Names(uris)


def read_questions(file: Path) -> dict[str, str]:
    """The questions of a JSONL file by id; without an ``id``, a question's is its line's number.

    Raises:
        DatasetError: the file isn't there, a line isn't of that shape, or an id is repeated.
    """
    return {query: question for _, query, question, _ in _questions(file)}


def read_judged(file: Path, names: Names, *, qrels: Path | None = None, allow_missing: bool = False) -> Collection:
    """Questions and their relevant documents, from each line's ``relevant`` and from a file of judgments.

    Documents are named by id, by URI, or by as much of the URI's end as says which it is.

    Args:
        file: JSONL; or a folder in the BEIR layout, of which ``queries.jsonl`` and ``qrels/test.tsv`` are read.
        qrels: judgments in the BEIR layout, as ``footnote eval judge-pool --read`` writes them.
        allow_missing: keep judgments of documents that the knowledge base lacks; they count as never found.

    Raises:
        DatasetError: a fault in a file (with its line), a document that isn't there, or no relevant document at all.
    """
    queries: dict[str, str] = {}
    judged: dict[str, dict[str, int]] = {}
    missing: list[tuple[str, str]] = []
    for where, query, question, relevant in _questions(file):
        queries[query] = question
        for name, grade in relevant.items():
            _judge(judged, missing, names, (where, query, name, grade), allow_missing=allow_missing)
    for where, query, name, grade in _more(file, qrels):
        if query not in queries:
            raise DatasetError(f"{where}: judges question {query!r}, which {file} lacks.")
        _judge(judged, missing, names, (where, query, name, grade), allow_missing=allow_missing)
    scored = {query: grades for query, grades in judged.items() if any(grade > 0 for grade in grades.values())}
    if not scored:
        raise DatasetError(f"{file} finds no document relevant to any question. A line reads: {_SHAPE}")
    asked = {query: question for query, question in queries.items() if query in scored}
    rest = {query: question for query, question in queries.items() if query not in scored}
    return Collection(file.stem, (), asked, scored, "live", rest, tuple(missing))


def _more(file: Path, qrels: Path | None) -> Iterator[tuple[str, str, str, int]]:
    if file.is_dir():
        yield from read_qrels(file / "qrels" / "test.tsv")
    if qrels is not None:
        yield from read_qrels(qrels)


def _judge(
    judged: dict[str, dict[str, int]],
    missing: list[tuple[str, str]],
    names: Names,
    judgment: tuple[str, str, str, int],
    *,
    allow_missing: bool,
) -> None:
    where, query, name, grade = judgment
    document = names.resolve(name, where)
    if document is None:
        if not allow_missing:
            raise DatasetError(
                f"{where}: no document of the knowledge base is called {name!r}. Put its id or the end of its URI "
                "right, drop it, or let such documents count as never found (--allow-missing)."
            )
        missing.append((query, name))
    judged.setdefault(query, {})[document or name] = grade


def _questions(file: Path) -> Iterator[tuple[str, str, str, dict[str, int]]]:
    """Where it stands, id, question, and grades by what the documents are called."""
    if file.is_dir():
        yield from ((str(file), query, text, {}) for query, text in read_queries(file / "queries.jsonl").items())
        return
    seen: set[str] = set()
    for number, (where, row) in enumerate(read_rows(file), start=1):
        query, question = str(row.get("id", number)), row.get("question")
        if not isinstance(question, str) or not question.strip():
            raise DatasetError(f"{where}: 'question' is missing or empty. A line reads: {_SHAPE}")
        if query in seen:
            raise DatasetError(f"{where}: question {query!r} is there twice. Remove one, or give it another id.")
        seen.add(query)
        yield where, query, question, _grades(row.get("relevant") or {}, where)
    if not seen:
        raise DatasetError(f"{file} holds no question. A line reads: {_SHAPE}")


def _grades(relevant: Any, where: str) -> dict[str, int]:
    grades = dict.fromkeys(relevant, 1) if isinstance(relevant, list) else relevant
    if not isinstance(grades, dict) or not all(_is_grade(name, grade) for name, grade in grades.items()):
        raise DatasetError(f"{where}: 'relevant' is a list of documents, or a mapping from documents to whole grades.")
    return grades


def _is_grade(name: object, grade: object) -> bool:
    return isinstance(name, str) and isinstance(grade, int) and not isinstance(grade, bool)
