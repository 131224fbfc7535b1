"""Chunks of any number: always the same, real first, and then between real neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from eval.bench.scale import corpus as drawing
from eval.bench.scale.corpus import BLOCK, WINDOWS, Corpus, nearest, structure

DISTINCT, DIMENSIONS = 1_500, 24


@pytest.fixture(scope="module")
def made() -> Corpus:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((30, DIMENSIONS))
    vectors = centres[rng.integers(0, 30, DISTINCT)] + rng.standard_normal((DISTINCT, DIMENSIONS)) * 0.4
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Corpus([f"sentence number {n}." for n in range(DISTINCT)], vectors.astype(np.float32))


def test_a_chunk_is_the_same_however_many_there_are_and_wherever_a_run_goes_on(made: Corpus) -> None:
    whole = list(made.blocks(2_300))
    assert [block.first for block in whole] == [0, 1000, 2000]
    assert [len(block.vectors) for block in whole] == [1000, 1000, 300]
    (rest,) = made.blocks(2_500, 2_000)
    np.testing.assert_array_equal(rest.vectors[:300], whole[2].vectors)
    assert made.chunks(rest)[:300][7].chunk == made.chunks(whole[2])[7].chunk
    again = Corpus(made.texts, made.vectors).block(1_000, 1_400)
    np.testing.assert_array_equal(again.vectors, whole[1].vectors[:400])


def test_the_real_ones_come_first_with_their_own_text(made: Corpus) -> None:
    first, second = made.block(0, BLOCK), made.block(BLOCK, 2 * BLOCK)
    np.testing.assert_array_equal(first.vectors, made.vectors[:BLOCK])
    chunks = made.chunks(first)
    assert chunks[5].chunk.text == " ".join(f"sentence number {n}." for n in range(5, 5 + WINDOWS))
    beyond = made.chunks(second)[DISTINCT - BLOCK :]
    assert len({chunk.chunk.text for chunk in beyond}) > 0.99 * len(beyond)
    assert {len(chunk.windows) for chunk in beyond} == {1}


def test_drawn_vectors_have_unit_length_and_lie_where_the_real_ones_lie(made: Corpus) -> None:
    drawn = made.block(2 * BLOCK, 3 * BLOCK).vectors
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-5)
    assert drawn.dtype == np.float32
    rng = np.random.default_rng(2)
    anywhere = rng.standard_normal((200, DIMENSIONS))
    anywhere = (anywhere / np.linalg.norm(anywhere, axis=1, keepdims=True)).astype(np.float32)
    near = [float(np.median(nearest(some, made.vectors, 1)[0])) for some in (drawn[:200], anywhere)]
    assert near[0] > near[1] + 0.1


def test_the_nearest_are_found_best_first(made: Corpus) -> None:
    similarities, rows = nearest(made.vectors[:3], made.vectors, 4)
    assert rows[:, 0].tolist() == [0, 1, 2]
    assert (np.diff(similarities, axis=1) <= 0).all()
    assert made.neighbours.shape == (DISTINCT, drawing.NEIGHBOURS)
    assert not (made.neighbours == np.arange(DISTINCT)[:, None]).any()


def test_the_dimension_is_that_of_the_space_that_vectors_fill() -> None:
    rng = np.random.default_rng(3)
    for dimensions in (3, 8):
        # On the sphere of so many dimensions, points lie on a surface of one less.
        points = np.zeros((5_000, 20), np.float32)
        points[:, :dimensions] = rng.standard_normal((5_000, dimensions))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        assert structure(points).dimension == pytest.approx(dimensions - 1, rel=0.25)


def test_permissions_and_departments_are_spread(made: Corpus) -> None:
    chunks = [one.chunk for block in made.blocks(3_000) for one in made.chunks(block)]
    public = sum(chunk.acl == ("public",) for chunk in chunks) / len(chunks)
    assert public == pytest.approx(drawing.PUBLIC_SHARE, abs=0.05)
    departments = {chunk.metadata.department for chunk in chunks}
    assert len(departments) == drawing.DEPARTMENTS
    assert len({chunk.document_id for chunk in chunks}) == 300
