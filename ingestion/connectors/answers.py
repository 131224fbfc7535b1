"""What a source's answers over HTTP mean."""

from __future__ import annotations

from collections.abc import Collection

import httpx

from core.errors import NotFound, SourceRefuses

_PIECE = 1 << 16
_SHORTEST_SECRET = 8
_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""Whose output is at most a thousand times their input, so that a piece of it fits into memory."""


class SourceAnswer(Exception):
    """What a source answered that wasn't a success; the ``__cause__`` of the error that it became."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status
        self.text = text


def check_answer(source: str, response: httpx.Response, private: Collection[str]) -> None:
    """Let an answer through that is a success, or 304; its body is still to be read then.

    Args:
        source: what messages call it.
        private: headers of the request, in small letters, whose words no message repeats.

    Raises:
        NotFound: 404 and 410.
        SourceRefuses: every other status, or an encoding that could unfold without end.
    """
    status = response.status_code
    if response.headers.get("content-encoding", "").lower() not in _ENCODINGS:
        response.close()
        raise SourceRefuses(f"{source} answered in an encoding that it wasn't asked for.")
    if response.is_success or status == httpx.codes.NOT_MODIFIED:
        return
    text = _reason(response, private)
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise NotFound(f"{source} has nothing there any more ({status}).") from SourceAnswer(status, text)
    raise SourceRefuses(f"{source} answered {status}: {text[:300]}") from SourceAnswer(status, text)


def _reason(response: httpx.Response, private: Collection[str]) -> str:
    """The beginning of what a source says when it refuses; some repeat the credentials that they were sent."""
    start = bytearray()
    try:
        for piece in response.iter_bytes(_PIECE):
            start += piece
            if len(start) > _PIECE:
                break
    except httpx.TransportError:
        pass  # its status says enough
    finally:
        response.close()
    said = start[:_PIECE].decode(errors="replace")
    for word in " ".join(response.request.headers.get(name, "") for name in private).split():
        said = said.replace(word, "********") if len(word) >= _SHORTEST_SECRET else said
    return said


def shown(url: httpx.URL) -> str:
    """An address as messages show it: its query may hold a token, and its user part a password."""
    return f"{url.scheme}://{url.host}{url.path}"[:300]
