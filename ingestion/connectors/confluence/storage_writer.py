"""Writes HTML while a parser reads Confluence's storage format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from urllib.parse import quote, quote_plus, urljoin

from core.link import is_external

_KEPT = frozenset(
    {"p", "ul", "ol", "li", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "pre", "blockquote"}
    | {"div", "dl", "dt", "dd", "hr", "br", "strong", "b", "em", "i", "u", "s", "del", "ins", "sub", "sup", "code"}
    | {"small", "big", "tt", "cite", "q", "abbr", "mark"}
)
_EMPTY = frozenset({"hr", "br"})
_HEADINGS = {f"h{level}": f"h{min(level + 1, 6)}" for level in range(1, 7)}
_INLINE = frozenset(
    {"storage", "span", "font", "ac:inline-comment-marker", "ac:plain-text-link-body", "ac:link-body", "label"}
)
"""Left out without a gap: they may stand in the middle of a word."""
_MUTE = frozenset({"ac:task-id", "ac:task-uuid", "ac:placeholder", "ac:adf-attribute"})
"""Text that no reader sees: numbers of tasks, hints for who edits, attributes."""
_SHOWN = frozenset(
    {"title", "label", "caption", "text", "description", "heading", "subtitle", "alt", "tooltip", "summary", "message"}
)
"""Parameters of macros that stand on the page."""
_IN_LINE = {"status": ("title",), "jira": ("key", "jqlQuery", "title")}
"""Macros that stand within a line, and what of their parameters does."""
_QUERIES = frozenset({"cql", "columns", "fields", "sort", "labels", "spaces", "style"})
"""Parameters that may look like sentences, and are settings."""
_PICTURES = {"tick": "✔", "cross": "✘", "warning": "⚠", "information": "ℹ", "plus": "+", "minus": "-"}
_DEEPEST = 200
"""Elements in one another; what is deeper keeps its words alone, since partitioners stop reading some way down."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is.

    Attributes:
        root: the address that paths within Confluence follow, as ``https://example.atlassian.net/wiki``.
        space: the key of its space.
        page_id: its content id.
    """

    root: str
    space: str
    page_id: str


@dataclass(slots=True)
class _Frame:
    """An element that is open."""

    tag: str
    close: str = ""
    name: str = ""
    """Of a macro, or of a parameter."""
    kept: list[str] | None = None
    """Where its output is held back until its end."""
    target: str = ""
    called: str = ""
    """What it points to, and what that is called."""
    said: list[str] = field(default_factory=list)
    """Attributes that are read: the alternative text of an image."""


class StorageWriter:
    """The target of a parser; :meth:`close` gives the HTML."""

    def __init__(self, place: Place, users: Mapping[str, str]) -> None:
        self._place = place
        self._users = users
        self._frames: list[_Frame] = []
        self._pieces: list[str] = []
        self._outs = [self._pieces]
        self._special: dict[str, Callable[[_Frame, Mapping[str, str]], None]] = {
            "ac:structured-macro": self._macro,
            "ac:macro": self._macro,
            "ac:parameter": self._hold_parameter,
            "ac:default-parameter": self._hold_parameter,
            "ac:plain-text-body": self._plain_body,
            "ac:link": self._hold_back,
            "ac:image": self._image,
            "ac:task-list": lambda frame, _: self._open(frame, "ul"),
            "ac:task": lambda frame, _: self._open(frame, "li"),
            "ac:task-status": self._hold_back,
            "ac:emoticon": self._emoticon,
            "ac:adf-content": self._adf_content,
            "ac:adf-fallback": self._fallback,
            "a": self._anchor,
            "img": self._plain_image,
            "time": self._time,
        }

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        frame = _Frame(tag)
        self._frames.append(frame)
        if tag in self._special:
            self._special[tag](frame, attributes)
        elif tag.startswith("ri:"):
            self._resource(tag, attributes)
        elif tag in _MUTE:
            self._hold_back(frame, attributes)
        elif tag in _HEADINGS:
            self._open(frame, _HEADINGS[tag])
        elif tag in _EMPTY:
            self._write(f"<{tag}>")
        elif tag in _KEPT:
            self._open(frame, tag, attributes)
        elif tag not in _INLINE:
            self._write("\n")
            frame.close = "\n"

    def end(self, tag: str) -> None:
        """An element ends, and with it what is still open in it."""
        if not any(frame.tag == tag for frame in self._frames):
            return
        while True:
            frame = self._frames.pop()
            self._finish(frame)
            if frame.tag == tag:
                return

    def data(self, text: str) -> None:
        """Text between tags."""
        self._write(escape(text, quote=False))

    def close(self) -> str:
        """The HTML of what was read."""
        while self._frames:
            self._finish(self._frames.pop())
        return "".join(self._pieces)

    def _write(self, html: str) -> None:
        self._outs[-1].append(html)

    def _open(self, frame: _Frame, tag: str, attributes: Mapping[str, str] | None = None) -> None:
        if len(self._frames) > _DEEPEST:
            self._write("\n")
            frame.close = "\n"
            return
        spans = [(name, (attributes or {}).get(name, "")) for name in ("colspan", "rowspan")]
        self._write(f"<{tag}{''.join(f' {name}={value}' for name, value in spans if value.isdecimal())}>")
        frame.close = f"</{tag}>"

    def _hold_back(self, frame: _Frame, _: Mapping[str, str]) -> None:
        frame.kept = []
        self._outs.append(frame.kept)

    def _finish(self, frame: _Frame) -> None:
        held = ""
        if frame.kept is not None:
            self._outs.pop()
            held = "".join(frame.kept)
        if frame.tag in ("ac:parameter", "ac:default-parameter"):
            self._parameter(frame, held)
        elif frame.tag in ("ac:link", "a"):
            self._write(_linked(frame.target, held if held.strip() else escape(frame.called)))
        elif frame.tag == "ac:image":
            said = dict.fromkeys(filter(None, frame.said)) or ([frame.called] if frame.called else [])
            self._write("".join(f" <em>{escape(words)}</em> " for words in said) + held)
        elif frame.tag == "ac:task-status":
            self._write("[x] " if held.strip() == "complete" else "[ ] ")
        elif frame.tag == "time":
            self._write(held if held.strip() else escape(frame.called))
        self._write(frame.close)

    def _macro(self, frame: _Frame, attributes: Mapping[str, str]) -> None:
        frame.name = attributes.get("ac:name", "")
        if frame.name not in _IN_LINE and frame.name != "anchor":
            self._write("\n")
            frame.close = "\n"

    def _hold_parameter(self, frame: _Frame, attributes: Mapping[str, str]) -> None:
        frame.name = attributes.get("ac:name", "")
        self._hold_back(frame, attributes)

    def _parameter(self, frame: _Frame, held: str) -> None:
        """What of a macro's parameter stands on the page: titles, issue keys, what it points to, and sentences."""
        macro = next((one.name for one in reversed(self._frames) if one.name and one.kept is None), "")
        words = held.strip()
        if frame.called:
            self._write(_linked(frame.target, escape(frame.called)))
        elif not words or macro == "anchor":
            return
        elif macro in _IN_LINE:
            if frame.name in _IN_LINE[macro]:
                self._write(f" {words} ")
        elif frame.name == "url" and is_external(unescape(words)):
            self._write(_linked(unescape(words), words))
        elif frame.name in _SHOWN or (frame.name not in _QUERIES and _is_sentence(words)):
            self._write(f"<p><strong>{words}</strong></p>")

    def _plain_body(self, frame: _Frame, _: Mapping[str, str]) -> None:
        self._open(frame, "pre")

    def _image(self, frame: _Frame, attributes: Mapping[str, str]) -> None:
        frame.said = [attributes.get("ac:alt", "").strip(), attributes.get("ac:title", "").strip()]
        self._hold_back(frame, attributes)

    def _plain_image(self, _: _Frame, attributes: Mapping[str, str]) -> None:
        said = dict.fromkeys(filter(None, (attributes.get(name, "").strip() for name in ("alt", "title"))))
        self._write("".join(f" <em>{escape(words)}</em> " for words in said))

    def _emoticon(self, _: _Frame, attributes: Mapping[str, str]) -> None:
        name = attributes.get("ac:name", "")
        self._write(escape(attributes.get("ac:emoji-fallback") or _PICTURES.get(name) or f":{name}:"))

    def _adf_content(self, frame: _Frame, _: Mapping[str, str]) -> None:
        self._write("\n")
        frame.close = "\n"
        for outer in (one for one in self._frames if one.tag == "ac:adf-extension"):
            outer.said.append("content")

    def _fallback(self, frame: _Frame, attributes: Mapping[str, str]) -> None:
        """The same once more, for editors that don't know the element; kept where there is nothing else."""
        outer = next((one for one in reversed(self._frames) if one.tag == "ac:adf-extension"), None)
        if outer is not None and outer.said:
            self._hold_back(frame, attributes)

    def _anchor(self, frame: _Frame, attributes: Mapping[str, str]) -> None:
        frame.target = urljoin(self._place.root, attributes.get("href", ""))
        self._hold_back(frame, attributes)

    def _time(self, frame: _Frame, attributes: Mapping[str, str]) -> None:
        frame.called = attributes.get("datetime", "")
        self._hold_back(frame, attributes)

    def _resource(self, tag: str, attributes: Mapping[str, str]) -> None:
        """What a link, an image or a parameter points to; on its own, its name is written."""
        target, called = self._address(tag, {key.removeprefix("ri:"): value for key, value in attributes.items()})
        holders = ("ac:link", "ac:image", "ac:parameter", "ac:default-parameter", "ri:attachment")
        holder = next((one for one in reversed(self._frames[:-1]) if one.tag in holders), None)
        if tag == "ri:attachment":
            self._frames[-1].called = called
        if holder is None:
            self._write(f" {_linked(target, escape(called))} ")
        elif not holder.called:
            holder.target, holder.called = target, called

    def _address(self, tag: str, said: Mapping[str, str]) -> tuple[str, str]:
        """Where a resource is, and what it is called."""
        root, space = self._place.root, said.get("space-key") or self._place.space
        if tag in ("ri:page", "ri:blog-post"):
            title = said.get("content-title", "")
            return f"{root}/display/{quote(space)}/{quote_plus(title)}", title
        if tag == "ri:attachment":
            name = said.get("filename", "")
            return f"{root}/download/attachments/{self._place.page_id}/{quote(name)}", name
        if tag == "ri:content-entity":
            number = said.get("content-id", "")
            return f"{root}/pages/viewpage.action?pageId={quote(number)}", number
        if tag == "ri:user":
            key = said.get("account-id") or said.get("userkey") or said.get("username", "")
            return "", f"@{self._users.get(key, said.get('username', ''))}".removesuffix("@")
        if tag == "ri:space":
            return f"{root}/display/{quote(space)}", space
        address = said.get("value", "") or said.get("key", "")
        return address, address


def _linked(target: str, words: str) -> str:
    """The words as a link, if it may be followed."""
    return f'<a href="{escape(target)}">{words}</a>' if is_external(target) else words


def _is_sentence(words: str) -> bool:
    return len(words.split()) > 1 and any(map(str.isalpha, words))
