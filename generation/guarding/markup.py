"""Takes the sting out of markup that a model writes: what a client would run, load or take for a turn.

Answers are Markdown, and some clients let HTML through. A tag opens with a character that looks alike and does nothing;
images become links, because a client loads them without being asked; what a chat template would read as a role or a
tool call is text.
"""

from __future__ import annotations

import re

from generation.answering.link_guard import Piece

_ROLES = "system|user|assistant|human|model|tool|function|developer|think|thinking|invoke|instructions?|sources?"
_TOKENS = "s|bos|eos|pad|unk|mask|sop|eop|eoh|eoa|bot|eot"
_ACTIVE = (
    "a|applet|area|audio|base|body|button|details|dialog|embed|form|frame|frameset|head|html|iframe|image|img|input|link|"
    "map|marquee|math|meta|object|param|picture|portal|script|select|source|style|svg|template|textarea|title|track|video"
)
_TAG = re.compile(
    rf"[<＜﹤](?=\s{{0,3}}(?:[|｜!?/]|[<＜]|(?:{_ROLES}|{_TOKENS}|{_ACTIVE})(?:[_-]\w*)?(?:\W|\Z)"
    rf"|(?:start|end)_(?:of|header)|[a-z][\w:-]{{0,40}}[\s/]|[a-z][\w:-]{{40}}))",
    re.IGNORECASE | re.ASCII,
)
_CONTROL = re.compile(
    r"[\[［](?=[\s/]{0,4}(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|SYSTEM|USER|ASSISTANT|"
    r"gMASK|sMASK)\s{0,3}[\]］])"
    r"|[\[［](?=\^\d)|[［【](?=\s?\d)"  # would pass for citations: ours are out by now
)
_IMAGE = re.compile(r"!(?=\[)")
_UNDECIDED = re.compile(
    r"(?:!|[<＜﹤]\s{0,3}(?:[A-Za-z][\w:-]{0,40})?|[\[［【][\s/^]{0,4}[A-Za-z_]{0,20}\s{0,3})\Z", re.ASCII
)
_LONGEST = 64
"""No longer is what :data:`_UNDECIDED` finds."""


class Markup:
    """A text filter; nothing that it changes changes the text's length but images, by one."""

    def __init__(self) -> None:
        self._held = ""

    async def feed(self, text: str) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        text = self._held + text
        tail = max(0, len(text) - _LONGEST)
        undecided = _UNDECIDED.search(text, tail)
        at = undecided.start() if undecided else len(text)
        self._held = text[at:]
        return _pieces(text, at)

    async def finish(self) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        text, self._held = self._held, ""
        return _pieces(text, len(text))


def _pieces(text: str, end: int) -> list[Piece]:
    """The text up to ``end``; what is behind decides about what is before."""
    marked = _TAG.sub("‹", _CONTROL.sub("(", text))
    pieces, at = [], 0
    for image in _IMAGE.finditer(marked, 0):
        if image.start() >= end:
            break
        pieces += [Piece(image.start() - at, marked[at : image.start()]), Piece(1, "! ")]
        at = image.end()
    pieces.append(Piece(end - at, marked[at:end]))
    return [piece for piece in pieces if piece.taken]
