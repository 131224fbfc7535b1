"""Opens the search index that the settings name."""

from __future__ import annotations

from core.data_dir import make_usable
from core.settings import Settings
from retrieval.index.port import SearchIndex


def build_index(settings: Settings) -> SearchIndex:
    """The index adapter of ``settings.index``; its library is imported only here.

    Raises:
        ConfigurationError: it can't be used as configured.
        StorageUnavailable: an embedded one's data directory can't be written.
    """
    if settings.index.kind == "opensearch":
        from retrieval.index.opensearch.index import OpenSearchIndex  # noqa: PLC0415  # slow

        return OpenSearchIndex(settings.index)
    from retrieval.index.lance.index import LanceIndex  # noqa: PLC0415  # slow

    make_usable(settings.data_dir)
    return LanceIndex(settings.data_dir / "index")
