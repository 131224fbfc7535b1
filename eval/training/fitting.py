"""The training itself, by sentence-transformers' own trainer. Imported where it runs: it needs torch and more."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from datasets.utils import disable_progress_bars
from sentence_transformers.cross_encoder import CrossEncoder, CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import ListNetLoss
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from core.errors import ModelUnavailable, StorageUnavailable
from eval.progress import Progress
from eval.training.groups import Group, teacher_scores
from eval.training.mixing import Mixed, key, mixed
from eval.training.recipe import Recipe
from retrieval.embedding.precision import choose_dtype

_PREDICT_BATCH = 32
_METRIC = "dev_ndcg@10"


def _evaluator_class() -> Any:
    """What an evaluator has to be derived from; it moved in release 6."""
    if importlib.util.find_spec("sentence_transformers.base") is not None:
        return importlib.import_module("sentence_transformers.base.evaluation").BaseEvaluator
    return importlib.import_module("sentence_transformers.evaluation").SentenceEvaluator


_Evaluator: Any = _evaluator_class()


@dataclass(slots=True)
class Fitted:
    """How the training went.

    Attributes:
        finished: whether it came to its end; else it goes on from its last checkpoint.
        mixed: the chosen model on the dev questions.
        history: (step, loss or None, nDCG@10 on the dev questions or None), in order.
    """

    finished: bool
    steps: int
    mixed: Mixed | None = None
    history: list[tuple[int, float | None, float | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where checkpoints are kept, and when to stop for now (``time.monotonic``; None: at the end)."""

    checkpoints: Path
    deadline: float | None = None


class _DevEvaluator(_Evaluator):  # type: ignore[misc]  # known at run time only
    """nDCG@10 on the dev questions at the best weight: what chooses the checkpoint."""

    def __init__(self, groups: Sequence[Group], recipe: Recipe) -> None:
        super().__init__()
        self.primary_metric = _METRIC
        self._groups = groups
        self._recipe = recipe

    def __call__(
        self,
        model: CrossEncoder,
        output_path: str | None = None,  # noqa: ARG002 - the port's
        epoch: float = -1,  # noqa: ARG002
        steps: int = -1,  # noqa: ARG002
    ) -> dict[str, float]:
        return {_METRIC: self.measure(model).after}

    def measure(self, model: CrossEncoder) -> Mixed:
        scores = predict(model, self._groups)
        gate = self._recipe.gate
        return mixed(self._groups, scores, gate.weights, gate.depth)


class _Watcher(TrainerCallback):  # type: ignore[misc, unused-ignore]  # untyped in some releases
    """Tells how far it is, and stops it when the time is over."""

    def __init__(self, progress: Progress, deadline: float | None) -> None:
        self._progress = progress
        self._deadline = deadline
        self.stopped = False

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ARG002 - the port's
        """Called by the trainer after every step."""
        self._progress("training", state.global_step, state.max_steps)
        late = self._deadline is not None and time.monotonic() > self._deadline
        if late and state.global_step < state.max_steps:
            self.stopped = control.should_save = control.should_training_stop = True


def predict(model: CrossEncoder, groups: Sequence[Group]) -> dict[str, list[float]]:
    """The model's scores of every candidate, by :func:`eval.training.mixing.key`."""
    pairs = [(group.question, passage) for group in groups for passage in group.passages]
    bf16 = choose_dtype("auto", model.device.type) != "float32"
    with torch.no_grad(), torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16):
        scores = iter(model.predict(pairs, batch_size=_PREDICT_BATCH, show_progress_bar=False).tolist())
    return {key(group): [float(next(scores)) for _ in group.passages] for group in groups}


