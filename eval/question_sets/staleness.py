"""Which questions were made from versions of documents that are no longer in use."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import NotFound
from core.settings import Settings
from eval.answers.questions import EvalQuestion
from ingestion.catalog.build import open_catalog


def stale(questions: Sequence[EvalQuestion], settings: Settings) -> dict[str, str]:
    """Why each stale question is, by its id; those whose documents are as they were aren't in it."""
    catalog = open_catalog(settings)
    versions: dict[str, str | None] = {}
    try:
        for document in {document for one in questions for document in one.versions}:
            try:
                versions[document] = str(catalog.documents.get(document).version)
            except NotFound:
                versions[document] = None
    finally:
        catalog.close()
    found: dict[str, str] = {}
    for one in questions:
        for document, version in one.versions.items():
            if versions[document] != version:
                now = versions[document]
                found[one.id] = (
                    f"document {document} is gone"
                    if now is None
                    else f"document {document} is at version {now}, and the question was made from {version}"
                )
    return found
