"""What a chat model is told: the rules, the earlier turns, the numbered sources, the question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from core.chunk import Chunk
from generation.models.port import Message
from generation.prompts.inert import inert
from generation.prompts.prompt import Prompt

NO_ANSWER = "NO ANSWER"
"""What the model writes, and nothing else, when the sources don't answer."""
MAX_TURNS = 8
MAX_TURN_CHARS = 4000
MAX_FACT_CHARS = 300
"""Of a title or a heading, which a document can make as long as it likes."""


def build_messages(
    prompt: Prompt, question: str, chunks: Sequence[Chunk], history: Sequence[Message] = ()
) -> list[Message]:
    """The conversation to send: ``chunks`` become sources 1, 2, ... in this order.

    Earlier turns are cut to the last few, so that they alternate and begin with the reader's. All text that isn't ours
    is made inert: it can't open a role, end its source, pose as another one or carry what a reader wouldn't see.
    """
    sources = "\n".join(_source(number, chunk) for number, chunk in enumerate(chunks, start=1))
    system, asked = prompt.filled(
        no_answer=NO_ANSWER, sources=f"<sources>\n{sources}\n</sources>", question=inert(question)
    )
    return [Message("system", system), *_turns(history), Message("user", asked)]


def rewriting_messages(prompt: Prompt, question: str, history: Sequence[Message]) -> list[Message]:
    """What a model is told that makes a follow-up stand by itself."""
    system, asked = prompt.filled(question=inert(question))
    return [Message("system", system), *_turns(history), Message("user", asked)]


def _source(number: int, chunk: Chunk) -> str:
    facts = {"title": _fact(chunk.metadata.title), "section": " &gt; ".join(map(_fact, chunk.heading_path))}
    modified = chunk.metadata.modified
    if modified is not None:
        facts["modified"] = modified.date().isoformat()
    attributes = "".join(f' {name}="{value}"' for name, value in facts.items() if value)
    return f'<source number="{number}"{attributes}>\n{inert(chunk.text)}\n</source>'


def _fact(text: str) -> str:
    return inert(escape(" ".join(text.split())[:MAX_FACT_CHARS]))


def _turns(history: Sequence[Message]) -> Iterator[Message]:
    turns: list[Message] = []
    for turn in history:
        if turn.role == "system" or not turn.content.strip():
            continue
        content = inert(turn.content[:MAX_TURN_CHARS])[:MAX_TURN_CHARS]
        if turns and turns[-1].role == turn.role:
            turns[-1] = Message(turn.role, f"{turns[-1].content}\n\n{content}"[:MAX_TURN_CHARS])
        else:
            turns.append(Message(turn.role, content))
    turns = turns[-MAX_TURNS:]
    if turns and turns[0].role == "assistant":
        turns = turns[1:]
    if turns and turns[-1].role == "user":
        turns = turns[:-1]
    yield from turns
