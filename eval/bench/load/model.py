"""``footnote bench model``: a language model's place, taken by a server that streams a sentence at a steady pace.

It speaks enough of OpenAI's chat-completions protocol to be streamed from, and cites the first passage. What is
measured with it is what Footnote adds to a model, since this one needs no processor.
"""

from __future__ import annotations

import asyncio
import json
import time

import click

from eval.cli.shared import json_option, print_json

_SENTENCE = "The first passage answers this as far as it can be told here [1]. "
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_READ_S = 30.0


def _piece(content: str | None, finish: str | None = None) -> bytes:
    delta = {} if content is None else {"content": content}
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return f"data: {json.dumps(body)}\n\n".encode()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tokens: int, per_s: float) -> None:
    """One request: words of the sentence again and again, each when it is due."""
    words = _SENTENCE.split(" ")[:-1]
    try:
        async with asyncio.timeout(_READ_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), ":0")
            await reader.readexactly(int(length.split(":")[1]))
        writer.write(_HEAD)
        began = time.perf_counter()
        for number in range(tokens):
            await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
            writer.write(_piece(words[number % len(words)] + " "))
            await writer.drain()
        usage = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": tokens}}
        writer.write(_piece(None, "stop") + f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return  # who asked has left
    finally:
        writer.close()


async def serve(port: int, tokens: int, per_s: float) -> asyncio.Server:
    """The server, listening on the loopback address."""
    return await asyncio.start_server(lambda r, w: _answer(r, w, tokens, per_s), "127.0.0.1", port)


@click.command(epilog="Example:  footnote bench model & FOOTNOTE_LLM__URL=http://127.0.0.1:8399/v1 footnote up")
@click.option("--port", default=8399, show_default=True)
@click.option("--tokens", default=150, show_default=True, help="Of each answer.")
@click.option("--per-second", default=50.0, show_default=True, help="Tokens of one stream.")
@json_option
def model(*, port: int, tokens: int, per_second: float, as_json: bool) -> None:
    """Stream made-up answers at a steady pace, in a language model's place, until stopped.

    Footnote's settings for it: llm.provider = "openai", llm.model = "any", llm.url = "http://127.0.0.1:8399/v1".
    """

    async def run() -> None:
        async with await serve(port, tokens, per_second) as server:
            url = f"http://127.0.0.1:{port}/v1"
            if as_json:
                print_json({"url": url})
            else:
                click.echo(url)
            await server.serve_forever()

    asyncio.run(run())
