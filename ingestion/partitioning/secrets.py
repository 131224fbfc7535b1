"""Secrets that stand in a document's text: private keys, tokens of services, connection strings with their passwords.

Each is told by the form that only it has, so that a warning is worth a look; passwords in plain prose have none. Left
out are JSON web tokens (links of newsletters are full of them, and they expire), identifiers without their secret, and
what is an example by its own words.

Patterns begin with fixed characters and end after a bounded number, so that no text takes them long. detect-secrets was
tried for this: it lacks Google's keys, GitHub's fine-grained tokens and encrypted private keys, some of its patterns
take quadratic time on a long line, and it brings a network client into the parser.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain, islice

from ingestion.partitioning.port import Element
from ingestion.secret_files import PRIVATE_KEY

JOINT = "\n\n"
"""What stands between two elements in a document's text."""
_MOST = 1000
"""Of a kind that are counted."""
_NAMED = 5
"""Places of a kind that are named."""
_TOKENS = (
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    ("a GitHub token", r"github_pat_[A-Za-z0-9_]{60,255}"),
    ("a GitLab token", r"gl(?:pat|dt|ft|rt|ptt|oas|cbt|soat|agent)-[A-Za-z0-9_-]{20,300}"),
    ("a Slack token", r"xox[abceoprs]-[A-Za-z0-9-]{20,250}"),
    ("a Slack token", r"xapp-\d-[A-Za-z0-9-]{20,250}"),
    ("a Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{6,20}/B[A-Z0-9]{6,20}/[A-Za-z0-9]{20,40}"),
    ("an OpenAI key", r"sk-[A-Za-z0-9_-]{0,100}T3BlbkFJ[A-Za-z0-9_-]{20,200}"),
    ("an Anthropic key", r"sk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_-]{40,200}"),
    ("a Stripe key", r"sk_live_[0-9A-Za-z]{16,250}"),
    ("a Stripe key", r"rk_live_[0-9A-Za-z]{16,250}"),
    ("a Google API key", r"AIza[0-9A-Za-z_-]{35}"),
    ("a Google client secret", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ("a Google access token", r"ya29\.[A-Za-z0-9_-]{50,500}"),
    ("an npm token", r"npm_[A-Za-z0-9]{36}"),
    ("a PyPI token", r"pypi-AgE[A-Za-z0-9_-]{60,500}"),
    ("a Hugging Face token", r"hf_[A-Za-z0-9]{34}"),
    ("a SendGrid key", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("an Azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("an age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("a key of Footnote", r"fn_[0-9a-f]{8}_[A-Za-z0-9_-]{43}"),
)
_KEY_HEADERS = (re.compile(PRIVATE_KEY), re.compile(r"PuTTY-User-Key-File-\d"))
_KEY_ROOM = 1200
_KEY_END = re.compile(r"-----END|END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY|Private-MAC")
_NOT_KEY = re.compile(r"^.{0,60}: .{0,200}$|\\[nr]|[\s\"'>|,]", re.MULTILINE)
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{60}")
_AWS_ID = re.compile(r"A[KS]IA[0-9A-Z]{16}(?![0-9A-Za-z])")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])(?=[^\s]{0,39}[g-zG-Z/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_AWS_ROOM = 300
_LOGIN = re.compile(r"://[^\s:/?#@\[\]<>\"'(){}]{0,100}:([^\s:/?#@\[\]<>\"'(){}]{3,200})@([A-Za-z0-9_.-]{1,200})")
_SETTINGS = tuple(re.compile(word + r"\s?=\s?([^;\s\"'<>{}$]{3,200})") for word in ("assword", "PWD", "Pwd", "pwd"))
_SERVER = re.compile(r"(?:Server|Data Source|Host)\s?=\s?([^;\n]{1,200});", re.IGNORECASE)
_SETTINGS_ROOM = 500
_EXAMPLE = re.compile(
    r"example|x{4}|\*{3}|\.{3}|1234567|abcdef|placeholder|redacted|your[-_]|changeme|dummy", re.IGNORECASE
)
_NO_PASSWORDS = re.compile(r"(my)?(pass(word|wd)?|pwd|secret|token|key|\$\w+|%\w+%?|\w)\d?", re.IGNORECASE)
_NO_HOSTS = re.compile(
    r"localhost|127\.|0\.0\.0\.0|(.*\.)?example(\.|$)|(your|my)?-?(host|server|database|db)(name)?$", re.IGNORECASE
)
_FEWEST_DIFFERENT = 8
"""Characters of a token: fewer are filled in by hand."""

Finder = Callable[[str], Iterator[int]]


def find_secrets(elements: Sequence[Element]) -> list[str]:
    """Which kinds of secrets stand where in a document, a sentence each; never the secrets themselves."""
    starts = list(accumulate((len(element.text) + len(JOINT) for element in elements), initial=0))
    text = JOINT.join(element.text for element in elements)
    found: dict[str, list[int]] = {}
    for kind, finder in _FINDERS:
        found.setdefault(kind, []).extend(islice(finder(text), _MOST))
    return [_sentence(kind, sorted(places), elements, starts, text) for kind, places in found.items() if places]


def _sentence(kind: str, found: list[int], elements: Sequence[Element], starts: list[int], text: str) -> str:
    places = list(dict.fromkeys(_places(found, elements, starts, text)))
    more = len(places) - _NAMED
    named = ", ".join(places[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"It holds {kind}: {named}."


def _places(found: list[int], elements: Sequence[Element], starts: list[int], text: str) -> Iterator[str]:
    line, counted = 1, 0
    for offset in found:
        element = elements[bisect_right(starts, offset) - 1]
        line, counted = line + text.count("\n", counted, offset), offset
        if element.place is not None:
            yield element.place
        else:
            yield f"page {element.page}" if element.page is not None else f"line {line} of its text"


def _token_finder(pattern: str) -> Finder:
    compiled = re.compile(pattern)
    opening = re.split(r"[^\w-]", pattern, maxsplit=1)[0]

    def find(text: str) -> Iterator[int]:
        if opening not in text:  # much quicker, and what most documents come to
            return
        for match in compiled.finditer(text):
            before = text[match.start() - 1 : match.start()]
            if not before.isalnum() and before != "_" and _is_real(match[0]):
                yield match.start()

    return find


def _is_real(token: str) -> bool:
    return len(set(token)) > _FEWEST_DIFFERENT and not _EXAMPLE.search(token)


def _private_keys(text: str) -> Iterator[int]:
    for match in chain.from_iterable(pattern.finditer(text) for pattern in _KEY_HEADERS):
        body = text[match.end() : match.end() + _KEY_ROOM]
        end = _KEY_END.search(body)
        if _KEY_BODY.search(_NOT_KEY.sub("", body[: end.start()] if end else body)):
            yield match.start()


def _aws_pairs(text: str) -> Iterator[int]:
    for match in _AWS_ID.finditer(text):
        around = text[max(match.start() - _AWS_ROOM, 0) : match.end() + _AWS_ROOM]
        if _is_real(match[0]) and any(_is_real(secret[0]) for secret in _AWS_SECRET.finditer(around)):
            yield match.start()


def _logins(text: str) -> Iterator[int]:
    for match in _LOGIN.finditer(text):
        if _is_password(password=match[1], host=match[2]):
            yield match.start()
    for pattern in _SETTINGS:
        for match in pattern.finditer(text):
            before = text[max(match.start() - _SETTINGS_ROOM, 0) : match.start()].rpartition("\n")[2]
            server = _SERVER.search(before)
            if server and _is_password(password=match[1], host=server[1]):
                yield match.start()


def _is_password(*, password: str, host: str) -> bool:
    return not (_EXAMPLE.search(password) or _NO_PASSWORDS.fullmatch(password) or _NO_HOSTS.match(host))


_FINDERS: tuple[tuple[str, Finder], ...] = (
    ("a private key", _private_keys),
    ("an AWS access key with its secret", _aws_pairs),
    ("a connection string with its password", _logins),
    *((kind, _token_finder(pattern)) for kind, pattern in _TOKENS),
)
