"""The training of a task's network, on the CPU, that goes on where it was stopped."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from eval.progress import Progress
from eval.training.evidence.pairs import Pair
from generation.evidence_model.network import FROZEN, EvidenceNetwork, batches, from_base, tensors_of

_WARMUP, _COOLING, _CLIP, _DECAY = 0.06, 0.6, 1.0, 0.01
_BLOCK = 10
"""Batches whose groups are sorted by length together."""
_PREDICT = 32
_KEEP_EVERY = 50


@dataclass(frozen=True, slots=True)
class Fitting:
    """What shapes a training beside its pairs.

    Attributes:
        most: the first so many pairs, as they are drawn, are learnt from; about, for batches are whole.
    """

    most: int = 6000
    seed: int = 7
    epochs: int = 1
    batch: int = 24
    rate: float = 1e-4
    head_rate: float = 1e-3
    max_tokens: int = 128
    threads: int = 1


def fit(
    groups: Sequence[Sequence[Pair]],
    base: Path,
    tokenizer: Tokenizer,
    how: Fitting,
    *,
    kept: Path,
    progress: Progress,
) -> EvidenceNetwork:
    """Train a network on groups of pairs; each batch has whole groups.

    Within a group that has both, sentences that answer are put above others (softmax over the group); each pair also
    tells by itself (binary cross-entropy), which is what makes scores comparable between questions.

    Args:
        kept: where it keeps how far it is; the same call goes on from there.
    """
    torch.manual_seed(how.seed)
    torch.set_num_threads(how.threads)
    network = from_base(base).train()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in FROZEN)
    plan = _planned(groups, how)
    optimiser = torch.optim.AdamW(_rates(network, how), weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share(step, len(plan)))
    state = (network, optimiser, schedule)
    done = _resumed(kept, state, how, len(plan))
    for step in range(done, len(plan)):
        progress("training", step, len(plan))
        loss = _loss(network, plan[step], tokenizer)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()
        schedule.step()
        if (step + 1) % _KEEP_EVERY == 0:
            _keep(kept, state, how, len(plan), step + 1)
    progress("training", len(plan), len(plan))
    return network.eval()


def predict(
    network: EvidenceNetwork, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], progress: Progress
) -> list[float]:
    """The network's logits."""
    found = [0.0] * len(pairs)
    done = 0
    with torch.inference_mode():
        for places, tensors in batches(tokenizer, pairs, _PREDICT):
            for place, logit in zip(places, network(*tensors).tolist(), strict=True):
                found[place] = logit
            done += len(places)
            progress("reading", done, len(pairs))
    return found


def _planned(groups: Sequence[Sequence[Pair]], how: Fitting) -> list[list[Sequence[Pair]]]:
    """Batches in their order, as many as are learnt from."""
    every = [batch for epoch in range(how.epochs) for batch in _epoch(groups, how, how.seed + epoch)]
    read = accumulate(sum(map(len, batch)) for batch in every)
    return [batch for batch, count in zip(every, read, strict=True) if count <= how.most]


def _epoch(groups: Sequence[Sequence[Pair]], how: Fitting, seed: int) -> list[list[Sequence[Pair]]]:
    """Batches of groups of about the same length, so that little is padding."""
    drawn = random.Random(seed)
    every = [(max(len(one.first) + len(one.second) for one in group), group) for group in groups]
    drawn.shuffle(every)
    found: list[list[Sequence[Pair]]] = []
    for block in _cut([group for _, group in every], how.batch * _BLOCK):
        block.sort(key=lambda group: max(len(one.first) + len(one.second) for one in group))
        found += _cut(block, how.batch)
    drawn.shuffle(found)
    return found


def _cut(groups: Sequence[Sequence[Pair]], most: int) -> Iterator[list[Sequence[Pair]]]:
    """Runs of groups with about so many pairs."""
    run: list[Sequence[Pair]] = []
    for group in groups:
        if run and sum(map(len, run)) + len(group) > most:
            yield run
            run = []
        run.append(group)
    if run:
        yield run


def _loss(network: EvidenceNetwork, batch: Sequence[Sequence[Pair]], tokenizer: Tokenizer) -> torch.Tensor:
    pairs = [pair for group in batch for pair in group]
    logits = network(*tensors_of(tokenizer.encode_batch([(one.first, one.second) for one in pairs])))
    labels = torch.tensor([float(one.label) for one in pairs])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    ranked, begin = [], 0
    for group in batch:
        mine, wanted = logits[begin : begin + len(group)], labels[begin : begin + len(group)]
        begin += len(group)
        if 0 < wanted.sum() < len(group):
            ranked.append(-(wanted / wanted.sum() * torch.log_softmax(mine, 0)).sum())
    return loss + torch.stack(ranked).mean() if ranked else loss


def _rates(network: EvidenceNetwork, how: Fitting) -> list[dict[str, Any]]:
    learning = [one for one in network.encoder.parameters() if one.requires_grad]
    head = [*network.hidden.parameters(), *network.score.parameters()]
    return [{"params": learning, "lr": how.rate}, {"params": head, "lr": how.head_rate}]


def _share(step: int, of: int) -> float:
    """Of the full learning rate: up over the first steps, then all of it, then down to nothing."""
    warm, left = max(1, int(_WARMUP * of)), max(0, of - step)
    return min(1.0, (step + 1) / warm, left / max(1, int(_COOLING * of)))


def _keep(kept: Path, state: tuple[Any, Any, Any], how: Fitting, steps: int, done: int) -> None:
    network, optimiser, schedule = state
    part = kept.with_suffix(".part")
    parts = [network.state_dict(), optimiser.state_dict(), schedule.state_dict(), torch.get_rng_state()]
    torch.save({"how": asdict(how), "steps": steps, "done": done, "state": parts}, part)
    part.replace(kept)


def _resumed(kept: Path, state: tuple[Any, Any, Any], how: Fitting, steps: int) -> int:
    """The steps that were done before; 0 where nothing is kept of the same training."""
    if not kept.is_file():
        return 0
    found = torch.load(kept, weights_only=True)
    if found["how"] != asdict(how) or found["steps"] != steps:
        return 0
    *parts, noise = found["state"]
    for one, part in zip(state, parts, strict=True):
        one.load_state_dict(part)
    torch.set_rng_state(noise)
    return int(found["done"])
