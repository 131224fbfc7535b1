"""Weights kept in bf16 change no vector: only what autocast would cast anyway is cast. And whose the cores are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from retrieval.embedding import precision
from retrieval.embedding.precision import cast_linear_weights, choose_batch_size, choose_dtype, leave_cores_to_torch


def test_linear_weights_are_cast_once_and_nothing_else_is() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(8, 16), nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 4)).eval()
    tokens = torch.tensor([[1, 2, 3]])
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        before = model(tokens)
        cast_linear_weights(model)
        after = model(tokens)
    assert torch.equal(before, after)
    assert [parameter.dtype for parameter in model[2].parameters()] == [torch.float32] * 2
    assert model[0].weight.dtype == torch.float32
    assert {parameter.dtype for parameter in (*model[1].parameters(), *model[3].parameters())} == {torch.bfloat16}


def test_weights_that_an_embedding_shares_stay_exact() -> None:
    words = nn.Embedding(8, 16)
    head = nn.Linear(16, 8, bias=False)
    head.weight = words.weight
    cast_linear_weights(nn.ModuleList([words, head]))
    assert words.weight.dtype == torch.float32


def test_numpy_multiplies_in_one_thread_and_torch_in_as_many_as_before() -> None:
    before = torch.get_num_threads()
    with threadpool_limits(limits=2, user_api="blas"):  # and what was before is given back
        assert blas_threads() == {2}
        leave_cores_to_torch()
        assert blas_threads() == {1}
        assert torch.get_num_threads() == before


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


_THREADS = """
import threading
import torch
from sentence_transformers import SentenceTransformer
from api.wiring import wire
from core.settings import EmbedderSettings, Settings
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder

seen, used, everything = [], [], torch.get_num_threads()

def watched(function):
    def run(*args, **options):
        used.append(torch.get_num_threads())
        return function(*args, **options)
    return run

SentenceTransformer.encode_query = watched(SentenceTransformer.encode_query)
SentenceTransformer.encode_document = watched(SentenceTransformer.encode_document)

def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

for embedder in (
    SentenceTransformersEmbedder(EmbedderSettings()),
    SentenceTransformersEmbedder(EmbedderSettings(threads=3)),
    wire(Settings()).embedder.get(),
):
    embedder.warm_up()
    used.clear()
    for days in (28, 30):
        in_a_thread(lambda: embedder.embed_query("How many days of leave?"))
        in_a_thread(lambda: embedder.embed_passages([f"Everybody has {days} days."]))
    seen.append(list(used))
assert seen == [[1, everything] * 2, [1, 3] * 2, [1, 1] * 2], seen
"""


def test_questions_take_one_thread_and_passages_all_but_in_the_service() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _THREADS],
        cwd=Path(__file__).parents[4],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_batches_fit_the_device_unless_the_settings_say() -> None:
    assert [choose_batch_size(0, device) for device in ("cpu", "cuda")] == [8, 128]
    assert choose_batch_size(4, "cpu") == 4


@pytest.mark.parametrize(
    ("supported", "gain", "chosen"), [(True, 1.7, "bfloat16"), (True, 0.6, "float32"), (False, 1.7, "float32")]
)
def test_half_precision_is_taken_where_the_processor_is_faster_with_it(
    monkeypatch: pytest.MonkeyPatch, supported: bool, gain: float, chosen: str
) -> None:
    """A Xeon says that it has bf16, and took 1.6 times as long with it."""
    precision._has_fast_bf16.cache_clear()
    monkeypatch.setattr(precision, "_supports", lambda name: supported)
    monkeypatch.setattr(precision, "_bf16_gain", lambda: gain)
    assert choose_dtype("auto", "cpu") == chosen
    precision._has_fast_bf16.cache_clear()
