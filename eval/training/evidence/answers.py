"""Questions with sentences that answer them and sentences that don't: SelQA, QED, PolicyQA."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from eval.datasets import DatasetError, read_rows
from eval.training.evidence.pairs import Pair
from generation.text.sentences import split_sentences
from generation.text.word_stems import terms

_NEGATIVES = 4
"""Sentences beside each that answers: half of them those that hold most of the question's words."""
_POLICY_QUESTIONS = 1200
_STRANGE = 8
"""One question in so many is put beside sentences of another text as well: nothing there answers it."""
_SPACED = re.compile(r" (?=[,.;:!?)\]’'%]|n't\b)|(?<=[(\[$]) ")


def selqa(file: Path) -> list[list[Pair]]:
    """SelQA's questions, each with all sentences of its section, read under the article's and the section's name.

    Raises:
        DatasetError: the file isn't there or isn't SelQA's.
    """
    found = []
    for number, row in enumerate(_json(file)):
        above = " - ".join(dict.fromkeys((row["article"], row["section"])))
        right = set(row["answers"])
        found.append(
            [
                Pair("selqa", f"selqa-{number}", row["question"], f"{above}: {_plain(text)}", at in right)
                for at, text in enumerate(row["candidates"])
            ]
        )
    return found


def policyqa(file: Path) -> list[list[Pair]]:
    """PolicyQA's questions, each with the sentences of its paragraph: those that hold an answer's span answer.

    Paragraphs of a single sentence are left out.
    """
    found = []
    for document in _json(file)["data"]:
        for paragraph in document["paragraphs"]:
            sentences = split_sentences(paragraph["context"])
            for asked in paragraph["qas"]:
                spans = [(one["answer_start"], one["answer_start"] + len(one["text"])) for one in asked["answers"]]
                group = f"policyqa-{document['title']}-{asked['id']}"
                pairs = [
                    Pair("policyqa", group, asked["question"], f"{document['title']}: {one.text}", held)
                    for one in sentences
                    for held in [any(begin < one.end and one.start < end for begin, end in spans)]
                ]
                if len(pairs) > 1:
                    found.append(pairs)
    return found


def qed(file: Path) -> list[list[Pair]]:
    """QED's questions, each with the sentences of its paragraph, as many as one sentence answers."""
    found = []
    for _, row in read_rows(file):
        chosen = row["annotation"].get("selected_sentence")
        if row["annotation"]["explanation_type"] != "single_sentence" or not chosen:
            continue
        text, starts = row["paragraph_text"], row["sentence_starts"]
        ends = [*starts[1:], len(text)]
        above, group = row["title_text"], f"qed-{row['example_id']}"
        found.append(
            [
                Pair("qed", group, row["question_text"] + "?", f"{above}: {_plain(text[begin:end])}", label)
                for begin, end in zip(starts, ends, strict=True)
                for label in [begin <= chosen["start"] < end]
            ]
        )
    return found


def training_groups(folder: Path, seed: int) -> list[list[Pair]]:
    """What the model learns from: a group a question, one or two sentences that answer, some that don't.

    Raises:
        DatasetError: a file isn't there.
    """
    drawn = random.Random(seed)
    policies = policyqa(folder / "policyqa" / "dev.json")
    drawn.shuffle(policies)
    every = [*selqa(folder / "selqa" / "dev.json"), *qed(folder / "qed" / "dev.jsonl"), *policies[:_POLICY_QUESTIONS]]
    groups = [_thinned(group, drawn) for group in every if any(one.label for one in group)]
    return groups + list(_strange(every, drawn))


def _thinned(group: Sequence[Pair], drawn: random.Random) -> list[Pair]:
    right = [one for one in group if one.label]
    wrong = [one for one in group if not one.label]
    asked = terms(group[0].first)
    drawn.shuffle(wrong)
    wrong.sort(key=lambda one: -len(asked & terms(one.second)))
    near, far = wrong[: _NEGATIVES // 2], wrong[_NEGATIVES // 2 :]
    return [*drawn.sample(right, min(2, len(right))), *near, *drawn.sample(far, min(len(far), _NEGATIVES // 2))]


def _strange(every: Sequence[Sequence[Pair]], drawn: random.Random) -> Iterator[list[Pair]]:
    """Questions beside sentences of the next text of their kind, those that hold most of their words."""
    for one, other in pairwise(every):
        if drawn.randrange(_STRANGE) or one[0].source != other[0].source:
            continue
        asked = terms(one[0].first)
        near = sorted(other, key=lambda pair: -len(asked & terms(pair.second)))[:2]
        yield [Pair(one[0].source, one[0].group, one[0].first, pair.second, label=False) for pair in near]


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{file} can't be read: {error}. Name the folder with the evidence data (--data)."
        ) from error


def _plain(text: str) -> str:
    return _SPACED.sub("", " ".join(text.split()))
