"""Every way to read, as everybody who may come: nobody is told a word that an oracle doesn't grant them.

Each document of a generated company has a word of its own that stands nowhere else. Permissions, documents and the
members of a source's groups change between turns. A case is a reader, a way in (a key, a key that speaks for somebody,
a token or a session of an identity provider, nobody at all), and a way to read: searches, answers, documents,
conversations of their own and of others, shared ones, exports, feedback, the audit trail, MCP, OpenAI's shape. Words of
documents that the reader may not read must not be in what comes back.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from api.app import create_app
from api.auth.key_records import Grant
from api.wiring import Services, wire
from core.principal import AccessList
from core.roles import Role
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.records import document_id
from ingestion.connectors.port import Membership
from ingestion.tasks.parts import Makers, Parts
from tests.servers.oidc import OidcServer, oidc_server
from tests.unit.api.auth.conftest import AUDIENCE, issuer_settings, sign_in
from tests.unit.ingestion.tasks.fakes import FakeSource, QueuedTasks, SteppedClock

pytestmark = [pytest.mark.anyio, pytest.mark.attack]

DOCUMENTS = 24
TURNS = 4
USERS = ("ann", "bob", "cee", "dan", "eve")
GROUPS = ("staff", "hr")
WIKI_GROUPS = ("Board", "Works council")
DUTIES = (Role.CURATOR, Role.REVIEWER, Role.AUDITOR)
LOW = "abcdefghiklmnoprstuv"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def word(number: int, version: int) -> str:
    """What only this version of a document says; no dictionary has it."""
    return "".join(random.Random(f"{number} {version}").choices(LOW, k=9)) + "x"


@dataclass
class Source(FakeSource):
    """Documents, and groups with members."""

    groups: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def memberships(self) -> Iterator[Membership]:
        for group, users in self.groups.items():
            yield Membership(group, users)


@dataclass(frozen=True)
class Reader:
    """Somebody, and how they come in. ``groups`` are those that the way in vouches for."""

    user: str | None
    groups: tuple[str, ...]
    headers: dict[str, str]
    way: str


class Company:
    """The documents, what their readers are by the oracle, and the real catalog, index, tasks and service over them."""

    def __init__(self, home: Path, index: dict[str, object], provider: OidcServer, seed: int) -> None:
        self.dice = random.Random(seed)
        self.provider = provider
        self.source, self.tasks, self.clock = Source(), QueuedTasks(), SteppedClock()
        self.settings = Settings.model_validate(
            {
                "data_dir": home / "d",
                "index": index,
                "api": {"allowed_hosts": ["localhost"]},
                "identity": {"issuers": [issuer_settings(provider.url)], "public_url": "http://localhost"},
                "cache": {"enabled": False},
            }
        )
        makers = Makers(
            catalog=lambda given: open_catalog(given, self.clock), connector=lambda *_: cast("Any", self.source)
        )
        self.parts = Parts(self.settings, self.tasks, makers)
        self.record = self.parts.catalog.sources.create(
            kind="folder", name="Wiki", config={"path": str(home)}, interval_s=60
        )
        self.versions = dict.fromkeys(range(DOCUMENTS), 0)
        self.services: Services = wire(self.settings)
        self.owners: dict[str, str] = {}
        """By conversation."""
        self.shared: set[str] = set()
        self.told: dict[tuple[int, int], set[str | None]] = defaultdict(set)
        """Who was told a version of a document while it was theirs to read."""
        self.answers: list[str] = []
        for number in range(DOCUMENTS):
            self._write(number)
        self._regroup()

    def name(self, number: int) -> str:
        return f"rule-{number}.md"

    def group(self, name: str) -> str:
        return f"{self.record.id}/{name}"

    def _write(self, number: int) -> None:
        self.versions[number] += 1
        said = word(number, self.versions[number])
        self.source.documents[self.name(number)] = (
            f"# Lighthouse {number}\n\n## Watchword {said}\n\nThe watchword of lighthouse {number} is {said}.\n"
        )
        self.source.acls[self.name(number)] = self._list()

    def _list(self) -> AccessList:
        kind = self.dice.choice(("everyone", "users", "groups", "wiki", "wiki", "nobody", "users"))
        if kind == "everyone":
            return AccessList.everyone()
        users = frozenset(f"{user}@example.com" for user in self.dice.sample(USERS, 2)) if kind == "users" else ()
        groups = self.dice.sample(GROUPS, 1) if kind == "groups" else ()
        wiki = [self.group(self.dice.choice(WIKI_GROUPS))] if kind == "wiki" else []
        return AccessList(users=frozenset(users), groups=frozenset([*groups, *wiki]))

    def _regroup(self) -> None:
        everybody = [f"{user}@example.com" for user in USERS]
        self.source.groups = {self.group(name): frozenset(self.dice.sample(everybody, 2)) for name in WIKI_GROUPS}

    def change(self) -> None:
        """Half of the documents get other readers, a third other words, one goes; groups have other members."""
        for number in self.dice.sample(range(DOCUMENTS), DOCUMENTS // 2):
            self.source.acls[self.name(number)] = self._list()
        for number in self.dice.sample(range(DOCUMENTS), DOCUMENTS // 3):
            self._write(number)
        gone = self.name(self.dice.randrange(DOCUMENTS))
        self.source.documents.pop(gone, None)
        self.source.acls.pop(gone, None)
        self._regroup()

    def sync(self) -> None:
        self.clock.advance(1)
        run, _ = self.parts.catalog.runs.begin(self.record.id, self.parts.settings.sync.lease_s)
        self.tasks.send("footnote.sync", {"run_id": run.id})
        self.parts.catalog.membership_syncs.want(self.record.id)
        self.tasks.send("footnote.memberships", {"source_id": self.record.id})
        self.tasks.run_delayed(self.parts, self.clock)
        done = self.parts.catalog.runs.get(run.id)
        assert done.finished_at is not None, done
        assert done.error is None, done.error
        self.parts.index.refresh()
        told = self.parts.catalog.memberships.list(self.record.id)
        assert {group.name: group.members for group in told} == {
            name: len(users) for name, users in self.source.groups.items()
        }

    def terms(self, reader: Reader) -> set[str]:
        own = {"public"} | ({f"user:{reader.user}@example.com"} if reader.user else set())
        synced = {name for name, users in self.source.groups.items() if f"{reader.user}@example.com" in users}
        return own | {f"group:{group}" for group in {*reader.groups, *synced}}

    def hidden_from(self, reader: Reader, *, own: bool) -> list[str]:
        """Words that this reader may not be told: of other people's documents, of former texts, of what is gone.

        A former text stays in one's ``own`` conversation about it, while one may read what became of it.
        """
        terms, hidden = self.terms(reader), []
        for number, version in self.versions.items():
            acl = self.source.acls.get(self.name(number))
            now = acl is not None and not terms.isdisjoint(acl.terms())
            kept = {version} | {old for old in range(1, version) if own and reader.user in self.told[number, old]}
            hidden += [word(number, old) for old in range(1, version + 1) if not (now and old in kept)]
        return hidden


class Ways:
    """Everything that one can be told by; each takes a reader and gives what came back."""

    def __init__(self, company: Company, client: httpx.AsyncClient) -> None:
        self.company, self.client, self.dice = company, client, company.dice
        self.own = False
        """Whether what came back last is of a conversation of the reader's own."""

    async def of(self, name: str, reader: Reader) -> str:
        self.own = False
        return cast(str, await getattr(self, name)(reader))

    def _number(self) -> int:
        return self.dice.randrange(DOCUMENTS)

    def _question(self) -> str:
        return f"What is the watchword of lighthouse {self._number()}?"

    def _document(self) -> str:
        return document_id(self.company.record.id, self.company.name(self._number()))

    async def _get(self, reader: Reader, path: str) -> str:
        return (await self.client.get(path, headers=reader.headers)).text

    async def _post(self, reader: Reader, path: str, body: Any, **headers: str) -> str:
        return (await self.client.post(path, json=body, headers={**reader.headers, **headers})).text

    async def search(self, reader: Reader) -> str:
        pipeline = self.dice.choice(("lexical", "vector", "hybrid"))
        body = {"query": f"watchword lighthouse {self._number()}", "pipeline": pipeline, "limit": 50}
        return await self._post(reader, "/v1/search", body)

    async def answer(self, reader: Reader) -> str:
        number = self._number()
        body: dict[str, Any] = {"question": f"What is the watchword of lighthouse {number}?"}
        if self.dice.random() < 0.5:  # made from one document, so that it is shown to more than its owner
            body["filters"] = {"document": [document_id(self.company.record.id, self.company.name(number))]}
        told = await self._post(reader, "/v1/answers", body)
        self._note(reader, json.loads(told))
        return told

    async def stream(self, reader: Reader) -> str:
        return await self._post(reader, "/v1/answers", {"question": self._question()}, accept="text/event-stream")

    async def go_on(self, reader: Reader) -> str:
        """Ask on in a conversation, perhaps of somebody else."""
        body = {"question": self._question(), "conversation_id": self._conversation(reader)}
        return await self._post(reader, "/v1/answers", body)

    def _note(self, reader: Reader, told: dict[str, Any]) -> None:
        if reader.user and "answer_id" in told:
            self.company.owners[told["conversation_id"]] = reader.user
            self.company.answers.append(told["answer_id"])

    def _conversation(self, reader: Reader) -> str:
        """One's own, one that is shared, or any."""
        owners = self.company.owners
        own = [key for key, owner in owners.items() if owner == reader.user]
        return self.dice.choice(self.dice.choice((own, sorted(self.company.shared), list(owners))) or ["none"])

    async def document(self, reader: Reader) -> str:
        path = f"/v1/documents/{self._document()}"
        return await self._get(reader, path + self.dice.choice(("", "/original", "/text", "/chunks/0", "/pages/1.png")))

    async def conversation(self, reader: Reader) -> str:
        conversation = self._conversation(reader)
        self.own = self.company.owners.get(conversation) == reader.user
        path = f"/v1/conversations/{conversation}"
        return await self._get(reader, path + self.dice.choice(("", "/export", "/export?format=json")))

    async def conversations(self, reader: Reader) -> str:
        return await self._get(reader, "/v1/conversations?q=watchword")

    async def share(self, reader: Reader) -> str:
        body = {"everybody": self.dice.random() < 0.5, "users": [f"{self.dice.choice(USERS)}@example.com"]}
        conversation = self._conversation(reader)
        sent = await self.client.put(f"/v1/conversations/{conversation}/share", json=body, headers=reader.headers)
        if sent.status_code == httpx.codes.OK:
            self.company.shared.add(conversation)
        return sent.text

    async def events(self, reader: Reader) -> str:
        answer = self.dice.choice([*self.company.answers, "none"])
        return await self._get(reader, f"/v1/answers/{answer}/events")

    async def feedback(self, reader: Reader) -> str:
        answer = self.dice.choice([*self.company.answers, "none"])
        body = {"rating": "down", "comment": "It is wrong."}
        sent = await self.client.put(f"/v1/answers/{answer}/feedback", json=body, headers=reader.headers)
        return sent.text + await self._get(reader, "/v1/feedback")

    async def administration(self, reader: Reader) -> str:
        paths = (
            "/v1/audit",
            "/v1/sources",
            "/v1/failures",
            "/v1/me/sources",
            "/v1/outdated",
            "/v1/reviews",
            "/v1/usage",
        )
        return await self._get(reader, self.dice.choice((*paths, "/v1/reviews/next?limit=50", "/v1/status", "/v1/me")))

    async def ledger(self, reader: Reader) -> str:
        """Curators see names, facts and access lists of all documents, and no text."""
        path = f"/v1/ledger/{self._document()}"
        if self.dice.random() < 0.5:
            return await self._get(reader, path)
        named = {"user": f"{self.dice.choice(USERS)}@example.com", "groups": []}
        body = {"question": self._question(), "reader": self.dice.choice((None, named))}
        return await self._post(reader, f"{path}/why", body)

    async def openai(self, reader: Reader) -> str:
        messages = [{"role": "user", "content": self._question()}]
        body = {"model": "footnote", "messages": messages, "stream": self.dice.random() < 0.5}
        return await self._post(reader, "/v1/chat/completions", body)

    async def mcp(self, reader: Reader) -> str:
        calls = (
            ("tools/call", {"name": "search", "arguments": {"query": f"watchword {self._number()}", "limit": 20}}),
            ("tools/call", {"name": "ask", "arguments": {"question": self._question()}}),
            ("tools/call", {"name": "fetch", "arguments": {"id": self._document()}}),
            ("tools/call", {"name": "fetch", "arguments": {"id": f"{self._document()}/0"}}),
            ("tools/call", {"name": "list_sources", "arguments": {}}),
            ("resources/read", {"uri": f"footnote://documents/{self._document()}"}),
        )
        method, params = self.dice.choice(calls)
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await self._post(reader, "/mcp", call, accept="application/json, text/event-stream")


