"""What every embedder holds to: the one on this machine, and those on servers of each protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ConfigurationError, ModelUnavailable, UnreadableDocument
from core.settings import Settings
from core.telemetry import MODEL_TOKENS
from retrieval.embedding.build import build_embedder, build_embedders
from retrieval.embedding.port import Embedder, TokenEmbeddings
from retrieval.embedding.remote import RemoteEmbedder
from tests.integration.cloud_server import Answer, Asked, serving
from tests.servers.models import COHERE, COHERE_4, KEY, TITAN, ModelServer, aws_error, error

OPENAI = "openai:text-embedding-3-large"
TEXTS = ["Parental leave is 26 weeks.", "The office opens at eight.", "Ask the help desk for a laptop.", "leave"]


@dataclass
class World:
    """An embedder, and its server where it has one."""

    embedder: Embedder
    server: ModelServer | None = None
    asked: list[Asked] | None = None


def remote(model: str, url: str, **more: Any) -> RemoteEmbedder:
    key = KEY if model.startswith("openai:") else None
    made = build_embedder(
        Settings.model_validate(
            {
                "embedder": {
                    "model": model,
                    "remote": {
                        "url": url + ("/v1" if key else ""),
                        "api_key": key,
                        "region": "eu-central-1",
                        "dimensions": 8,
                        "timeout_s": 5,
                        "query_timeout_s": 3,
                        **more,
                    },
                }
            }
        )
    )
    assert isinstance(made, RemoteEmbedder)
    return made


@contextmanager
def world(model: str, server: ModelServer | None = None, **more: Any) -> Iterator[World]:
    server = server or ModelServer()
    with serving(server) as (url, asked):
        embedder = remote(model, url, **more)
        try:
            yield World(embedder, server, asked)
        finally:
            embedder.close()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


REMOTE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "openai": (OPENAI, {}, {}),
    "openai-shortened": (OPENAI, {"dimensions": 3072}, {"shorten": True}),
    "tei": (
        "openai:bge",
        {"serves": "BAAI/bge-small-en-v1.5", "most_texts": 32},
        {"served_model": "BAAI/bge-small-en-v1.5"},
    ),
    "titan": (f"bedrock:{TITAN}", {"dimensions": 1024}, {}),
    "cohere": (f"bedrock:{COHERE}", {}, {}),
    "cohere-v4": (f"bedrock:{COHERE_4}", {"dimensions": 1536}, {"shorten": True}),
}


@pytest.fixture(params=["packaged", *REMOTE])
def any_world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "packaged":
        yield World(build_embedder(Settings()))
        return
    model, server, more = REMOTE[request.param]
    with world(model, ModelServer(**server), **more) as made:
        yield made


@pytest.fixture(params=REMOTE)
def served(request: pytest.FixtureRequest) -> Iterator[World]:
    model, server, more = REMOTE[request.param]
    with world(model, ModelServer(**server), **more) as made:
        yield made


def test_vectors_are_of_unit_length_and_in_the_order_of_their_texts(any_world: World) -> None:
    embedder = any_world.embedder
    told: list[int] = []
    vectors = embedder.embed_passages(TEXTS, told.append)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    assert sum(told) == len(TEXTS)
    one_by_one = np.vstack([embedder.embed_passages([text]) for text in TEXTS])
    assert vectors == pytest.approx(one_by_one, abs=1e-3)
    assert embedder.embed_passages([]).shape == (0, embedder.dimensions)


def test_a_question_is_nearest_to_the_passage_that_has_its_words(any_world: World) -> None:
    query = any_world.embedder.embed_query("How many weeks is parental leave?")
    assert np.argmax(any_world.embedder.embed_passages(TEXTS[:3]) @ query) == 0


def test_a_text_longer_than_a_window_is_no_passage_and_a_question_is_cut(any_world: World) -> None:
    embedder = any_world.embedder
    long = "leave " * (embedder.window_tokens + 1)
    with pytest.raises(ValueError, match="window"):
        embedder.embed_passages([long])
    assert embedder.embed_query(long).shape == (embedder.dimensions,)


def test_the_name_says_which_vectors_they_are(served: World) -> None:
    assert served.embedder.name.endswith("@8")
    assert isinstance(served.embedder, Embedder)
    assert not isinstance(served.embedder, TokenEmbeddings)


def test_a_batch_goes_again_without_the_text_that_is_refused(served: World) -> None:
    assert served.server is not None
    served.server.forbidden = "SECRET"
    texts = [f"passage number {n} of many" for n in range(9)]
    with pytest.raises(UnreadableDocument, match=r"refuses a text of \d+ characters.*window_tokens"):
        served.embedder.embed_passages([*texts[:5], "a SECRET one", *texts[5:]])
    before = len(served.server.texts)
    served.embedder.embed_passages(texts)
    again = [text for sent in served.server.texts[before:] for text in sent]
    assert set(again) < set(texts)  # what was embedded around the bad one isn't paid for twice
    with pytest.raises(ModelUnavailable):
        served.embedder.embed_query("a SECRET question")


def test_a_server_that_takes_no_text_is_set_up_wrongly_and_no_document_is_to_blame(served: World) -> None:
    assert served.server is not None
    served.server.forbidden = ""
    with pytest.raises(ModelUnavailable, match="takes no text at all"):
        served.embedder.embed_passages(TEXTS)


def test_what_was_embedded_is_remembered_and_tokens_are_counted(served: World) -> None:
    assert served.server is not None
    counter = MODEL_TOKENS.labels("embedder", "input")
    before = counter._value.get()
    served.embedder.embed_passages(["two words", "two words"])
    served.embedder.embed_passages(["two words"])
    served.embedder.embed_query("three more words")
    served.embedder.embed_query("three more words")
    assert [text for sent in served.server.texts for text in sent] == ["two words", "three more words"]
    assert counter._value.get() - before == 5


def test_too_many_requests_are_made_again_when_the_server_says(served: World) -> None:
    assert served.server is not None
    assert served.asked is not None
    busy = error(429, "Rate limit reached", Retry_After="0")
    served.server.before = [
        busy if served.embedder.name.startswith("openai") else aws_error(429, "ThrottlingException")
    ]
    served.embedder.embed_passages(["leave"])
    assert len(served.asked) == 2


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"nonsense", b'{"data": [[]]}', b"\xff", b'{"embedding": {}}', b"[" * 9999]
)
def test_a_response_of_another_shape_is_an_error_that_names_the_model(served: World, broken: bytes) -> None:
    assert served.server is not None
    served.server.before = [Answer(raw=broken)]
    with pytest.raises(ModelUnavailable, match="model"):
        served.embedder.embed_passages(["leave"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "0", '"1"', "null", "[1]"])
def test_vectors_that_are_none_are_refused(served: World, number: str) -> None:
    assert served.server is not None
    row = f"[{', '.join([number] * 8)}]"
    served.server.before = [
        Answer(
            raw=(
                f'{{"model": "{served.server.serves or OPENAI[7:]}", "data": [{{"index": 0, "embedding": {row}}}], '
                f'"embedding": {row}, "embeddings": {{"float": [{row}]}}}}'
            ).encode()
        )
    ]
    with pytest.raises(ModelUnavailable, match="vector"):
        served.embedder.embed_passages(["leave"])


def test_vectors_of_another_length_are_refused_with_the_way_out() -> None:
    with (
        world(OPENAI, ModelServer(dimensions=3072)) as wrong,
        pytest.raises(ModelUnavailable, match=r"3072 numbers, and embedder\.remote\.dimensions is 8.*shorten"),
    ):
        wrong.embedder.embed_query("leave")


def test_another_model_under_the_index_is_refused() -> None:
    with world(OPENAI) as moved:
        assert moved.server is not None
        moved.embedder.embed_passages(["leave"])
        moved.server.serves = "text-embedding-4"
        with pytest.raises(ModelUnavailable, match=r"answered for by 'text-embedding-4'.*footnote index rebuild"):
            moved.embedder.embed_passages(["another text"])


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        (lambda value: value | {"data": value["data"][:-1]}, "2 of 3 texts; the first that is missing is 2"),
        (lambda value: value | {"data": [*value["data"], value["data"][0]]}, "answers twice for text 0"),
        (lambda value: value | {"data": [one | {"index": 7} for one in value["data"]]}, "for text 7, and 3 were sent"),
        (lambda value: value | {"data": [one | {"index": None} for one in value["data"]]}, "for text None"),
    ],
)
def test_texts_that_are_missing_or_told_twice_are_an_error(bend: Any, words: str) -> None:
    with world(OPENAI, ModelServer(bent=bend)) as bent, pytest.raises(ModelUnavailable, match=words):
        bent.embedder.embed_passages(TEXTS[:3])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(4)))
def test_vectors_go_by_their_index_whatever_their_order(order: list[int]) -> None:
    bent = ModelServer(
        bent=lambda value: value | {"data": [value["data"][at] for at in order if at < len(value["data"])]}
    )
    with world(OPENAI, bent) as mixed, world(OPENAI) as plain:
        assert (mixed.embedder.embed_passages(TEXTS) == plain.embedder.embed_passages(TEXTS)).all()


def test_batches_keep_to_texts_and_tokens() -> None:
    with world(OPENAI, batch_texts=5, batch_tokens=40) as made:
        assert made.server is not None
        texts = [f"text {n} " + "leave " * (n % 7) for n in range(40)]
        made.embedder.embed_passages(texts)
        count = made.embedder.tokenizer.count
        assert sorted(text for sent in made.server.texts for text in sent) == sorted(texts)
        assert all(len(sent) <= 5 and sum(map(count, sent)) <= 40 for sent in made.server.texts)


def test_a_key_that_is_refused_is_named_and_never_shown() -> None:
    with world(OPENAI, api_key="sk-wrong") as closed:
        assert closed.asked is not None
        with pytest.raises(ModelUnavailable, match=r"embedder\.remote\.api_key") as caught:
            closed.embedder.embed_query("leave")
        assert "sk-wrong" not in str(caught.value) + repr(closed.embedder)
        assert len(closed.asked) == 1


def test_a_question_waits_no_longer_than_its_time_limit() -> None:
    with world(OPENAI, query_timeout_s=0.2) as slow:
        assert slow.server is not None
        slow.server.before = [error(503, "later", Retry_After="30")] * 9
        with pytest.raises(ModelUnavailable):
            slow.embedder.embed_query("leave")
        assert slow.asked is not None
        assert len(slow.asked) == 1


def test_nobody_there_is_an_outage() -> None:
    for model in (OPENAI, f"bedrock:{TITAN}"):
        embedder = remote(model, "http://127.0.0.1:9", attempts=1, query_timeout_s=1)
        with pytest.raises(ModelUnavailable):
            embedder.embed_query("leave")
        embedder.close()


@pytest.mark.parametrize(
    ("model", "remote_settings", "words"),
    [
        (OPENAI, {}, r"embedder\.remote\.dimensions must say"),
        ("bedrock:meta.llama", {"dimensions": 8, "region": "x"}, "no model that Footnote knows"),
        (f"packaged + {OPENAI}", {"dimensions": 8}, "side by side"),
        (OPENAI, {"dimensions": 8, "tokenizer": "/nowhere/tokenizer.json"}, r"tokenizer\.json"),
        (OPENAI, {"dimensions": 8, "passage_prompt": "passage: " * 300}, "passage_prompt"),
    ],
)
def test_settings_that_cannot_work_are_told_before_anything_is_sent(
    model: str, remote_settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        build_embedder(Settings.model_validate({"embedder": {"model": model, "remote": remote_settings}}))


def test_prompts_change_the_name_and_are_sent() -> None:
    with world(OPENAI, query_prompt="query: ", passage_prompt="passage: ") as prompted, world(OPENAI) as plain:
        assert prompted.embedder.name != plain.embedder.name
        prompted.embedder.embed_query("leave")
        prompted.embedder.embed_passages(["leave"])
        assert prompted.server is not None
        assert prompted.server.texts == [["query: leave"], ["passage: leave"]]


def test_generations_find_their_embedder_by_what_the_settings_named_it() -> None:
    with serving(ModelServer()) as (url, _):
        made = Settings.model_validate(
            {"embedder": {"model": "packaged", "remote": {"url": f"{url}/v1", "api_key": KEY, "dimensions": 8}}}
        )
        embedders = build_embedders(made, build_embedder(made))
        found = embedders.by_model(OPENAI)
        assert isinstance(found, RemoteEmbedder)
        assert found.name == f"{OPENAI}@8"
        assert found.embed_query("leave").shape == (8,)
        found.close()
