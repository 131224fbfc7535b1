"""MCP, by the official SDK's client: over HTTP, and over a command's standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from api.auth.key_records import Grant
from core.principal import AccessList
from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import Stack, an_answer

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
HIDDEN, SHOWN = "d-hidden", "d-shown"


@pytest.fixture
def url(stack: Stack) -> Iterator[str]:
    stack.answerer.script = an_answer()
    stack.add_document(SHOWN, AccessList(users=frozenset({"ida"})), text="Leave\n\nEverybody has 28 days.")
    stack.add_document(HIDDEN, AccessList(users=frozenset({"tomas"})))
    with on_a_port(stack) as url:
        yield url


@pytest.fixture
def key(stack: Stack) -> str:
    return stack.keys.create("ida's", Grant(user="ida"))[1]


@pytest.fixture(params=["http", "stdio"])
async def server(request: pytest.FixtureRequest, url: str, key: str) -> AsyncIterator[Any]:
    """What a client of each transport connects to, as ida."""
    if request.param == "http":
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
            yield streamable_http_client(f"{url}/mcp", http_client=http)
        return
    command = ["-c", "from api.cli.main import main; main()", "mcp", "--url", url]
    yield StdioServerParameters(command=sys.executable, args=command, env={"FOOTNOTE_KEY": key}, cwd=ROOT)


async def test_tools_and_resources(server: Any, stack: Stack) -> None:
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"search", "fetch", "ask", "list_sources"}
        assert all(tool.output_schema and tool.annotations and tool.annotations.read_only_hint for tool in tools)

        asked = await client.call_tool("ask", {"question": "How many days?", "filters": {"department": "HR"}})
        assert asked.structured_content is not None
        assert asked.structured_content["answer"] == "Everybody has 28 days of leave."
        [citation] = asked.structured_content["citations"]
        assert (citation["title"], citation["page"], citation["quote"]) == (
            *("Leave policy", 2),
            "Everybody has 28 days of leave.",
        )
        assert stack.answerer.question.principal.user == "ida"

        found = (await client.call_tool("search", {"query": "leave", "limit": 3})).structured_content
        assert found is not None
        assert found["results"][0]["id"] == "d1/0"
        assert (stack.retriever.asked["limit"], stack.retriever.asked["principal"].user) == (3, "ida")

        whole = (await client.call_tool("fetch", {"id": SHOWN, "offset": 7})).structured_content
        assert whole is not None
        assert (whole["text"], whole["next_offset"]) == ("Everybody has 28 days.", None)
        part = (await client.call_tool("fetch", {"id": f"{SHOWN}/0"})).structured_content
        assert part is not None
        assert part["text"] == "Leave\n\nEverybody has 28 days."

        sources = (await client.call_tool("list_sources", {})).structured_content
        assert sources is not None
        assert [source["name"] for source in sources["sources"]] == ["Docs"]

        [read] = (await client.read_resource(f"footnote://documents/{SHOWN}")).contents
        assert getattr(read, "text", None) == "Leave\n\nEverybody has 28 days."


async def test_what_is_refused_is_said_in_footnotes_words(server: Any) -> None:
    async with Client(server) as client:
        hidden = await client.call_tool("fetch", {"id": HIDDEN})
        missing = await client.call_tool("fetch", {"id": "d-missing"})
        assert hidden.is_error
        assert missing.is_error
        told = [getattr(one.content[0], "text", "") for one in (hidden, missing)]
        assert told[0].replace(HIDDEN, "x") == told[1].replace("d-missing", "x")
        wrong = await client.call_tool("search", {"query": "x", "filters": {"colour": "red"}})
        assert wrong.is_error
        assert "colour" in getattr(wrong.content[0], "text", "")
        with pytest.raises(MCPError, match="that you may read"):
            await client.read_resource(f"footnote://documents/{HIDDEN}")


async def test_sources_are_those_of_readable_documents(stack: Stack, url: str) -> None:
    def listed(grant: Grant) -> list[str]:
        headers = {"Authorization": f"Bearer {stack.keys.create('k', grant)[1]}"}
        return [one["name"] for one in httpx.get(f"{url}/v1/me/sources", headers=headers).json()["sources"]]

    assert listed(Grant(user="ida")) == ["Docs"]
    assert listed(Grant(user="nobody")) == []


async def test_a_stranger_is_told_where_to_sign_in(stack: Stack) -> None:
    shut = stack.settings.api.model_copy(update={"anonymous": False})
    stack.settings = stack.settings.model_copy(update={"api": shut})
    with on_a_port(stack) as url:
        refused = httpx.post(f"{url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert refused.status_code == 401
        told = refused.headers["www-authenticate"]
        assert told == f'Bearer resource_metadata="{url}/.well-known/oauth-protected-resource/mcp"'
        metadata = httpx.get(told.partition('"')[2].rstrip('"')).json()
    assert metadata["resource"] == f"{url}/mcp"
    assert metadata["bearer_methods_supported"] == ["header"]


def test_the_configuration_of_an_assistant(url: str) -> None:
    from click.testing import CliRunner

    from api.cli.main import cli

    printed = CliRunner().invoke(cli, ["mcp", "--url", url, "--json"])
    assert json.loads(printed.output)["mcpServers"]["footnote"]["env"]["FOOTNOTE_URL"] == url
