"""What is to be planned for."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InvalidRequest

CHUNK_TOKENS = 700
"""Of the chunks that ingestion cuts: 500 to 1,000 tokens, an overlap of a tenth included."""
CHARACTERS_A_TOKEN = 4.0
"""English Markdown, by the packaged embedder's tokenizer: 4.1 and 3.9 in the two handbooks of the evaluation."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a knowledge base's text is like.

    Attributes:
        chunks_a_document: on average.
        characters_a_chunk: on average.
        stored_share: of a chunk's characters as JSON, what is left after the index's compression of stored fields.
        bytes_a_document: of an original.
        measured: of a sample. Else the share is that of Sourcegraph's handbook, and the others are assumed.
    """

    chunks_a_document: float = 20.0
    characters_a_chunk: float = CHUNK_TOKENS * CHARACTERS_A_TOKEN
    stored_share: float = 0.51
    bytes_a_document: float = 250_000.0
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """Documents, questions, and how both grow.

    Attributes:
        growth: of documents in a year, as a share.
        years: to plan for; the index is sized for their end.
        windows_a_chunk: vectors that stand for a chunk: its tokens over what the embedder reads at once.
        questions_a_day: answers that are asked for.
        busy_hour: the share of a day's questions that comes in its busiest hour.
        tokens_in, tokens_out: of an answer, for the chat model.
        changed_a_day: share of documents whose content changes.
        replicas: copies of the index beside the first.
    """

    documents: int
    text: Text
    dimensions: int
    windows_a_chunk: float = 1.0
    growth: float = 0.0
    years: float = 0.0
    questions_a_day: float = 1000.0
    busy_hour: float = 0.15
    tokens_in: int = 6000
    tokens_out: int = 350
    changed_a_day: float = 0.01
    replicas: int = 1

    def __post_init__(self) -> None:
        for name, least in (("documents", 1), ("dimensions", 1), ("questions_a_day", 0), ("replicas", 0)):
            if getattr(self, name) < least:
                raise InvalidRequest(f"A plan needs {name.replace('_', ' ')} of at least {least}.")
        if self.text.chunks_a_document <= 0:
            raise InvalidRequest("A plan needs documents that have chunks: none came out of the sample.")

    @property
    def documents_at_end(self) -> float:
        """Documents once it has grown."""
        return float(self.documents * (1 + self.growth) ** self.years)

    @property
    def chunks(self) -> float:
        """Chunks once it has grown."""
        return self.documents_at_end * self.text.chunks_a_document

    @property
    def vectors(self) -> float:
        """Vectors once it has grown."""
        return self.chunks * self.windows_a_chunk

    @property
    def tokens(self) -> float:
        """Tokens that are embedded to begin with."""
        characters = self.documents * self.text.chunks_a_document * self.text.characters_a_chunk
        return characters / CHARACTERS_A_TOKEN

    @property
    def peak_questions_s(self) -> float:
        """Questions a second in the busiest hour."""
        return self.questions_a_day * self.busy_hour / 3600