def fit(
    model: CrossEncoder,
    train: Sequence[Group],
    dev: Sequence[Group],
    *,
    recipe: Recipe,
    limits: Limits,
    progress: Progress,
) -> Fitted:
    """Train, from the last checkpoint if there is one; the model ends as the checkpoint that did best on ``dev``.

    Raises:
        StorageUnavailable: a checkpoint can't be written.
        ModelUnavailable: the machine can't run it.
    """
    disable_progress_bars()
    evaluator, watcher = _DevEvaluator(dev, recipe), _Watcher(progress, limits.deadline)
    data = _dataset(train, recipe)
    trainer = CrossEncoderTrainer(
        model=model,
        args=_arguments(model, len(data), recipe, limits.checkpoints),
        train_dataset=data,
        # Its cross entropy of two softmaxes is, but for the teacher's own entropy, the listwise KL divergence.
        loss=ListNetLoss(model, mini_batch_size=-1),
        evaluator=evaluator,
        callbacks=[watcher, EarlyStoppingCallback(recipe.fitting.patience)],
    )
    trainer.remove_callback(PrinterCallback)
    _run(trainer, limits.checkpoints)
    history = _history(trainer.state.log_history)
    if watcher.stopped:
        return Fitted(False, trainer.state.global_step, None, history)
    return Fitted(True, trainer.state.global_step, evaluator.measure(model), history)


def _run(trainer: CrossEncoderTrainer, checkpoints: Path) -> None:
    try:
        trainer.train(resume_from_checkpoint=_last(checkpoints))
    except OSError as error:
        raise StorageUnavailable(
            f"A checkpoint can't be written to {checkpoints} ({error.strerror or error}): make room, and run the same "
            "command again; it goes on from the last one."
        ) from error
    except RuntimeError as error:
        if "write" in str(error) and "enforce fail" in str(error):  # torch's own words for a full disk
            raise StorageUnavailable(f"A checkpoint can't be written to {checkpoints}: make room.") from error
        raise ModelUnavailable(
            f"The training can't be run here ({error}). A smaller fitting.batch needs less."
        ) from error


def _last(checkpoints: Path) -> str | None:
    """The last checkpoint that is whole: one that was cut off lacks what is written into it last, and goes."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
    for folder in reversed(found):
        if (folder / "trainer_state.json").is_file():
            return str(folder)
        shutil.rmtree(folder)
    return None


def _dataset(groups: Sequence[Group], recipe: Recipe) -> Dataset:
    """The labels are what the model's scores should differ by."""
    teacher = recipe.teacher
    return Dataset.from_dict(
        {
            "query": [group.question for group in groups],
            "docs": [list(group.passages) for group in groups],
            "labels": [(teacher_scores(group, teacher) / teacher.temperature).tolist() for group in groups],
        }
    )


def _arguments(model: CrossEncoder, questions: int, recipe: Recipe, folder: Path) -> CrossEncoderTrainingArguments:
    fitting = recipe.fitting
    steps = -(-questions // fitting.batch)
    every = max(1, steps // fitting.checks)
    device = model.device.type
    dtype = choose_dtype("auto", device)
    bf16 = dtype == "bfloat16" or (dtype == "float16" and torch.cuda.is_bf16_supported())
    return CrossEncoderTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=fitting.epochs,
        per_device_train_batch_size=fitting.batch,
        learning_rate=fitting.learning_rate,
        warmup_steps=int(fitting.warmup * steps * fitting.epochs),
        bf16=bf16,
        fp16=dtype == "float16" and not bf16,
        use_cpu=device == "cpu",
        seed=fitting.seed,
        data_seed=fitting.seed,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{_METRIC}",
        greater_is_better=True,
        logging_steps=every,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=device == "cuda",
    )


def _history(log: Sequence[dict[str, Any]]) -> list[tuple[int, float | None, float | None]]:
    rows: dict[int, dict[str, float]] = {}
    for entry in log:
        rows.setdefault(int(entry["step"]), {}).update(entry)
    return [
        (step, row.get("loss"), row.get(f"eval_{_METRIC}"))
        for step, row in sorted(rows.items())
        if "loss" in row or f"eval_{_METRIC}" in row
    ]