WAYS = [name for name in vars(Ways) if not name.startswith("_") and name != "of"]


class Doors:
    """How readers come in."""

    def __init__(self, company: Company, sessions: dict[str, str]) -> None:
        self._company, self._sessions = company, sessions
        keys = company.services.keys.get()
        self._acting = keys.create("gateway", Grant(may_act=True))[1]
        self._own: dict[tuple[str, tuple[str, ...], Role], str] = {}

    def reader(self) -> Reader:
        """Anybody, by any way in."""
        dice = self._company.dice
        user, groups = dice.choice(USERS), tuple(dice.sample(GROUPS, dice.randint(0, 1)))
        way = dice.choice(("anonymous", "key", "duty", "acting", "token", "session"))
        address = f"{user}@example.com"
        match way:
            case "anonymous":
                return Reader(None, (), {}, way)
            case "key" | "duty":
                role = Role.READER if way == "key" else dice.choice(DUTIES)
                return Reader(user, groups, self._bearer(self._key(address, groups, role)), way)
            case "acting":
                named = {"X-Footnote-User": address, "X-Footnote-Groups": json.dumps(groups)}
                return Reader(user, groups, {**self._bearer(self._acting), **named}, way)
            case "token":
                claims = {"email": address, "email_verified": True, "groups": list(groups)}
                token = self._company.provider.token(user, AUDIENCE, **claims)
                return Reader(user, groups, self._bearer(token), way)
        return Reader(user, ("staff",), {"Cookie": self._sessions[user]}, "session")

    def _key(self, address: str, groups: tuple[str, ...], role: Role) -> str:
        wanted = (address, groups, role)
        if wanted not in self._own:
            grant = Grant(user=address, groups=groups, roles=tuple({Role.READER, role}))
            self._own[wanted] = self._company.services.keys.get().create("a reader's", grant)[1]
        return self._own[wanted]

    @staticmethod
    def _bearer(key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcServer]:
    with oidc_server() as running:
        running.people = {
            user: {"email": f"{user}@example.com", "email_verified": True, "groups": ["staff"]} for user in USERS
        }
        yield running


