"""Whatever the documents hold, what is quoted is in them to the letter."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation.events import Citation, Token
from generation.extractive.extractor import extract
from generation.extractive.rendering import render_extracts

PIECES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "Badges open the main door.",
            "It also opens the gate.",
            "Badges open the following:",
            "Doors",
            "1. Ask the desk for a badge!",
            "- a list's item",
            "Door: main | Badge: 12",
            "Can badges open doors?",
            "Yes.",
            "\n",
            "\n\n",
            "  ",
            "\t",
            "\r\n",
            "“Quoted” … ends。",
            "e.g. No. 5",
        ]
    ),
)
DOCUMENTS = st.lists(st.lists(PIECES, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=3)
QUESTIONS = st.one_of(
    st.sampled_from(["What do badges open?", "How do I get a badge?", "Can badges open doors?", "badge", "Who?"]),
    st.text(max_size=40),
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=DOCUMENTS, question=QUESTIONS, place=st.tuples(st.booleans(), st.integers(0, 40)))
def test_every_extract_is_its_document_to_the_letter(
    texts: list[str], question: str, place: tuple[bool, int], make_chunk: Any, embedder: Any
) -> None:
    embedder.down, start = place
    documents = ["x" * start + text + " and what follows" for text in texts]
    chunks = [make_chunk(text, document=f"d{number}", start=start) for number, text in enumerate(texts)]
    extracts = extract(question, chunks, embedder).extracts
    for one in extracts:
        assert one.text
        assert documents[one.source][one.start : one.end] == one.text
    places = [(one.source, one.start) for one in extracts]
    assert len(places) == len(set(places))

    events = list(render_extracts(extracts, chunks))
    answer = "".join(event.text for event in events if isinstance(event, Token))
    cited = [event for event in events if isinstance(event, Citation)]
    assert len(cited) == len(extracts)
    for citation in cited:
        document = documents[citation.number - 1]
        assert answer[citation.answer_start : citation.answer_end] == citation.quote
        assert document[citation.quote_start : citation.quote_end] == citation.quote
        if citation.key_start is not None:
            assert citation.quote_start <= citation.key_start < citation.key_end <= citation.quote_end
