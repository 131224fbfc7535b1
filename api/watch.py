"""What an answer took and showed, by its events."""

from __future__ import annotations

from core.settings import Settings
from generation.events import AnswerEvent, Done, Meta, Sources, Token
from generation.models.port import Usage

CHARACTERS_A_TOKEN = 4
"""By which tokens are estimated where nobody has counted them."""


class Watch:
    """Follows the events of one answer, to know what it took.

    Attributes:
        documents: those that its reader was shown.
        model: who writes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.documents: list[str] = []
        self.model = ""
        self._characters = 0
        self._asked = False
        self._done: Done | None = None

    def see(self, event: AnswerEvent) -> None:
        """Take note of the next event."""
        if isinstance(event, Meta):
            self.model = event.model
        elif isinstance(event, Sources):
            self._asked = bool(event.sources)
            self.documents = list(dict.fromkeys(source.document_id for source in event.sources))
        elif isinstance(event, Token):
            self._characters += len(event.text)
        elif isinstance(event, Done):
            self._done = event
            self.model = event.model or self.model

    @property
    def ended(self) -> bool:
        """Whether the answer came to its end."""
        return self._done is not None

    @property
    def usage(self) -> Usage | None:
        """The model's tokens; None where no model wrote.

        An answer that was broken off, as by a reader who left, has none that are counted: its whole context and what
        was written are charged. Else leaving in time would be free.
        """
        if self._done is not None:
            return self._done.usage
        if not self._asked or self._settings.llm.provider == "none":
            return None
        return Usage(self._settings.retrieval.context_tokens, self._characters // CHARACTERS_A_TOKEN)
