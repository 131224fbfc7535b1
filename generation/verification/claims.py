"""The sentences of an answer while it is written, and which of them claim anything.

Reading goes character by character, so that where the stream was cut can't matter; each is looked at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generation.answering.citation_markers import opens_claim, sentence_ended
from generation.text.word_stems import terms
from generation.verification.facts import facts_of, without_list_mark

_TAIL = 12
_OF_THE_SOURCES = re.compile(
    r"^\W*(?:(?:but|however|unfortunately|otherwise),?\s+)?(?:"
    r"(?:the|these|those|your|our|my|given|provided|available)?\s*(?:\w+\s)?(?:sources?|documents?|passages?|context)"
    r"\s+(?:given\s|provided\s|here\s)?(?:do(?:es)?(?:n['’]t|\s+not)|say(?:s)?\s+nothing|contain(?:s)?\s+no|have\s+no)"
    r"|(?:there\s+is|i\s+(?:have|found|find|see))\s+(?:no|nothing)\b.*\b(?:sources?|documents?|passages?)\b"
    r"|i\s+(?:can(?:no|['’])t|could(?:n['’]t|\s+not)|do(?:n['’]t|\s+not))\s+(?:find|answer|tell|know|see)"
    r"|nothing\s+in\s+the\s+(?:sources|documents)"
    r")",
    re.IGNORECASE,
)
_TALK = frozenset(
    """
        yes no sure certainly hello hi thanks thank sorry note summary answer here help hope question
        questions below following follows overall finally additionally further details detail please let
        important step steps
    """.split()  # noqa: SIM905
)
_LONGEST_HEADING = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence of the answer: its ``[start:end]``, or an item, a row or a heading.

    Attributes:
        lead: what stands between the sentence before and this one: blanks, breaks and marks.
    """

    text: str
    start: int
    end: int
    lead: str = ""

    @property
    def heading(self) -> bool:
        """Whether Markdown makes it one."""
        line = self.lead.rpartition("\n")[2].strip()
        bold = self.text.rstrip().endswith("**") and line.endswith("**") and self.text.count("**") == 1
        few = len(self.text.split()) <= _LONGEST_HEADING and not self.text.rstrip("* ").endswith(".")
        return line.startswith("#") or (bold and few)


class SentenceReader:
    """Feed it the answer's pieces in order, then call :meth:`finish`.

    A sentence ends where the next one begins: a citation may still follow it until then.
    """

    def __init__(self) -> None:
        self._position = 0
        self._start = 0
        self._end = 0
        self._text: list[str] = []
        self._closed = True
        self._lead = ""
        self._gap: list[str] = []

    def feed(self, text: str) -> list[Written]:
        """The sentences that this piece shows to be complete."""
        found: list[Written] = []
        for character in text:
            self._read(character, found)
        return found

    def finish(self) -> list[Written]:
        """The last sentence. Call once, at the end."""
        found: list[Written] = []
        self._settle(found)
        return found

    @property
    def rest(self) -> str:
        """What stands after the last sentence; asked for at the end."""
        return "".join(self._gap)

    def _read(self, character: str, found: list[Written]) -> None:
        if self._closed and opens_claim(character):
            if character.islower() and self._text and "\n" not in self._text[self._end - self._start :]:
                self._closed = False  # "approx. twenty": the full stop ended no sentence
            else:
                self._settle(found)
                self._lead, self._gap = "".join(self._gap), []
                self._start, self._closed = self._position, False
        elif not self._closed and (character == "\n" or (character.isspace() and self._ended())):
            self._closed = True
        if self._text or not self._closed:
            self._text.append(character)
            if not character.isspace() and not self._closed:
                self._end = self._position + 1
        else:
            self._gap.append(character)
        self._position += 1

    def _settle(self, found: list[Written]) -> None:
        if self._text:
            length = self._end - self._start
            found.append(Written("".join(self._text[:length]), self._start, self._end, self._lead))
            self._gap = self._text[length:]
        self._text = []

    def _ended(self) -> bool:
        return sentence_ended("".join(self._text[-_TAIL:]))


def is_claim(written: Written) -> bool:
    """Whether a sentence states something that sources can bear out.

    Headings, questions, what introduces a list and what is said of the sources themselves state nothing, unless there
    is a hard fact in them.
    """
    bare = without_list_mark(written.text).strip()
    said = terms(bare) - _TALK
    if not said:
        return any(not quantity.idle for quantity in facts_of(bare).quantities)
    if bare.endswith(("?", "？")):
        return False
    if _OF_THE_SOURCES.match(bare):
        return any(not quantity.idle for quantity in facts_of(bare).quantities)
    if written.heading or bare.rstrip("*_").endswith(":"):
        return facts_of(bare).hard
    return True
