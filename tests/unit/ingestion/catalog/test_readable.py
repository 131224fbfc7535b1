"""Who may read a document is decided by the database as by the access list itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import NotFound
from core.principal import ANONYMOUS, AccessList, Principal
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import document_id
from ingestion.connectors.port import Upsert

NAMES = ("hr", "HR", "h,r", "public", 'a"b', "x\\y", "%", "[1]", "Ångström", "\N{CLINKING BEER MUGS}", "o'neil", " ")
LISTS = (
    AccessList(),
    AccessList.everyone(),
    AccessList(public=True, users=frozenset({"hr"})),
    AccessList(groups=frozenset(NAMES)),
    *(AccessList(users=frozenset({name})) for name in NAMES),
    *(AccessList(groups=frozenset({name})) for name in NAMES),
)
READERS = (
    ANONYMOUS,
    Principal("hr", frozenset({"%", "x"})),
    Principal("nobody", frozenset(f"g{number}" for number in range(1000))),
    *(Principal(name) for name in NAMES),
    *(Principal(None, frozenset({name})) for name in NAMES),
)


def listed(catalog: Catalog, *lists: AccessList) -> list[str]:
    """Documents with these access lists; their ids."""
    source = catalog.sources.create(kind="folder", name="Handbook", config={"path": "/x"}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, 100.0)
    one = Upsert(external_id="", uri="file:///x", revision="1", content_revision="1", size=1, acl=AccessList())
    changes = [replace(one, external_id=f"{at}.md", acl=acl) for at, acl in enumerate(lists)]
    catalog.intake.apply(run.id, source.id, changes, parser=1)
    return [document_id(source.id, change.external_id) for change in changes]


def test_the_database_agrees_with_the_access_list(catalog: Catalog) -> None:
    for wanted, acl in zip(listed(catalog, *LISTS), LISTS, strict=True):
        for reader in READERS:
            if acl.allows(reader):
                assert catalog.documents.get_readable(wanted, reader.terms).acl == acl
            else:
                with pytest.raises(NotFound):
                    catalog.documents.get_readable(wanted, reader.terms)


def test_a_document_that_goes_is_readable_by_nobody(catalog: Catalog) -> None:
    [wanted] = listed(catalog, AccessList.everyone())
    document = catalog.documents.get_readable(wanted, ANONYMOUS.terms)
    catalog.removal.mark_all(document.source_id, 10)
    with pytest.raises(NotFound):
        catalog.documents.get_readable(wanted, ANONYMOUS.terms)
