"""Whose turn it is at a model, and that the service's embedder lets several in at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.settings import EmbedderSettings
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder
from retrieval.embedding.turns import Turns

TEXTS = [f"Sentence {number} says {'how ' * (number % 7)}many days of leave there are." for number in range(24)]


def test_short_work_has_an_instance_of_its_own() -> None:
    turns = Turns(["a", "b"], "kept")
    with turns.turn() as first, turns.turn() as second, turns.turn(reserved=True) as third:
        assert {first, second, third} == {"a", "b", "kept"}


def test_an_instance_comes_back_from_work_that_failed() -> None:
    turns = Turns(["only"])
    with pytest.raises(ValueError, match="no"), turns.turn():
        raise ValueError("no")
    with turns.turn(reserved=True) as instance:
        assert instance == "only"


@pytest.fixture(scope="module")
def served() -> SentenceTransformersEmbedder:
    embedder = SentenceTransformersEmbedder(EmbedderSettings(threads=1))
    embedder.warm_up()
    return embedder


def test_in_the_service_batches_and_a_query_run_at_once(
    served: SentenceTransformersEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits until the others are in the model too: with one lock around it they never would be."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    embedder = SentenceTransformersEmbedder(EmbedderSettings(threads=1))
    embedder.warm_up()
    together = threading.Barrier(3, timeout=60)
    encode = embedder._encode

    def meeting(model: object, texts: list[str], *, query: bool) -> np.ndarray:
        together.wait()
        return encode(model, texts, query=query)

    monkeypatch.setattr(embedder, "_encode", meeting)
    with ThreadPoolExecutor(3) as pool:
        passages = [pool.submit(embedder.embed_passages, [text]) for text in TEXTS[:2]]
        query = pool.submit(embedder.embed_query, "How many days?")
        found = np.vstack([one.result() for one in passages])
    assert np.allclose(found, served.embed_passages(TEXTS[:2]), atol=2e-2)
    assert query.result().shape == (served.dimensions,)


def test_instances_share_their_weights(served: SentenceTransformersEmbedder) -> None:
    turns = served._turns
    assert turns is not None
    with turns.turn() as one, turns.turn(reserved=True) as other:
        assert one is not other
        assert [p.data_ptr() for p in one.parameters()] == [p.data_ptr() for p in other.parameters()]
        assert one.tokenizer is not other.tokenizer


def test_several_threads_get_what_one_gets(served: SentenceTransformersEmbedder) -> None:
    alone = SentenceTransformersEmbedder(EmbedderSettings(threads=1))
    expected = {text: alone.embed_passages([text])[0] for text in TEXTS}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: served.embed_passages([text])[0], TEXTS))
    # In fp32 sums may be made in another order; another text's vector is far away.
    assert all(np.allclose(one, expected[text], atol=1e-5) for text, one in zip(TEXTS, found, strict=True))


def test_a_sentence_is_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = SentenceTransformersEmbedder(EmbedderSettings(threads=1))
    embedded: list[str] = []
    encode = embedder._encode

    def noted(model: object, texts: list[str], *, query: bool) -> np.ndarray:
        embedded.extend(texts)
        return encode(model, texts, query=query)

    monkeypatch.setattr(embedder, "_encode", noted)
    embedder.warm_up()
    first = embedder.embed_passages(TEXTS[:6])
    again = embedder.embed_passages([*TEXTS[3:6], TEXTS[6]])
    assert sorted(embedded[1:]) == sorted(TEXTS[:7])
    assert np.array_equal(again[:3], first[3:6])
