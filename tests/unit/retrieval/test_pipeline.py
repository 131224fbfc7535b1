"""Pipelines as data: what is offered, what is the default, and what is refused."""

import pytest
from pydantic import ValidationError

from core.errors import ConfigurationError
from core.settings import Settings
from retrieval.pipeline import PipelineConfig, default_pipeline, named_pipelines


def settings(**retrieval: object) -> Settings:
    return Settings.model_validate({"retrieval": retrieval})


def test_the_settings_pipelines_come_after_the_built_in_ones() -> None:
    mine = {"name": "by-score", "fusion": {"method": "convex", "weights": {"vector": 2}}, "depth": 50}
    named = named_pipelines(settings(pipelines=[mine], rrf_k=10, lexical_weight=0.5), reranker=False)
    assert list(named)[:3] == ["lexical", "vector", "hybrid"]
    assert list(named)[-1] == "by-score"
    assert named["by-score"].fusion.weights.vector == 2
    assert (named["hybrid"].fusion.k, named["hybrid"].fusion.weights.lexical) == (10, 0.5)


def test_the_reranker_stands_on_the_best_there_is_without_it() -> None:
    for tokens, before in ((True, "convex+late+neighbours"), (False, "convex+neighbours")):
        named = named_pipelines(settings(), reranker=True, tokens=tokens)
        reranked = named["hybrid+rerank"]
        assert reranked.reranker is not None
        assert reranked.model_copy(update={"reranker": None, "name": before}) == named[before]


def test_two_of_one_name_are_refused() -> None:
    for twice in ([{"name": "hybrid"}], [{"name": "x"}, {"name": "x"}]):
        with pytest.raises(ConfigurationError, match=twice[0]["name"]):
            named_pipelines(settings(pipelines=twice), reranker=False)


def test_a_reranker_that_is_not_set_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"reranker\.model"):
        named_pipelines(settings(pipelines=[{"name": "x", "reranker": {}}]), reranker=False)


def test_the_default_is_the_settings_choice() -> None:
    named = named_pipelines(settings(), reranker=True)
    assert default_pipeline(settings(pipeline="lexical"), named) == "lexical"
    assert default_pipeline(settings(), named) == "hybrid+rerank"
    assert default_pipeline(settings(), named_pipelines(settings(), reranker=False)) == "convex+late+neighbours"
    without = named_pipelines(settings(), reranker=False, tokens=False)
    assert default_pipeline(settings(), without) == "convex+neighbours"
    with pytest.raises(ConfigurationError, match="lexical, vector, hybrid"):
        default_pipeline(settings(pipeline="magic"), named)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x", "legs": []},
        {"name": "x", "legs": ["lexical", "lexical"]},
        {"name": "x", "legs": ["sparse"]},
        {"name": "has space"},
        {"name": "x", "depth": 0},
        {"name": "x", "fusion": {"method": "borda"}},
        {"name": "x", "fusion": {"weights": {"lexical": -1}}},
        {"name": "x", "reranker": {"weight": 1.5}},
        {"name": "x", "surprise": 1},
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        PipelineConfig.model_validate(wrong)
