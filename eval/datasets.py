"""Reading retrieval collections in the BEIR layout."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class DatasetError(Exception):
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
        qrels: query id to document id to grade; grades of 0 and less are left in: they mean "not relevant".
    """

    name: str
    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def read_collection(folder: Path, *, split: str = "test") -> Collection:
    """Read ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``; queries without a relevant document go.

    Raises:
        DatasetError: a file is missing or malformed, an id is repeated, or a judgment names an unknown query.
    """
    documents: dict[str, Document] = {}
    for where, row in _rows(folder / "corpus.jsonl"):
        document = Document(_text(row, "_id", where), str(row.get("title") or ""), _text(row, "text", where))
        if document.id in documents:
            raise DatasetError(f"{where}: document {document.id!r} is there twice.")
        documents[document.id] = document
    queries = {_text(row, "_id", where): _text(row, "text", where) for where, row in _rows(folder / "queries.jsonl")}
    qrels = _qrels(folder / "qrels" / f"{split}.tsv")
    unknown = sorted(set(qrels) - set(queries))
    if unknown:
        raise DatasetError(f"{folder}: qrels/{split}.tsv judges query {unknown[0]!r}, which queries.jsonl lacks.")
    judged = {query: grades for query, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    return Collection(folder.name, tuple(documents.values()), {query: queries[query] for query in judged}, judged)


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_read(file).split("\n"), start=1):
        if line.strip():
            where = f"{file}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DatasetError(f"{where}: not JSON ({error}).") from error
            if not isinstance(row, dict):
                raise DatasetError(f"{where}: not a JSON object.")
            yield where, row


def _qrels(file: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    lines = csv.reader(_read(file).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for number, row in enumerate(lines, start=1):
        if number == 1 and row and row[0] == "query-id":
            continue
        try:
            query, document, grade = row
            qrels.setdefault(query, {})[document] = int(grade)
        except ValueError as error:
            raise DatasetError(f"{file}, line {number}: not 'query-id, corpus-id, score', tab separated.") from error
    return qrels


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
