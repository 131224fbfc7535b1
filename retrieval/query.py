"""What a search takes as a query, and which pages of a ranking."""

from __future__ import annotations

from core.errors import InvalidRequest

MAX_LIMIT = 200
MAX_DEPTH = 1000
"""How far down a ranking pages may go."""


def checked(query: str, limit: int, offset: int, most_chars: int) -> str:
    """The query without what means nothing. Raises InvalidRequest: there is none, or no such page."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"limit is {limit}: it goes from 1 to {MAX_LIMIT}.")
    if offset < 0 or offset + limit > MAX_DEPTH:
        raise InvalidRequest(f"offset is {offset}: it starts at 0, and offset + limit may reach {MAX_DEPTH}.")
    if len(query) > most_chars:
        raise InvalidRequest(f"The query has {len(query)} characters; {most_chars} is the most.")
    try:
        query.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The query isn't valid Unicode: send it as UTF-8.") from None
    query = query.replace("\0", " ").strip()
    if not query:
        raise InvalidRequest("The query is empty: send a question or some words.")
    return query
