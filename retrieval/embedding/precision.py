"""Where, in which number format and in what batches a model runs."""

from __future__ import annotations

import math
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from torch.nn import Module

Dtype = Literal["float32", "bfloat16", "float16"]
_TURNS = 5
_WORTH_IT = 1.1


def choose_device(wanted: str) -> str:
    """``auto``: a CUDA GPU if there is one, then Apple's, then the CPU. Loads torch."""
    if wanted != "auto":
        return wanted
    import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def leave_cores_to_torch() -> None:
    """Let numpy multiply in one thread from now on, in a process that runs models on its CPU.

    After a product in several threads OpenBLAS keeps them spinning for some 25 ms, on cores that the model of the next
    question then shares with them. Measured on two cores, a question embedded and 30 passages read by late interaction,
    medians of 80 in two rounds: 12 to 14 ms instead of 24 to 30, and half the CPU time.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - it looks through all loaded libraries

    threadpool_limits(limits=1, user_api="blas")


@cache
def _all_threads() -> int:
    import torch  # noqa: PLC0415

    return torch.get_num_threads()


def use_threads(count: int) -> None:
    """Let models that this thread runs on a CPU use so many threads from now on; 0: as many as torch took at first.

    torch keeps the number for each thread; one that has never set it takes what any other has set last. So whoever runs
    a model sets it before: that takes a microsecond.
    """
    import torch  # noqa: PLC0415

    everything = _all_threads()
    torch.set_num_threads(count or everything)


def choose_dtype(wanted: Literal["auto"] | Dtype, device: str, setting: str = "embedder.dtype") -> Dtype:
    """``auto``: fp16 on CUDA; bf16 on a CPU that has it (AMX, AVX512-BF16) and is faster with it; else fp32.

    Measured on two cores of an EPYC with AVX512-BF16, all-MiniLM-L6-v2, seven interleaved runs: 1.7 to 1.9 times the
    passages a second of fp32 in batches of 32 full windows, and single questions .9 to 1.3 times as fast.

    Args:
        setting: what it is called in the settings.

    Raises:
        ConfigurationError: fp16 on a CPU, where it is slow and some operators lack it.
    """
    if wanted == "float16" and device == "cpu":
        raise ConfigurationError(f"{setting} = 'float16' needs a GPU: on a CPU use 'auto', 'bfloat16' or 'float32'.")
    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        return "float16"
    return "bfloat16" if device == "cpu" and _has_fast_bf16() else "float32"


def cast_linear_weights(model: Module) -> None:
    """Keep the weights of linear layers in bf16, in place, for a model that runs under autocast.

    Autocast would cast them anew in every call: the vectors are the same to the last bit, and a question of 20 tokens
    takes 12.6 ms of CPU time instead of 14.7 (all-MiniLM-L6-v2, medians of 40 by turns, one thread). Weights that an
    embedding shares stay as they are: there bf16 would count.
    """
    import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

    modules = list(model.modules())
    embedded = {id(module.weight) for module in modules if isinstance(module, torch.nn.Embedding)}
    for module in modules:
        if isinstance(module, torch.nn.Linear) and id(module.weight) not in embedded:
            module.to(torch.bfloat16)


def autocast(dtype: Dtype, device: str) -> AbstractContextManager[Any]:
    """bf16 on a CPU by autocast. Else nothing.

    A whole model in bf16 costs accuracy: 64 full windows on a CPU with AMX have a mean cosine of .99995 to fp32, .99992
    at the lowest, against .99998 and .99997 by autocast.
    """
    if dtype == "bfloat16" and device == "cpu":
        import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def quantised(model: Any, device: str) -> Any:
    """A copy whose linear layers have int8 weights, and make int8 of what comes in as it comes. For a CPU.

    Raises:
        ConfigurationError: another device, or a torch that has left this out.
    """
    import torch  # noqa: PLC0415

    if device != "cpu":
        raise ConfigurationError(f"reranker.dtype = 'int8' runs on a CPU, not on {device}: use 'auto'.")
    quantization = getattr(torch.ao, "quantization", None)
    if quantization is None:
        raise ConfigurationError("This torch can't make int8 of a model: set reranker.dtype to 'auto'.")
    with warnings.catch_warnings():  # torch means to move this elsewhere; a torch that has is told apart above
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        return quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)


def choose_batch_size(wanted: int, device: str) -> int:
    """0: eight full windows on a CPU, which keep its cores as busy as 32 do and need less memory; 128 on a GPU.

    Tried with AMX too, two cores, five rounds by turns beside other work: 52 windows a second in eights, 38 in 32.
    """
    if wanted:
        return wanted
    return 8 if device == "cpu" else 128


@cache
def _has_fast_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware, and faster than fp32: tried once in a process, in some 200 ms.

    What the processor says isn't enough: on an Intel Xeon with AVX512-BF16 and without AMX passages took 1.6 times as
    long in bf16, on an EPYC with AVX512-BF16 .6 times.
    """
    return any(map(_supports, ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))) and _bf16_gain() > _WORTH_IT


def _bf16_gain() -> float:
    """How many times as fast as in fp32 a layer like those of small encoders is in bf16: the best of turns."""
    import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

    took: dict[torch.dtype, float] = {}
    with torch.inference_mode():
        for _ in range(_TURNS):
            for dtype in (torch.float32, torch.bfloat16):
                layer, rows = torch.nn.Linear(384, 1536, dtype=dtype), torch.rand(2048, 384).to(dtype)
                layer(rows)
                began = time.perf_counter()
                layer(rows)
                took[dtype] = min(took.get(dtype, math.inf), time.perf_counter() - began)
    return took[torch.float32] / took[torch.bfloat16]


def _supports(name: str) -> bool:
    import torch  # noqa: PLC0415

    # torch has no public question for this; looked up by name, so that a torch without it means no
    check = getattr(torch.cpu, name, None)
    return check is not None and bool(check())