@pytest.fixture
def company(
    home: Path, index_settings: dict[str, object], provider: OidcServer, attack_cases: int
) -> Iterator[Company]:
    made = Company(home, index_settings, provider, attack_cases)
    yield made
    made.parts.close()


@asynccontextmanager
async def serving(company: Company) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(services=company.services)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
    ):
        yield client


async def sessions_of(client: httpx.AsyncClient) -> dict[str, str]:
    """By user, the cookies of a browser that has signed in."""
    found = {}
    for user in USERS:
        signed_in = await sign_in(client, user)
        assert signed_in.status_code in {200, 303}, signed_in.text
        found[user] = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        client.cookies.clear()
    return found


async def test_nobody_is_told_what_they_may_not_read(company: Company, attack_cases: int) -> None:
    told: Counter[str] = Counter()
    company.sync()
    async with serving(company) as client:
        doors, ways = Doors(company, await sessions_of(client)), Ways(company, client)
        for turn in range(TURNS):
            if turn:
                company.change()
                company.sync()
            for case in range(attack_cases // TURNS):
                reader, way = doors.reader(), WAYS[case % len(WAYS)]
                came = await ways.of(way, reader)
                leaked = [one for one in company.hidden_from(reader, own=ways.own) if one in came]
                assert not leaked, f"{way}, turn {turn}, case {case}: {reader} was told {leaked} in {came[:2000]}"
                shown = [(n, version) for n, version in company.versions.items() if word(n, version) in came]
                for one in shown:
                    company.told[one].add(reader.user)
                told[way] += bool(shown)
                client.cookies.clear()
    # The ways work: what a reader may read comes back on each that shows texts.
    shows = ("search", "answer", "stream", "document", "conversation", "openai", "mcp")
    assert all(told[way] for way in shows), told
