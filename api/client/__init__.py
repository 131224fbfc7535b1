"""Footnote's Python client: :class:`Footnote`, :class:`AsyncFootnote`, and the events of an answer's stream.

::

    from api.client import Footnote

    with Footnote("https://footnote.example.com", key) as footnote:
        for event in footnote.stream("How many days of leave do I get?"):
            match event:
                case TokenBody():
                    print(event.text, end="")
                case CitationBody():
                    print(f"[{event.number}]", end="")

Importing it loads no part of the service, and httpx only once a client is made.
"""

from api.client.asynchronous import AsyncFootnote
from api.client.blocking import Footnote
from api.client.wire import Event
from api.schemas.answers import (
    AbstainBody,
    AnswerBody,
    CitationBody,
    DoneBody,
    MetaBody,
    SourcesBody,
    StageBody,
    TokenBody,
    VerdictBody,
)
from api.schemas.documents import DocumentBody, TextBody
from api.schemas.search import HitBody, SearchBody

__all__ = [
    "AbstainBody",
    "AnswerBody",
    "AsyncFootnote",
    "CitationBody",
    "DocumentBody",
    "DoneBody",
    "Event",
    "Footnote",
    "HitBody",
    "MetaBody",
    "SearchBody",
    "SourcesBody",
    "StageBody",
    "TextBody",
    "TokenBody",
    "VerdictBody",
]
