"""Whatever permissions become, nobody is told what a document says that they may not read now."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from core.chunk import Chunk
from core.metadata import Metadata
from core.principal import AccessList
from generation.events import Citation, Done, Meta, SourceRef, Sources, Token
from ingestion.catalog.tables import DocumentRow
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import ADMIN_KEY, Stack, make_settings

USERS = ("ida", "eve", "bob")
TERMS = [(), ("public",), ("user:ida",), ("user:eve",), ("group:hr",), ("group:hr", "user:bob")]
DOCUMENTS = 3

Change = tuple[int, tuple[str, ...] | None]
"""A document, and who may read it from now on; None: it is deleted."""
changes = st.tuples(st.integers(0, DOCUMENTS - 1), st.none() | st.sampled_from(TERMS))


def secret(number: int) -> str:
    return f"secret{number}word"


def chunk(number: int) -> Chunk:
    word = secret(number)
    return Chunk(
        id=f"c{number}", document_id=f"d{number}", source_id="s1", uri=f"file:///{word}.md", ordinal=0,
        text=f"It says {word}.", start=0, end=10, page=None, heading_path=(f"About {word}",),
        metadata=Metadata(title=f"Title {word}"), acl=(),
    )  # fmt: skip


def script(given_: list[int]) -> list[Any]:
    """An answer from these documents that cites the first of them alone."""
    text = " ".join(f"It says {secret(number)}." for number in given_)
    cited = given_[0]
    return [
        Meta(answer_id="", conversation_id="", model="fake", index_generation="g"),
        Sources(sources=tuple(SourceRef.of(at, chunk(number)) for at, number in enumerate(given_, 1))),
        Token(text=text),
        Citation(
            number=1, answer_start=0, answer_end=10, quote=secret(cited), quote_start=0, quote_end=5,
            document_id=f"d{cited}", ordinal=0, page=None, heading_path=(f"About {secret(cited)}",),
        ),
        Done(finish_reason="stop"),
    ]  # fmt: skip


class World:
    """A service with documents that everybody may read at first, and a conversation about them that is shared."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient) -> None:
        self.stack, self.client = stack, client
        self.readers: dict[int, set[str]] = {}
        self.answers: list[str] = []
        self.conversation: str | None = None

    def reset(self) -> None:
        with self.stack.catalog.database.write() as connection:
            connection.execute(delete(DocumentRow))
        for number in range(DOCUMENTS):
            self.stack.add_document(f"d{number}", AccessList.everyone())
            self.readers[number] = {"public"}
        self.answers, self.conversation = [], None

    async def ask(self, from_documents: list[int]) -> None:
        self.stack.answerer.script = script(from_documents)
        body = {"question": "What does it say?", "conversation_id": self.conversation}
        headers = {**self.acting("ida"), "accept": "text/event-stream"}
        response = await self.client.post("/v1/answers", json=body, headers=headers)
        assert "event: done" in response.text
        self.answers.append(self.stack.answerer.question.answer_id)
        self.conversation = self.stack.answerer.question.conversation_id

    async def share(self) -> None:
        path = f"/v1/conversations/{self.conversation}/share"
        shared = await self.client.put(path, json={"everybody": True}, headers=self.acting("ida"))
        assert shared.status_code == 200
        rated = {"rating": "down", "comment": "no"}
        for answer in self.answers:
            await self.client.put(f"/v1/answers/{answer}/feedback", json=rated, headers=self.acting("ida"))
        now = self.stack.catalog.clock.now()
        times = now - timedelta(days=1), now + timedelta(days=1), now
        self.stack.catalog.reviews.sample(self.answers[0], *times, size=9, twice=1.0, seed="s")
        for answer in self.answers:
            said = " ".join(secret(int(name[1:])) for name in self.stack.catalog.conversations.turn(answer).documents)
            for reviewer in ("one", "two"):
                self.stack.catalog.reviews.say(answer, reviewer, {}, None, said)

    def change(self, change: Change) -> None:
        number, terms = change
        self.readers[number] = set(terms or ())
        values: dict[str, Any] = {"state": "deleting"} if terms is None else {"acl": list(terms), "state": "indexed"}
        with self.stack.catalog.database.write() as connection:
            connection.execute(update(DocumentRow).where(DocumentRow.id == f"d{number}").values(**values))

    @staticmethod
    def acting(user: str) -> dict[str, str]:
        groups = '["hr"]' if user == "bob" else "[]"
        key = f"Bearer {ADMIN_KEY}"
        return {"Authorization": key, "X-Footnote-User": user, "X-Footnote-Groups": groups}

    async def check(self) -> None:
        """Look everywhere as each reader, and as the administrator."""
        path = f"/v1/conversations/{self.conversation}"
        everywhere = [path, f"{path}/export", f"{path}/export?format=json"]
        everywhere += [f"/v1/answers/{answer}/events" for answer in self.answers]
        everywhere += ["/v1/conversations", "/v1/conversations?q=secret0word", "/v1/feedback"]
        everywhere += ["/v1/reviews", "/v1/reviews/next?limit=100", "/v1/reviews/labels"]
        for user in (*USERS, None):
            headers = self.acting(user) if user else {"Authorization": f"Bearer {ADMIN_KEY}"}
            terms = {"public", f"user:{user}", *(["group:hr"] if user == "bob" else [])}
            hidden = [secret(number) for number, readers in self.readers.items() if readers.isdisjoint(terms)]
            for where in everywhere:
                text = (await self.client.get(where, headers=headers)).text
                told = [word for word in hidden if word in text]
                assert not told, f"{where} tells {user} of {told}"
        await self.ask([0])
        hidden = [
            secret(number) for number, readers in self.readers.items() if readers.isdisjoint({"public", "user:ida"})
        ]
        history = " ".join(message.content for message in self.stack.answerer.question.history)
        assert not [word for word in hidden if word in history]


def test_no_change_of_permissions_leaves_anything_behind(tmp_path: Path) -> None:
    async def run() -> None:
        stack = Stack(make_settings(tmp_path))
        async with serving(stack) as client:
            world = World(stack, client)

            async def case(asked: list[list[int]], changed: list[Change]) -> None:
                world.reset()
                for from_documents in asked:
                    await world.ask(from_documents)
                await world.share()
                for change in changed:
                    world.change(change)
                await world.check()

            loop = asyncio.get_running_loop()

            @settings(max_examples=25, deadline=None, database=None, derandomize=True)
            @given(
                st.lists(
                    st.lists(st.integers(0, DOCUMENTS - 1), min_size=1, max_size=3, unique=True), min_size=1, max_size=2
                ),
                st.lists(changes, min_size=1, max_size=3),
            )
            def cases(asked: list[list[int]], changed: list[Change]) -> None:
                asyncio.run_coroutine_threadsafe(case(asked, changed), loop).result(60)

            await asyncio.to_thread(cases)
        stack.catalog.close()

    asyncio.run(run())
