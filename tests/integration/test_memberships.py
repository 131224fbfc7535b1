"""Groups of a source that somebody else's package brings, from the source to what a reader finds.

The package is real: a folder with an entry point, which this process and the worker's find by their import path.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from api.app import create_app
from api.auth.key_records import Grant
from api.wiring import Services, wire
from ingestion.catalog.records import Source, document_id
from tests.integration.stacks import Stack, until

pytestmark = pytest.mark.anyio

WIKI = '''
"""A wiki that is one JSON file: its pages, who may read them, and who is in its groups."""

import json
from pathlib import Path

from core.errors import SourceUnavailable
from core.principal import AccessList
from ingestion.connectors.port import Membership, Page, SourceConfig, Upsert


class WikiConfig(SourceConfig):
    file: Path


class WikiConnector:
    config_model = WikiConfig

    def __init__(self, file, context):
        self._wiki = json.loads(file.read_text())
        self._context = context

    @classmethod
    def open(cls, config, context):
        return cls(config.file, context)

    def changes(self, cursor, known):
        yield Page(changes=[self._upsert(*page) for page in self._wiki["pages"].items()], complete=True)

    def _upsert(self, name, page):
        acl = AccessList(groups=frozenset(map(self._context.group, page["groups"])))
        return Upsert(
            external_id=name,
            uri=f"https://wiki.example.com/{name}",
            revision=json.dumps(page),
            content_revision=page["text"],
            size=len(page["text"]),
            acl=acl,
        )

    def fetch(self, external_id, into):
        into.write(self._wiki["pages"][external_id]["text"].encode())
        return "text/markdown"

    def memberships(self):
        for name, users in self._wiki["groups"].items():
            yield Membership(self._context.group(name), frozenset(users))
        if self._wiki.get("breaks"):
            raise SourceUnavailable("The wiki broke off.")

    def close(self):
        pass
'''
ENTRY_POINTS = "[footnote.connectors]\ngroupwiki = groupwiki:WikiConnector\n"
METADATA = "Metadata-Version: 2.1\nName: groupwiki\nVersion: 1.0\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Wiki:
    """The file, as people change it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        page = {"text": "# Salaries\n\nThe midpoint is 92000.", "groups": ["HR"]}
        self._said: dict[str, object] = {"pages": {"salaries.md": page}, "groups": {}, "breaks": False}

    def say(self, **changes: object) -> None:
        self._said |= changes
        whole = self.file.with_suffix(".new")
        whole.write_text(json.dumps(self._said))
        whole.replace(self.file)


@pytest.fixture
def wiki(home: Path, monkeypatch: pytest.MonkeyPatch) -> Wiki:
    """A wiki, whose package is installed here and for every process that is started."""
    packages = home / "packages"
    information = packages / "groupwiki-1.0.dist-info"
    information.mkdir(parents=True)
    (packages / "groupwiki.py").write_text(dedent(WIKI))
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (information / "METADATA").write_text(METADATA)
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    made = Wiki(home / "wiki.json")
    made.say(groups={"HR": ["ann@example.com"]})
    monkeypatch.delitem(sys.modules, "groupwiki", raising=False)
    return made


@pytest.fixture
def services(stack: Stack) -> Services:
    return wire(stack.settings)


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(services=services)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as made,
    ):
        yield made


def groups_known(stack: Stack, source: Source) -> dict[str, int]:
    found = stack.ingestion.catalog.memberships.list(source.id)
    return {group.name.removeprefix(f"{source.id}/"): group.members for group in found}


async def found(client: httpx.AsyncClient, key: str) -> list[str]:
    """Where what a reader finds is."""
    headers = {"Authorization": f"Bearer {key}"}
    asked = {"query": "midpoint", "pipeline": "lexical"}
    response = await client.post("/v1/search", json=asked, headers=headers)
    assert response.status_code == 200, response.text
    return [hit["uri"] for hit in response.json()["hits"]]


async def test_who_leaves_a_group_finds_nothing_more_and_no_document_is_touched(
    wiki: Wiki, running: Stack, services: Services, client: httpx.AsyncClient
) -> None:
    stack = running
    source = stack.ingestion.create_source("groupwiki", "Wiki", {"file": str(wiki.file)})
    assert stack.sync(source).indexed == 1
    until(lambda: groups_known(stack, source) == {"HR": 1}, "the groups")
    keys = services.keys.get()
    ann, bob, eve = (keys.create(user, Grant(user=f"{user}@Example.com"))[1] for user in ("Ann", "Bob", "Eve"))
    page = ["https://wiki.example.com/salaries.md"]
    assert [await found(client, key) for key in (ann, bob, eve)] == [page, [], []]

    documents = stack.ingestion.catalog.documents
    page_id = document_id(source.id, "salaries.md")
    before = documents.get(page_id)
    wiki.say(groups={"HR": ["bob@example.com", "cee@example.com"], "Eng": ["ann@example.com"]})
    _sync_groups(stack, source)
    until(lambda: groups_known(stack, source) == {"HR": 2, "Eng": 1}, "the new groups")
    assert [await found(client, key) for key in (ann, bob, eve)] == [[], page, []]
    assert documents.get(page_id) == before

    wiki.say(groups={"Eng": ["bob@example.com"]}, breaks=True)
    _sync_groups(stack, source)
    until(lambda: stack.ingestion.catalog.membership_syncs.failing() != [], "the failure")
    assert stack.ingestion.catalog.membership_syncs.failing() == [("Wiki", "The wiki broke off.")]
    assert [await found(client, key) for key in (ann, bob)] == [[], page], "what was known stays"

    wiki.say(groups={}, breaks=False)
    _sync_groups(stack, source)
    until(lambda: groups_known(stack, source) == {}, "no groups")
    assert [await found(client, key) for key in (ann, bob, eve)] == [[], [], []]

    stack.ingestion.delete_source(source.id)
    until(lambda: stack.ingestion.catalog.membership_syncs.get(source.id) is None, "the purge")


def _sync_groups(stack: Stack, source: Source) -> None:
    """As the schedule does when its hour has come."""
    stack.ingestion.catalog.membership_syncs.want(source.id)
    stack.ingestion.tasks.send("footnote.memberships", {"source_id": source.id})
