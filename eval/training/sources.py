"""The sources of a recipe as questions with their relevant documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.settings import Settings
from eval.datasets import Collection, DatasetError, read_collection, read_documents, read_rows
from eval.retrieval.live import Names, names_of, read_judged
from eval.training.recipe import (
    BeirSource,
    ClicksSource,
    HeadingsSource,
    JudgedSource,
    Source,
    TitlesSource,
)
from eval.training.sections import by_headings, by_titles, folder_sections, limited, live_sections
from ingestion.catalog.build import open_catalog

_PER_QUESTION = 5
"""Sections of the knowledge base that are read for each question that is wanted: the others are what it is not."""
_CLICK = '{"question": "...", "opened": ["hr/leave.md"]}'


@dataclass(frozen=True, slots=True)
class Questions:
    """A source as read.

    Attributes:
        documents: how many the knowledge base in use has; None: the collection has its own.
        left_out: how many questions were, by the reason.
    """

    collection: Collection
    documents: int | None = None
    left_out: Mapping[str, int] | None = None


def read_source(name: str, source: Source, settings: Settings, seed: int) -> Questions:
    """Read a source.

    Raises:
        DatasetError: a file is missing or malformed, or there is nothing to ask.
    """
    match source:
        case BeirSource():
            collection = read_collection(source.path, split=source.split)
            return Questions(_drawn(replace(collection, name=name), source.limit, seed))
        case TitlesSource():
            return Questions(by_titles(name, tuple(read_documents(source.path).values()), source.limit, seed))
        case HeadingsSource():
            where = source.path or "the knowledge base"
            sections = (
                folder_sections(source.path, settings)
                if source.path
                else live_sections(settings, _enough(source.limit))
            )
            if not sections:
                raise DatasetError(f"{name}: {where} holds no section of text: there is nothing to learn from.")
            return Questions(by_headings(name, sections, source.limit, seed))
        case JudgedSource() | ClicksSource():
            return _live(name, source, settings, seed)


def _live(name: str, source: JudgedSource | ClicksSource, settings: Settings, seed: int) -> Questions:
    catalog = open_catalog(settings)
    try:
        names = names_of(catalog)
    finally:
        catalog.close()
    if isinstance(source, JudgedSource):
        judged = read_judged(source.path, names, qrels=source.qrels)
        return Questions(_drawn(replace(judged, name=name), source.limit, seed), len(names))
    clicked, left_out = _clicked(name, source, names)
    return Questions(_drawn(clicked, source.limit, seed), len(names), left_out)


def _clicked(name: str, source: ClicksSource, names: Names) -> tuple[Collection, dict[str, int]]:
    """Questions by their words: the same one asked by several people is one."""
    opened: dict[str, Counter[str]] = {}
    words: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    for where, row in read_rows(source.path):
        question, documents = row.get("question"), row.get("opened")
        if not isinstance(question, str) or not question.strip() or not isinstance(documents, list):
            raise DatasetError(f"{where}: not a question with what was opened after it. A line reads: {_CLICK}")
        key = normalised(question)
        words.setdefault(key, question)
        for document in documents:
            found = names.resolve(str(document), where)
            if found is None:
                left_out["opened document that is no longer there"] += 1
            else:
                opened.setdefault(key, Counter())[found] += 1
    kept = {key: {d: 1 for d, n in counts.items() if n >= source.min_clicks} for key, counts in opened.items()}
    qrels = {key: relevant for key, relevant in kept.items() if relevant}
    left_out["question with too few clicks"] += len(words) - len(qrels)
    if not qrels:
        raise DatasetError(f"{source.path} holds no question after which a document was opened. A line reads: {_CLICK}")
    collection = Collection(name, (), {key: words[key] for key in qrels}, qrels, "clicks")
    return collection, {reason: count for reason, count in left_out.items() if count}


def without(questions: Questions, others: frozenset[str], name: str) -> Questions:
    """Leave out the questions that a gate set asks too: they would measure memory.

    Raises:
        DatasetError: none remains.
    """
    collection = questions.collection
    kept = {query: text for query, text in collection.queries.items() if normalised(text) not in others}
    if not kept:
        raise DatasetError(f"{name}: every one of its questions is in a gate set too. Train on others than you test.")
    gone = len(collection.queries) - len(kept)
    if not gone:
        return questions
    qrels = {query: collection.qrels[query] for query in kept}
    left_out = {**(questions.left_out or {}), "question that a gate set asks": gone}
    return replace(questions, collection=replace(collection, queries=kept, qrels=qrels), left_out=left_out)


def normalised(question: str) -> str:
    """A question without case, spacing and end marks: what makes two the same."""
    return " ".join(question.casefold().split()).rstrip(" ?.!:")


def _drawn(collection: Collection, limit: int | None, seed: int) -> Collection:
    if limit is None or limit >= len(collection.queries):
        return collection
    kept = limited(collection.queries, limit, seed)
    queries = {query: collection.queries[query] for query in kept}
    return replace(collection, queries=queries, qrels={query: collection.qrels[query] for query in kept})


def _enough(limit: int | None) -> int | None:
    return None if limit is None else limit * _PER_QUESTION
