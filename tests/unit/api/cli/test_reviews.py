"""``footnote reviews``: sheets there and back."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from api.auth.key_records import Grant
from api.cli import context, review_sheets
from api.cli.client import Client as CliClient
from api.cli.commands.reviews import reviews
from core.errors import Conflict, FootnoteError
from core.principal import AccessList
from core.review_settings import ReviewSettings
from core.roles import Role
from eval.judging.cases import read_cases
from eval.judging.labels import read_labels
from eval.judging.reviews import found_in
from eval.judging.rubric import SCALE
from ingestion.catalog.reviews import CRITERIA
from tests.unit.api.conftest import on_a_port
from tests.unit.api.fakes import ADMIN_KEY, Stack, an_answer, make_settings

PAIR = {
    "id": "a1", "sample": "2026-W02", "question": "=HYPERLINK(\"x\")", "due_at": "2026-01-12T00:00:00Z",
    "answer": {
        "answer": "Everybody has 28 days,\nat least.", "abstained": None,
        "citations": [{"number": 1, "quote": "28 days; \"all\""}, {"number": 1, "quote": "28 days; \"all\""}],
    },
}  # fmt: skip
LABEL = {
    "id": "a1", "sample": "2026-W02", "outcome": "answered", "department": "HR", "weight": 2.5, "reviewer": "user:ann",
    "scores": {"groundedness": 5, "relevance": 4, "coherence": None, "faithfulness": 1}, "cause": "writing",
    "comment": "-2 for style", "said_at": "2026-01-06T00:00:00Z", "pair": PAIR,
}  # fmt: skip


class Client:
    """Answers by path, and remembers what was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []

    def request(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        self.asked.append((method, path, body or parameters))
        found = self.answers[path]
        if isinstance(found, Exception):
            raise found
        return found


def run(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], *arguments: str) -> Any:
    client = Client(answers)
    monkeypatch.setattr(context, "client", lambda reader=None: client)
    return CliRunner().invoke(reviews, arguments), client


def exported(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    sheet = folder / "sheet.csv"
    done, _ = run(monkeypatch, {"/v1/reviews/next": {"pairs": [PAIR]}}, "export", "--csv", str(sheet))
    assert done.exit_code == 0, done.output
    return sheet


def fill_in(sheet: Path, delimiter: str = ",", **values: str) -> None:
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines(keepends=True)))
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows([{**row, **values} for row in rows])


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_sheet_goes_there_and_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, delimiter: str) -> None:
    sheet = exported(monkeypatch, tmp_path)
    [row] = csv.DictReader(sheet.read_text("utf-8-sig").splitlines(keepends=True))
    assert row["question"] == '\'=HYPERLINK("x")'  # no spreadsheet takes it for a formula
    assert (row["answer"], row["passages"]) == ("Everybody has 28 days,\nat least.", '[1] 28 days; "all"')
    scores = {"groundedness": "5", "relevance": "4.0", "coherence": "?", "faithfulness": "can’t tell"}
    fill_in(sheet, delimiter, **scores, cause="Writing", comment="Long;\nand dull.")
    done, client = run(monkeypatch, {"/v1/reviews/a1": None}, "import", "--csv", str(sheet))
    assert done.output == "Took in 1 reviews.\n"
    body = {"groundedness": 5, "relevance": 4, "coherence": None, "faithfulness": None}
    assert client.asked == [("PUT", "/v1/reviews/a1", {**body, "cause": "writing", "comment": "Long;\nand dull."})]


def test_what_is_not_filled_in_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sheet = exported(monkeypatch, tmp_path)
    done, client = run(monkeypatch, {}, "import", "--csv", str(sheet))
    assert (done.output, client.asked) == ("Took in 0 reviews.\n", [])


FILLED = dict.fromkeys(CRITERIA, "5")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({**FILLED, "relevance": "6"}, "line 3, relevance: '6' is outside the scale"),
        ({**FILLED, "relevance": "4.5"}, "line 3, relevance: '4.5' is outside the scale"),
        ({**FILLED, "relevance": "²"}, "outside the scale"),
        ({"groundedness": "5"}, "line 3, relevance: '' is outside the scale: use a whole number from 1 to 5, or ?"),
        ({**FILLED, "cause": "luck"}, "line 3: the cause 'luck' is none of retrieval"),
        ({**FILLED, "id": ""}, "line 3: there is no id"),
        ({**FILLED, "comment": "x" * 2001}, "line 3: the comment has more than 2000"),
    ],
)
def test_what_is_no_review_names_its_line_and_nothing_is_taken_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, values: dict[str, str], said: str
) -> None:
    sheet = exported(monkeypatch, tmp_path)
    fill_in(sheet, **values)
    done, client = run(monkeypatch, {}, "import", "--csv", str(sheet))
    assert isinstance(done.exception, FootnoteError)
    assert said in done.exception.message
    assert client.asked == []


def test_a_sheet_that_is_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other, missing = tmp_path / "other.csv", tmp_path / "none.csv"
    other.write_text("id,answer\na1,x\n")
    twice = exported(monkeypatch, tmp_path)
    fill_in(twice, **FILLED)
    twice.write_text(twice.read_text() + "a1,,,,5,5,5,5,,\n")
    for file, said in ((other, "no column groundedness"), (missing, "can't be read"), (twice, "in line 3 already")):
        done, _ = run(monkeypatch, {}, "import", "--csv", str(file))
        assert isinstance(done.exception, FootnoteError)
        assert said in done.exception.message


