"""From a request's words to what the parts take: checked questions and filters."""

from __future__ import annotations

from core.errors import InvalidRequest


def checked_question(text: str, max_chars: int, *, what: str = "question") -> str:
    """The text without the blanks around it.

    Raises:
        InvalidRequest: it is empty, or longer than ``max_chars`` characters.
    """
    stripped = text.strip()
    if not stripped:
        raise InvalidRequest(f"The {what} is empty. Write what you want to know.")
    if len(stripped) > max_chars:
        raise InvalidRequest(
            f"The {what} has {len(stripped)} characters; at most {max_chars} are read "
            "(api.max_question_chars). Shorten it."
        )
    return stripped
