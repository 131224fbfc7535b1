"""What a question is trained with, what it is taught, and how its score is weighed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.chunk import Chunk
from core.metadata import Metadata
from eval.datasets import DatasetError
from eval.training.groups import Group, read_groups, split, teacher_scores, write_groups, z_scores
from eval.training.mining import drawn
from eval.training.mixing import mixed
from eval.training.recipe import Mining, Teacher
from eval.training.student import check_base
from retrieval.ranked import Ranked, reorder

PLAIN = Teacher()


def group(id: str = "q", size: int = 10, relevant: tuple[int, ...] = (2,), source: str = "s") -> Group:
    return Group(
        id=id,
        source=source,
        question=f"question {id}",
        documents=tuple(f"{id}-d{n}" for n in range(size)),
        passages=tuple(f"passage {n} of {id}" for n in range(size)),
        first=tuple(float(size - n) for n in range(size)),
        relevant={f"{id}-d{n}": 1 for n in relevant},
    )


def test_groups_come_back_as_they_went(tmp_path: Path) -> None:
    given = [group(), group("ü", 3)]
    write_groups(given, tmp_path / "g.jsonl")
    assert read_groups(tmp_path / "g.jsonl") == given
    (tmp_path / "g.jsonl").write_text("{")
    with pytest.raises(DatasetError, match="is damaged"):
        read_groups(tmp_path / "g.jsonl")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), max_size=30), st.integers(0, 3))
def test_a_document_is_on_one_side_only(pairs: list[tuple[int, int]], seed: int) -> None:
    groups = [replace(group(str(n)), relevant={f"doc{d}#{s}": 1}) for n, (d, s) in enumerate(pairs)]
    sides = split(groups, 0.3, seed)
    assert sorted(g.id for side in sides for g in side) == sorted(g.id for g in groups)
    families = [{next(iter(g.relevant)).partition("#")[0] for g in side} for side in sides]
    assert not families[0] & families[1]


def test_likely_relevant_ones_and_copies_are_no_negatives() -> None:
    one = group(size=8, relevant=(4,))
    one = replace(one, passages=(*one.passages[:6], "PASSAGE 4  of q", one.passages[7]))
    (kept,) = drawn([one], Mining(candidates=8, margin=0.5), PLAIN, 0).groups
    assert kept.documents[0] == "q-d4"
    assert "q-d6" not in kept.documents  # the relevant passage's own text
    assert not {"q-d0", "q-d1", "q-d2"} & set(kept.documents)  # the search is surer of them than of the relevant one
    assert {"q-d3", "q-d5", "q-d7"} <= set(kept.documents)


@settings(max_examples=50)
@given(st.integers(3, 30), st.integers(0, 29), st.integers(2, 12), st.integers(0, 5))
def test_a_relevant_one_is_always_trained_with(size: int, place: int, candidates: int, seed: int) -> None:
    one = group(size=size, relevant=(place % size,))
    for kept in drawn([one], Mining(candidates=candidates), PLAIN, seed).groups:
        assert kept.positives
        assert kept.negatives
        assert len(kept.documents) <= candidates
        assert len(set(kept.documents)) == len(kept.documents)


def test_other_passages_of_a_relevant_document_are_neither() -> None:
    one = replace(group(size=4, relevant=(1,)), documents=("a", "q-d1", "q-d1", "b"))
    assert one.positives == [1]
    assert one.negatives == [0, 3]


def test_the_teacher_adds_what_it_knows() -> None:
    one = group(size=4, relevant=(3,))
    expected = 0.5 * z_scores((4, 3, 2, 1)) + np.array([0, 0, 0, 3.0])
    assert np.allclose(teacher_scores(one, Teacher(fused=0.5, relevant=3)), expected)
    assert not z_scores((1.0, 1.0)).any()


def ranked(document: str, score: float) -> Ranked:
    chunk = Chunk(
        id=document,
        document_id=document,
        source_id="s",
        uri="u",
        ordinal=0,
        text="t",
        start=0,
        end=1,
        metadata=Metadata(),
    )
    return Ranked(document, score, None, None, {}, chunk=chunk)


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 12), st.floats(0, 1), st.integers(0, 10_000))
def test_a_weight_is_worth_what_the_search_makes_of_it(size: int, weight: float, seed: int) -> None:
    """The ranking that is measured is the one that the retriever gives."""
    chance = random.Random(seed)
    one = group(size=size, relevant=(chance.randrange(size),))
    scores = [chance.uniform(-3, 3) for _ in range(size)]
    head = [ranked(document, score) for document, score in zip(one.documents, one.first, strict=True)]
    reorder(head, scores, weight)
    place = [item.id for item in head].index(next(iter(one.relevant)))
    found = mixed([one], {"s/q": scores}, [weight], size)
    assert found.by_weight[weight] == pytest.approx(1 / np.log2(2 + place) if place < 10 else 0.0)


def test_the_smaller_of_equal_weights_is_chosen_and_sources_count_alike() -> None:
    groups = [group("a", source="large"), group("b", source="large"), group("c", source="small")]
    perfect = [1.0 if n == 2 else 0.0 for n in range(10)]
    scores = {"large/a": perfect, "large/b": perfect, "small/c": [0.0] * 10}
    found = mixed(groups, scores, [0.1, 0.9, 1.0], 10)
    assert found.best == 0.9
    assert found.before == pytest.approx(0.5)
    assert found.after == pytest.approx((1 + 0.5) / 2)


def test_the_packaged_model_is_one_to_start_from() -> None:
    assert Path(check_base("packaged"), "model.safetensors").is_file()
