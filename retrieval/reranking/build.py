"""The reranker that the settings name, if they name one."""

from __future__ import annotations

from core.settings import Settings
from retrieval.reranking.port import Reranker


def build_reranker(settings: Settings) -> Reranker | None:
    """Build the reranker, or None where none is set; its model is loaded by its first use.

    Raises:
        ConfigurationError: its folder isn't there, or a setting of its server is missing.
    """
    if settings.reranker.model is None:
        return None
    from retrieval.reranking.remote import REMOTE, RemoteReranker  # noqa: PLC0415 - brings boto3

    if REMOTE.match(settings.reranker.model):
        return RemoteReranker(settings.reranker)
    from retrieval.reranking.cross_encoder import CrossEncoderReranker  # noqa: PLC0415 - lazy adapter

    return CrossEncoderReranker(settings.reranker, device=settings.embedder.device)
