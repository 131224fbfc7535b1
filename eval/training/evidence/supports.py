"""Statements beside what passages say: FM2, WiCE, SciFact, and sentences of all texts, changed and in other words."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.answers.evidence import Claim, training_claims
from eval.datasets import DatasetError, read_documents, read_rows
from eval.training.evidence.answers import policyqa, qed, selqa
from eval.training.evidence.changed import changed, reworded
from eval.training.evidence.pairs import Pair, said_of

_SYNTHETIC = 2400
_BESIDE = 2
_WORDS = range(8, 34)


def fm2(file: Path) -> list[Pair]:
    """FM2's claims beside their gold evidence: SUPPORTS against REFUTES."""
    return [
        _pair(
            "fm2",
            Claim(row["id"], row["text"], "\n".join(one["text"] for one in row["gold_evidence"]), supported),
        )
        for _, row in read_rows(file)
        for supported in [row["label"] == "SUPPORTS"]
    ]


def scifact(claims: Path, corpus: Path) -> list[Pair]:
    """SciFact's claims beside the abstracts that are cited: only SUPPORT supports.

    Raises:
        DatasetError: a file isn't there.
    """
    documents = read_documents(corpus)
    found = {}
    try:
        rows = list(csv.DictReader(claims.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise DatasetError(f"{claims} can't be read: {error}") from error
    for row in rows:
        cited = row["evidence_doc_id"] or row["cited_doc_ids"].strip("[]").split()[0].strip(",")
        document = documents.get(cited)
        if document is not None:
            label = row["evidence_label"] == "SUPPORT"
            claim = Claim(row["id"], row["claim"], f"{document.title}\n\n{document.text}", label)
            found[row["id"], cited] = _pair("scifact", claim)
    return list(found.values())


def training_pairs(data: Path, seed: int) -> list[Pair]:
    """What the model learns from: the training parts of three data sets twice, and synthetic pairs once.

    Args:
        data: the folder with ``evidence`` and ``scifact`` in it.

    Raises:
        DatasetError: a file isn't there.
    """
    drawn = random.Random(seed)
    folder = data / "evidence"
    # Twice what people wrote: there is little of it.
    real = [_pair("fm2+wice", claim) for claim in training_claims(folder)]
    real += scifact(folder / "scifact" / "claims_train.csv", data / "scifact")
    made = list(synthetic(_texts(folder), drawn))
    drawn.shuffle(made)
    return [*real, *real, *made[:_SYNTHETIC]]


def synthetic(texts: Sequence[Sequence[str]], drawn: random.Random) -> Iterator[Pair]:
    """Sentences of running text beside it: in other words (supported), with one thing changed, or with a half that
    another text says (not supported).

    Args:
        texts: each a run of sentences.
    """
    everywhere = [text for sentences in texts for text in sentences]
    for number, sentences in enumerate(texts):
        usable = [at for at, text in enumerate(sentences) if len(text.split()) in _WORDS]
        for at in drawn.sample(usable, min(_BESIDE, len(usable))):
            around = sentences[max(0, at - 2) : at + 3]
            passage = "\n".join(around)
            group = f"made-{number}-{at}"
            said = reworded(sentences[at], drawn)
            if (wrong := changed(said, everywhere, drawn)) is None:
                continue
            yield _pair("made", Claim(group, said, passage, supported=True))
            yield _pair("made", Claim(group, wrong, passage, supported=False))
            other = drawn.choice(everywhere)
            beside = drawn.choice([text for text in around if text != sentences[at]] or [""])
            if beside and len(other.split()) in _WORDS and not drawn.randrange(2):
                yield _pair("made", Claim(group, _both(said, beside), passage, supported=True))
                yield _pair("made", Claim(group, _both(said, other), passage, supported=False))


def _both(one: str, other: str) -> str:
    return f"{one.rstrip('. ')}, and {other[:1].lower()}{other[1:]}"


def _texts(folder: Path) -> list[list[str]]:
    groups = [
        *selqa(folder / "selqa" / "dev.json"),
        *qed(folder / "qed" / "dev.jsonl"),
        *policyqa(folder / "policyqa" / "dev.json")[::8],
    ]
    found = [[pair.second.split(": ", 1)[1] for pair in group] for group in groups]
    return [sentences for sentences in {sentences[0]: sentences for sentences in found}.values() if len(sentences) > 1]


def _pair(source: str, claim: Claim) -> Pair:
    return Pair(source, f"{source}-{claim.id}", claim.text, said_of(claim.text, claim.passage), claim.supported)
