"""Reading retrieval collections in the BEIR layout."""

from __future__ import annotations

import csv
import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import FootnoteError


class DatasetError(FootnoteError):
    """A collection isn't there, or a file of it isn't in the BEIR layout; names the file and the line."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a collection."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection with the judged queries of one split.

    Attributes:
        queries: the judged ones: those with at least one relevant document.
        qrels: query id to document id to grade; grades of 0 and less are left in: they mean "not relevant".
        unjudged: the other queries of the file, by id: nobody found (or looked for) a relevant document for them.
        missing: judgments of documents that the corpus lacks, as (query id, document id); empty unless allowed.
    """

    name: str
    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    split: str = "test"
    unjudged: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[tuple[str, str], ...] = ()


def read_collection(folder: Path, *, split: str = "test", allow_missing: bool = False) -> Collection:
    """Read ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``.

    Args:
        allow_missing: keep judgments of documents that the corpus lacks; they count as relevant and never found, as in
            trec_eval.

    Raises:
        DatasetError: a file is missing or malformed, an id is repeated, a judgment names an unknown query or document,
            or no query has a relevant document.
    """
    documents = read_documents(folder)
    queries = read_queries(folder / "queries.jsonl")
    qrels, missing = _judgments(folder, split, queries, documents, allow_missing=allow_missing)
    judged = {query: grades for query, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    if not judged:
        raise DatasetError(
            f"{folder / 'qrels' / f'{split}.tsv'} finds no document relevant to any query, so there is nothing to "
            f"measure. {_other_splits(folder, split)}"
        )
    asked = {query: queries[query] for query in judged}
    rest = {query: text for query, text in queries.items() if query not in judged}
    return Collection(folder.resolve().name, tuple(documents.values()), asked, judged, split, rest, missing)


def read_documents(folder: Path) -> dict[str, Document]:
    """Read ``corpus.jsonl`` alone: the documents by id, in its order.

    Raises:
        DatasetError: it is missing, malformed or empty, or an id is repeated.
    """
    documents: dict[str, Document] = {}
    for where, row in read_rows(folder / "corpus.jsonl"):
        document = Document(_text(row, "_id", where), str(row.get("title") or ""), _text(row, "text", where))
        if document.id in documents:
            raise DatasetError(f"{where}: document {document.id!r} is there twice. Remove one of the two lines.")
        documents[document.id] = document
    if not documents:
        raise DatasetError(f"{folder / 'corpus.jsonl'} holds no document.")
    return documents


def read_queries(file: Path) -> dict[str, str]:
    """The queries of a JSONL file in the BEIR layout, by id. Raises DatasetError."""
    queries: dict[str, str] = {}
    for where, row in read_rows(file):
        query = _text(row, "_id", where)
        if query in queries:
            raise DatasetError(f"{where}: query {query!r} is there twice. Remove one of the two lines.")
        queries[query] = _text(row, "text", where)
    return queries


def _judgments(
    folder: Path, split: str, queries: Container[str], documents: Container[str], *, allow_missing: bool
) -> tuple[dict[str, dict[str, int]], tuple[tuple[str, str], ...]]:
    """The grades, and those of them that are of documents that aren't there."""
    file = folder / "qrels" / f"{split}.tsv"
    if not file.exists() and file.parent.is_dir():
        raise DatasetError(f"{file} is not there. {_other_splits(folder, split)}")
    qrels: dict[str, dict[str, int]] = {}
    missing = []
    for where, query, document, grade in read_qrels(file):
        if query not in queries:
            raise DatasetError(f"{where}: judges query {query!r}, which queries.jsonl lacks. Add it or drop the line.")
        if document not in documents:
            if not allow_missing:
                raise DatasetError(
                    f"{where}: judges document {document!r}, which corpus.jsonl lacks. Add the document, drop the "
                    "line, or let such documents count as never found (--allow-missing)."
                )
            missing.append((query, document))
        grades = qrels.setdefault(query, {})
        if grades.setdefault(document, grade) != grade:
            raise DatasetError(
                f"{where}: query {query!r} and document {document!r} were judged {grades[document]} before, and "
                f"{grade} here. Keep one of the two lines."
            )
    return qrels, tuple(missing)


def _other_splits(folder: Path, split: str) -> str:
    others = sorted(file.stem for file in (folder / "qrels").glob("*.tsv") if file.stem != split)
    return f"Splits that are there: {', '.join(others)}." if others else "There is no other split."


def read_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of a JSONL file, each with where it stands. Raises DatasetError."""
    for number, line in enumerate(_read(file).split("\n"), start=1):
        if line.strip():
            where = f"{file}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DatasetError(
                    f"{where}: not JSON ({error}). Each line is one object: put it right or drop it."
                ) from error
            if not isinstance(row, dict):
                raise DatasetError(f"{where}: not a JSON object.")
            yield where, row


def read_qrels(file: Path) -> Iterator[tuple[str, str, str, int]]:
    """The judgments of a file in the BEIR layout: where each stands, query id, document id, grade.

    Raises:
        DatasetError: the file isn't there, or a line isn't a judgment.
    """
    lines = csv.reader(_read(file).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for number, row in enumerate(lines, start=1):
        if not row or (number == 1 and row[0] == "query-id"):
            continue
        where = f"{file}, line {number}"
        try:
            query, document, grade = row
            yield where, query, document, int(grade)
        except ValueError as error:
            raise DatasetError(f"{where}: not 'query-id, corpus-id, score', tab separated.") from error


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DatasetError(
            f"{file} is not there: a collection is a folder with corpus.jsonl, queries.jsonl and qrels/<split>.tsv."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} can't be read: {error}") from error


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise DatasetError(f"{where}: {key!r} is missing or not a string.")
    return value
