"""What questions are asked about: the knowledge base in use, or a corpus with an index of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.principal import AccessList, Principal
from core.settings import Settings
from eval.answers.configurations import Configuration
from eval.answers.questions import EvalQuestion
from eval.datasets import Collection, DatasetError, read_documents
from eval.progress import Progress
from eval.retrieval.live import Names, names_of
from eval.retrieval.own_index import open_index
from ingestion.catalog.build import open_catalog
from retrieval.build import build_retriever, for_short_texts
from retrieval.embedding.build import build_embedder
from retrieval.reranking.build import build_reranker
from retrieval.retriever import Retriever

if TYPE_CHECKING:
    from ingestion.catalog.catalog import Catalog

QUESTIONS = "questions.jsonl"
_PAGE = 1000
_SEARCHING = ("data_dir", "index", "embedder", "reranker", "retrieval", "chunking")
_WAY_OUT = "or let such documents count as never found (--allow-missing)."


@dataclass(frozen=True, slots=True)
class Known:
    """Documents by what they can be called, and who may read each."""

    names: Names
    readers: Mapping[str, AccessList]
    versions: Mapping[str, str]
    principal: Callable[[EvalQuestion], Principal]


def of_the_catalog(catalog: Catalog) -> Known:
    """The documents of the knowledge base in use."""
    readers: dict[str, AccessList] = {}
    versions: dict[str, str] = {}
    for source in catalog.sources.list():
        offset = 0
        while page := catalog.documents.list(source.id, limit=_PAGE, offset=offset):
            readers.update((record.id, record.acl) for record in page)
            versions.update((record.id, record.content_hash) for record in page if record.content_hash)
            offset += len(page)

    def principal(asked: EvalQuestion) -> Principal:
        found = asked.reader.principal
        return replace(found, synced=catalog.memberships.groups_of(found.user))

    return Known(names_of(catalog), readers, versions, principal)


def of_a_corpus(collection: Collection) -> Known:
    """The documents of a corpus, which everybody may read."""
    uris = {document.id: document.id for document in collection.documents}
    everyone = AccessList.everyone()
    return Known(Names(uris), dict.fromkeys(uris, everyone), {}, lambda asked: asked.reader.principal)


def check(questions: Sequence[EvalQuestion], known: Known) -> list[str]:
    """Faults of what questions refer to: documents that are gone, or that their reader may not read. One a line.

    A question was made from versions of documents, where it says so; those whose bytes have changed since are told too.
    """
    faults = []
    for asked in questions:
        principal = known.principal(asked)
        for name in dict.fromkeys((*asked.documents, *(span.document for span in asked.spans if span.document))):
            document = known.names.resolve(name, asked.where)
            if document is None:
                faults.append(
                    f"{asked.where}: no document of the knowledge base is called {name!r}. Put its id or the end of "
                    f"its URI right, drop it, {_WAY_OUT}"
                )
            elif not known.readers[document].allows(principal):
                who = asked.reader.user or "a reader without a name"
                faults.append(
                    f"{asked.where}: {who} may not read {name!r}. Give the question another reader, {_WAY_OUT}"
                )
        faults += [
            f"{asked.where}: stale: {document!r} {'has other bytes' if document in known.versions else 'is gone'}, "
            f"since the question was made from it ({version[:12]}). Look at it again, or make the set anew."
            for document, version in asked.versions.items()
            if known.versions.get(document) != version
        ]
    return faults


def read_corpus(folder: Path) -> Collection:
    """The documents of a folder with ``corpus.jsonl``. Raises DatasetError."""
    return Collection(folder.resolve().name, tuple(read_documents(folder).values()), {}, {})


class Searches:
    """The retrievers of configurations; those that search alike share one, and its models.

    Args:
        corpus: search it in an index of its own, kept under ``cache``; None: the index in use.
        stale: use such an index although the code that builds it has changed.
    """

    def __init__(self, corpus: Collection | None, cache: Path, progress: Progress, *, stale: bool = False) -> None:
        self._corpus = corpus
        self._cache = cache
        self._stale = stale
        self._progress = progress
        self._built: dict[str, Retriever] = {}
        self._open = ExitStack()

    def of(self, config: Configuration) -> Retriever:
        """The retriever of a configuration, its models loaded.

        Raises:
            ConfigurationError, IndexUnavailable, ModelUnavailable: it can't search.
        """
        key = repr([getattr(config.settings, name) for name in _SEARCHING])
        if key not in self._built:
            retriever = self._build(config.settings)
            self._open.callback(retriever.close)
            retriever.warm_up()
            self._built[key] = retriever
        return self._built[key]

    def close(self) -> None:
        """Let go of the indexes."""
        self._open.close()

    def _build(self, settings: Settings) -> Retriever:
        asking = for_short_texts(settings)  # as the service does
        if self._corpus is None:
            return build_retriever(asking)
        own = open_index(
            self._corpus,
            settings,
            build_embedder(settings),
            cache=self._cache,
            progress=self._progress,
            stale=self._stale,
        )
        return Retriever(own.index, build_embedder(asking), build_reranker(settings), asking)


def known_documents(corpus: Collection | None, settings: Settings, stack: ExitStack) -> Known:
    """What is known of the documents that are asked about; the catalog stays open as long as the stack.

    Raises:
        DatasetError: the knowledge base holds no document.
        StorageUnavailable: the catalog can't be opened.
    """
    if corpus is not None:
        return of_a_corpus(corpus)
    catalog = open_catalog(settings)
    stack.callback(catalog.close)
    known = of_the_catalog(catalog)
    if not known.readers:
        raise DatasetError(
            f"The knowledge base in {settings.data_dir} holds no document: run the command where its settings are, "
            "ingest some with `footnote ingest FOLDER`, or name a corpus with --data."
        )
    return known