def test_a_review_that_comes_too_late_is_told_and_the_others_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sheet = exported(monkeypatch, tmp_path)
    fill_in(sheet, **FILLED)
    sheet.write_text(sheet.read_text() + "../keys,,,,5,5,5,5,,\n")
    answers = {"/v1/reviews/a1": Conflict("Enough reviewers have seen it."), "/v1/reviews/..%2Fkeys": None}
    done, _ = run(monkeypatch, answers, "import", "--csv", str(sheet), "--json")
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert (told["taken"], told["refused"][0]["line"], told["refused"][0]["id"]) == (1, 3, "a1")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_results_are_what_evaluation_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    labels, answers = tmp_path / f"labels.{kind}", tmp_path / "answers.jsonl"
    withheld = {**LABEL, "id": "a2", "comment": "", "department": "", "pair": None}
    found = {"/v1/reviews/labels": {"labels": [LABEL, withheld], "more": False}}
    done, _ = run(monkeypatch, found, "results", "--labels", str(labels), "--answers", str(answers))
    assert done.exit_code == 0, done.output
    read = read_labels(labels, "groundedness", SCALE)
    assert read.by_item == {("a1", ""): {"user:ann": 5}, ("a2", ""): {"user:ann": 5}}
    [case] = read_cases(answers)["default"]
    assert (case.id, case.passages) == ("a1", ('28 days; "all"',))
    assert ("'-2 for style" in labels.read_text()) == (kind == "csv")


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = {
        "sample": "2026-W02", "due_at": "2026-01-12T00:00:00Z", "overdue": True, "pairs": 100, "wanted": 120, "done": 7,
        "mine": 3,
    }  # fmt: skip
    done, _ = run(monkeypatch, {"/v1/reviews": {"weekly": 100, "samples": [sample]}}, "list")
    assert done.output == "2026-W02  7 of 120 reviews of 100 answers, 3 by you; due 2026-01-12, overdue\n"
    none, _ = run(monkeypatch, {"/v1/reviews": {"weekly": 0, "samples": []}}, "list")
    assert "review.weekly is 0" in none.output
    drawn, _ = run(monkeypatch, {"/v1/reviews/sample": {"sample": "now", "pairs": 9}}, "sample", "--now")
    assert drawn.output == "Drew 9 answers for review: now.\n"


def test_the_sheet_asks_what_the_service_does() -> None:
    assert review_sheets.CRITERIA == CRITERIA
    assert isinstance(reviews, click.Group)


def test_from_the_draw_to_the_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two reviewers, a service and sheets: what they fill in is what `footnote eval reviews` tells."""
    review = ReviewSettings(weekly=10, twice=1.0)
    stack = Stack(make_settings(tmp_path / "data").model_copy(update={"review": review}))
    stack.add_document("d1", AccessList.everyone(), facts={"department": "HR"})
    stack.answerer.script = an_answer()
    people = {name: stack.keys.create(name, Grant(user=name, roles=(Role.REVIEWER,)))[1] for name in ("ann", "ben")}
    reader = stack.keys.create("ida", Grant(user="ida"))[1]
    labels = tmp_path / "labels.csv"
    with on_a_port(stack) as url, ExitStack() as opened:

        def client_of(key: str | None) -> CliClient:
            return opened.enter_context(CliClient(url, key or ADMIN_KEY))

        monkeypatch.setattr(context, "client", lambda reader: client_of(reader.key))

        def footnote(*arguments: str) -> str:
            done = CliRunner().invoke(reviews, arguments)
            assert done.exit_code == 0, (done.output, done.exception)
            return done.stdout  # the service logs beside it, in this process

        for question in ("How much leave?", "And in Norway?"):
            client_of(reader).request("POST", "/v1/answers", {"question": question})
        assert "Drew 2 answers" in footnote("sample", "--now")
        for number, (name, key) in enumerate(people.items()):
            sheet = tmp_path / f"{name}.csv"
            footnote("export", "--csv", str(sheet), "--key", key)
            fill_in(sheet, **{**FILLED, "relevance": str(4 + number)}, cause="evidence")
            assert footnote("import", "--csv", str(sheet), "--key", key) == "Took in 2 reviews.\n"
        assert "4 of 4 reviews of 2 answers" in footnote("list")
        footnote("results", "--labels", str(labels))
    stack.catalog.close()
    found = found_in(labels)
    assert (found.answers, found.reviewers) == (2, 2)
    assert {one.criterion: (one.same, one.answers) for one in found.agreement} == {
        "groundedness": (1.0, 2), "relevance": (0.0, 2), "coherence": (1.0, 2), "faithfulness": (1.0, 2),
    }  # fmt: skip
    assert {one.criterion: one.mean.value for one in found.means}["relevance"] == 4.5
    [mending] = found.to_mend
    assert (mending.cause, mending.share.value, len(mending.answers)) == ("evidence", 1.0, 2)
