"""Citation recall and precision: Gao, Yen, Yu and Chen, Enabling Large Language Models to Generate Text with Citations
(ALCE), EMNLP 2023, section 3, with Footnote's own check of sentences in the place of their entailment model. It is by
the evidence model where one is set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.chunk import Chunk
from core.verification_settings import EvidenceSettings
from eval.answers.plain import PRECISION, RECALL
from eval.answers.questions import EvalQuestion
from eval.answers.rows import Row
from generation.verification.claims import SentenceReader, Written, is_claim
from generation.verification.port import SupportModel
from generation.verification.verifier import Verifier


class Citing:
    """A :class:`eval.answers.rows.Metric`.

    Recall is the share of an answer's claims that the passages they cite, taken together, support. A citation is
    precise if its claim is so supported and the passage either supports it alone or is needed: without it, the others
    don't. Answers with claims but without citations have a recall and a precision of 0.

    Args:
        support: judges what isn't a hard fact.
    """

    names = (RECALL, PRECISION)

    def __init__(self, support: SupportModel) -> None:
        self._support = support

    def measure(self, asked: EvalQuestion, row: Row) -> dict[str, float | None]:  # noqa: ARG002 - the protocol's
        """See :class:`eval.answers.rows.Metric`; None where nothing was claimed, or a cited passage's text is lost."""
        claims = _claims(row.answer) if row.status == "answered" else []
        texts = {one.number: one.text for one in row.passages}
        cited = {one.number for one in row.citations}
        if not claims or not all(texts.get(number) for number in cited):
            return dict.fromkeys(self.names)
        verifier = Verifier(_chunks(row), self._support)
        supported, precise, citations = 0, 0, 0
        for claim in claims:
            numbers = _numbers(row, claim)
            citations += len(numbers)
            if numbers and _bears_out(verifier, claim, numbers):
                supported += 1
                precise += sum(_is_needed(verifier, claim, number, numbers) for number in numbers)
        return {RECALL: supported / len(claims), PRECISION: precise / citations if citations else 0.0}


def support_name(settings: EvidenceSettings) -> str:
    """What :func:`generation.build.build_support` judges by with these settings, for people."""
    return f"evidence model {Path(settings.model).name}" if settings.model else "shared words and cosines"


def _claims(answer: str) -> list[Written]:
    reader = SentenceReader()
    return [one for one in (*reader.feed(answer), *reader.finish()) if is_claim(one)]


def _numbers(row: Row, claim: Written) -> list[int]:
    """The passages that are cited for a part of the claim, in their order."""
    touching = [one for one in row.citations if one.answer_start < claim.end and claim.start < one.answer_end]
    return sorted({one.number for one in touching})


def _bears_out(verifier: Verifier, claim: Written, numbers: Sequence[int]) -> bool:
    found = verifier.judge(claim, numbers)
    return found.verdict == "supported" and not found.corrected


def _is_needed(verifier: Verifier, claim: Written, number: int, numbers: Sequence[int]) -> bool:
    others = [one for one in numbers if one != number]
    return not others or _bears_out(verifier, claim, [number]) or not _bears_out(verifier, claim, others)


def _chunks(row: Row) -> list[Chunk]:
    """The row's passages under their numbers, which go from 1 without a gap."""
    return [
        Chunk(
            id=f"{one.document_id}/{one.ordinal}",
            document_id=one.document_id,
            source_id="",
            uri=one.uri,
            ordinal=one.ordinal,
            text=one.text,
            start=0,
            end=len(one.text),
            heading_path=one.heading_path,
        )
        for one in sorted(row.passages, key=lambda one: one.number)
    ]
