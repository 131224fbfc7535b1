"""Which questions were made from documents whose bytes are no longer the same."""

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
                versions[document] = catalog.documents.get(document).content_hash
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
                    else f"document {document} has other bytes ({now[:12]}) than when it was made ({version[:12]})"
                )
    return found
