"""Which libraries the sites of a source have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import SourceRefuses
from ingestion.connectors.sharepoint.config import SharePointConfig, site_address
from ingestion.connectors.sharepoint.graph import Answer, Graph

_PAGES = "webPageLibrary"
_HIDDEN_TEMPLATES = frozenset({"catalog", "webTemplateExtensionsList"})


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its id, ``host,site collection,web``, and its address."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Library:
    """A document library, or the library of a site's pages."""

    drive_id: str
    name: str
    site: Site
    pages: bool = False


def find_sites(graph: Graph, config: SharePointConfig, source: str) -> list[Site]:
    """The sites of the configuration (https://learn.microsoft.com/graph/api/site-get, -getbypath).

    Raises:
        SourceRefuses: one isn't there, or may not be read.
    """
    answers = graph.batch([f"/sites/{site_address(site)}?$select=id,webUrl" for site in config.sites])
    for name, answer in zip(config.sites, answers, strict=True):
        _check(answer, f"{source}: the site {name}", "Restore it, mend its address in 'sites', or take it out there.")
    return [Site(answer.body["id"], answer.body["webUrl"].rstrip("/")) for answer in answers]


def find_libraries(graph: Graph, config: SharePointConfig, source: str) -> list[Library]:
    """The libraries that are to be listed, in a fixed order.

    ``lists`` rather than ``drives``: the library of site pages is no document library, and only its list leads to its
    drive (https://learn.microsoft.com/graph/api/resources/list#relationships).

    Raises:
        SourceRefuses: a site or a named library isn't there, or may not be read.
    """
    sites = find_sites(graph, config, source)
    answers = graph.batch([f"/sites/{site.id}/lists?$select=id,name,displayName,list&$expand=drive" for site in sites])
    found: list[Library] = []
    for site, answer in zip(sites, answers, strict=True):
        _check(answer, f"{source}: the lists of the site {site.url}", "Restore the site, or take it out of 'sites'.")
        found += [one for told in _all(graph, answer.body) if (one := _library(told, site))]
    wanted = [one for one in found if _wanted(one, config)]
    names = {name for one in found for name in (one.name, one.drive_id)}
    if missing := [name for name in config.libraries if name not in names]:
        there = ", ".join(sorted({one.name for one in found if not one.pages})) or "none"
        raise SourceRefuses(
            f"{source}: the sites have no library {', '.join(map(repr, missing))}. They have {there}. "
            "Restore it, or mend 'libraries'."
        )
    return sorted(wanted, key=lambda one: one.drive_id)


def _all(graph: Graph, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from body["value"]
    if link := graph.relative(body.get("@odata.nextLink")):
        yield from graph.collection(link)


def _library(told: dict[str, Any], site: Site) -> Library | None:
    facts, drive = told.get("list") or {}, told.get("drive")
    if not drive or facts.get("template") in _HIDDEN_TEMPLATES:
        return None
    pages = facts.get("template") == _PAGES
    if facts.get("hidden") and not pages:
        return None
    return Library(drive["id"], told.get("displayName") or told.get("name") or drive["id"], site, pages)


def _wanted(library: Library, config: SharePointConfig) -> bool:
    if library.pages:
        return config.pages
    return not config.libraries or not {library.name, library.drive_id}.isdisjoint(config.libraries)


def _check(answer: Answer, what: str, way_out: str) -> None:
    if answer.good:
        return
    if answer.status in (401, 403):
        raise SourceRefuses(
            f"{what} may not be read ({answer.status} {answer.code}). Grant the application Sites.FullControl.All of "
            "Microsoft Graph with an admin's consent (docs/connectors/sharepoint.md)."
        )
    raise SourceRefuses(f"{what} isn't there (any more) ({answer.status} {answer.code}). {way_out}")
