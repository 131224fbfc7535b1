"""``footnote bench peers``."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core.errors import InvalidRequest
from core.settings import Settings
from eval.bench.peers.arms import ARMS, FOOTNOTE, HAYSTACK
from eval.bench.peers.figures import report
from eval.bench.peers.process import CPU, SideFailed, SideProcess
from eval.bench.peers.record import FILE as RECORD
from eval.bench.peers.record import FORMAT, Comparison, SetRecord
from eval.bench.peers.running import Turns
from eval.bench.peers.texts import covered, first, texts_of
from eval.bench.report import machine
from eval.cli.shared import FILE, FOLDER, json_option, print_json, settings, until
from eval.datasets import Collection, read_collection
from eval.progress import bars
from eval.retrieval.corpus import fingerprint
from retrieval.embedding.build import build_embedder
from retrieval.embedding.model_files import describe
from retrieval.embedding.port import Embedder

_REPORT = "report.md"
_SIDES = Path(__file__).parents[1] / "bench" / "peers"
OURS, THEIRS = _SIDES / "footnote_side.py", _SIDES / "haystack_side.py"
_SETS_OUR_OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the command."""

    data: tuple[Path, ...]
    split: str
    peer_python: Path
    opensearch: str | None
    model: str | None
    out: Path
    block: int
    fit: bool
    documents: int
    questions: int
    minutes: float | None
    beside: bool


@click.command(epilog="Example:  footnote bench peers --data scifact --peer-python peers/bin/python --out out")
@click.option("--data", type=FOLDER, multiple=True, required=True, help="A collection in the BEIR layout. Repeatable.")
@click.option("--split", default="test", show_default=True, help="Which judgments: qrels/SPLIT.tsv.")
@click.option("--peer-python", type=FILE, required=True, help="A Python with the bench extra (docs/peers.md).")
@click.option("--opensearch", help="URL of the OpenSearch that both use; without it, the settings'.")
@click.option("--model", help="The embedder that both use, as in embedder.model; without it, the settings'.")
@click.option("--out", type=FOLDER, required=True, help="Where peers.json and report.md go.")
@click.option("--block", type=click.IntRange(1), default=256, show_default=True, help="Documents of a turn.")
@click.option("--fit", is_flag=True, help="Cut documents to the model's window first: equal work for both sides.")
@click.option(
    "--documents", type=click.IntRange(0), default=0, help="Only the first so many of a collection; 0: all of them."
)
@click.option("--questions", type=click.IntRange(0), default=0, help="Ask only so many; 0: all that are judged.")
@click.option("--minutes", type=click.FloatRange(0), help="Stop after so long; the same command goes on.")
@click.option("--beside/--idle", default=True, help="Ask beside a busy process too, or idle only.")
@json_option
def peers(*, as_json: bool, **options: Any) -> None:
    """Ingest and ask the same with Footnote and with haystack, in turns: speed, latency and nDCG@10.

    Both write into one OpenSearch node, and both run the same model. What has been measured is kept in --out, so that
    a comparison can go on later.
    """
    asked = Asked(**options)
    read = (read_collection(folder, split=asked.split) for folder in asked.data)
    collections = {each.name: first(each, asked.documents) if asked.documents else each for each in read}
    with _comparison(asked, settings()) as (turns, embedder):
        done = [_run_set(turns, each, asked, embedder) for each in collections.values()]
        record = turns.record
    page = report(record, collections)
    (asked.out / _REPORT).write_text(page, encoding="utf-8")
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        click.echo(page)
    if not all(done):
        click.echo("Not all of it: the same command goes on.", err=True)


@contextmanager
def _comparison(asked: Asked, current: Settings) -> Iterator[tuple[Turns, Embedder]]:
    """Start both sides, and go on with the record in --out or begin one."""
    chosen = asked.model or current.embedder.model
    files = describe(chosen)
    asked.out.mkdir(parents=True, exist_ok=True)
    record = _record(asked.out / RECORD, files.name)
    record.about["machine"] = machine()
    embedder = build_embedder(
        current.model_copy(update={"embedder": current.embedder.model_copy(update={"model": chosen})})
    )
    with ExitStack() as stack:
        sides = {FOOTNOTE: stack.enter_context(_footnote(asked.out)), HAYSTACK: stack.enter_context(_haystack(asked))}
        for name, side in sides.items():
            versions = side.call("about", timeout_s=60)
            record.about[f"side {name}"] = {each: version for each, version in versions.items() if each != CPU}
        yield (
            Turns(
                sides=sides,
                options={HAYSTACK: {"dimensions": files.dimensions, "method": _method(current)}},
                url=asked.opensearch or current.index.opensearch.url,
                model=str(files.folder),
                record=record,
                save=lambda: record.save(asked.out / RECORD),
                goes_on=until(asked.minutes, time.monotonic),
                progress=stack.enter_context(bars()),
            ),
            embedder,
        )


def _record(file: Path, model: str) -> Comparison:
    if not file.exists():
        return Comparison(run=secrets.token_hex(4), model=model)
    record = Comparison.load(file, "use another --out")
    if (record.model, record.format) != (model, FORMAT):
        raise InvalidRequest(
            f"{file} compares on the model {record.model}, not {model}, or is of another release: use another --out."
        )
    return record


def _run_set(turns: Turns, collection: Collection, asked: Asked, embedder: Embedder) -> bool:
    """Measure one collection as far as time allows; whether all of it is done."""
    texts = texts_of(collection.documents, embedder, fit=asked.fit)
    row = turns.record.sets.setdefault(
        collection.name,
        SetRecord(
            fingerprint=fingerprint(collection),
            fit=asked.fit,
            documents=len(collection.documents),
            texts=len(texts),
            covered=covered(texts, embedder),
        ),
    )
    if (row.fingerprint, row.fit) != (fingerprint(collection), asked.fit):
        raise InvalidRequest(f"{asked.out} holds another {collection.name}, or with another --fit: use another --out.")
    warm = list(collection.unjudged.values()) or list(collection.queries.values())
    for arm in ARMS:
        turns.open(collection.name, arm)
    name = collection.name
    done = turns.ingest(name, texts, asked.block, warm) and turns.ask(name, collection, warm, asked.questions)
    if done and asked.beside:
        done = turns.ask(name, collection, warm, asked.questions, beside=True)
    return done


def _method(current: Settings) -> Mapping[str, Any]:
    """How the peer's index keeps vectors: by the same engine and graph as Footnote's."""
    opensearch = current.index.opensearch
    return {
        "name": "hnsw",
        "engine": opensearch.engine,
        "space_type": "innerproduct",
        "parameters": {"m": opensearch.hnsw_m, "ef_construction": opensearch.hnsw_ef_construction},
    }


def _footnote(out: Path) -> SideProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return SideProcess("Footnote", sys.executable, OURS, out / "footnote.log", environment)


def _haystack(asked: Asked) -> SideProcess:
    kept = {name: value for name, value in os.environ.items() if name not in _SETS_OUR_OWN}
    environment = {**kept, "HAYSTACK_TELEMETRY_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    try:
        return SideProcess("haystack", str(asked.peer_python), THEIRS, asked.out / "haystack.log", environment)
    except SideFailed as error:
        raise SideFailed(
            f"{error.message} --peer-python should be a Python with the bench extra: docs/peers.md has the line."
        ) from error
