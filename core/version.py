"""The version of Footnote that runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def footnote_version() -> str:
    """As the installed package says, or ``unknown`` where it runs from files that nobody installed."""
    try:
        return version("footnote")
    except PackageNotFoundError:
        return "unknown"
