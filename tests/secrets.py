"""Secrets for tests: of the right form, made up, and put together here so that no scanner of repositories sees one."""

from __future__ import annotations

import random
import string

_LETTERS = string.ascii_letters + string.digits


def letters(count: int, alphabet: str = _LETTERS, seed: int = 1) -> str:
    """Random characters, the same ones each time."""
    return "".join(random.Random(seed).choices(alphabet, k=count))


def private_key(kind: str = "RSA ") -> str:
    """A private key in PEM, as far as its form goes."""
    return _block(f"{kind}PRIVATE KEY")


def certificate() -> str:
    """A certificate in PEM, as far as its form goes."""
    return _block("CERTIFICATE")


def _block(name: str) -> str:
    body = letters(640)
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----\n"


FOOTNOTE_KEY = "fn_" + letters(8, "0123456789abcdef") + "_" + letters(43)
GITHUB_TOKEN = "ghp" + "_" + letters(36)
