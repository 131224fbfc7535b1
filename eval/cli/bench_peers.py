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
from typing import TYPE_CHECKING, Any

import click

from core.errors import InvalidRequest
from eval.cli.shared import bars, extra, json_option, print_json, settings

if TYPE_CHECKING:
    from core.settings import Settings
    from eval.bench.peers.process import SideProcess
    from eval.bench.peers.record import Record
    from eval.bench.peers.running import Comparison
    from eval.datasets import Collection
    from retrieval.embedding.port import Embedder

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
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
    api: str | None
    key: str | None
    whole: int


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
@click.option("--whole", type=click.IntRange(0), default=0, help="Ingest so many documents from files too (--api).")
@click.option("--api", help="With --whole: the running service, on the same OpenSearch and without documents.")
@click.option("--key", help="With --whole: an administrator's key for it.")
@json_option
def peers(*, as_json: bool, **options: Any) -> None:
    """Ingest and ask the same with Footnote and with haystack, in turns: speed, latency and nDCG@10.

    Both write into one OpenSearch node, and both run the same model. What has been measured is kept in --out, so that
    a comparison can go on later.
    """
    asked = Asked(**options)
    with extra():
        from eval.bench.peers.tables import report  # noqa: PLC0415
        from eval.bench.peers.texts import first  # noqa: PLC0415
        from eval.datasets import read_collection  # noqa: PLC0415 - numpy, trec_eval
    if asked.whole and not (asked.api and asked.key):
        raise InvalidRequest("--whole needs the running service: name it with --api and --key.")
    read = (read_collection(folder, split=asked.split) for folder in asked.data)
    collections = {each.name: first(each, asked.documents) if asked.documents else each for each in read}
    with _comparison(asked, settings()) as (comparison, embedder):
        done = [_run_set(comparison, each, asked, embedder) for each in collections.values()]
        record = comparison.record
    page = report(record, collections)
    (asked.out / _REPORT).write_text(page, encoding="utf-8")
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        click.echo(page)
    if not all(done):
        click.echo("Not all of it: the same command goes on.", err=True)


@contextmanager
def _comparison(asked: Asked, current: Settings) -> Iterator[tuple[Comparison, Embedder]]:
    """Start both sides, and go on with the record in --out or begin one."""
    from eval.bench.peers.arms import FOOTNOTE, HAYSTACK  # noqa: PLC0415
    from eval.bench.peers.process import CPU  # noqa: PLC0415
    from eval.bench.peers.record import FILE as RECORD  # noqa: PLC0415
    from eval.bench.peers.running import Comparison  # noqa: PLC0415
    from retrieval.embedding.build import build_embedder  # noqa: PLC0415
    from retrieval.embedding.model_files import describe  # noqa: PLC0415

    chosen = asked.model or current.embedder.model
    files = describe(chosen)
    asked.out.mkdir(parents=True, exist_ok=True)
    record = _record(asked.out / RECORD, files.name)
    deadline = time.monotonic() + 60 * asked.minutes if asked.minutes is not None else None
    embedder = build_embedder(
        current.model_copy(update={"embedder": current.embedder.model_copy(update={"model": chosen})})
    )
    with ExitStack() as stack:
        sides = {FOOTNOTE: stack.enter_context(_footnote(asked.out)), HAYSTACK: stack.enter_context(_haystack(asked))}
        for name, side in sides.items():
            versions = side.call("about", timeout_s=60)
            record.about[f"side {name}"] = {each: version for each, version in versions.items() if each != CPU}
        yield (
            Comparison(
                sides=sides,
                options={HAYSTACK: {"dimensions": files.dimensions, "method": _method(current)}},
                url=asked.opensearch or current.index.opensearch.url,
                model=str(files.folder),
                record=record,
                save=lambda: record.save(asked.out / RECORD),
                goes_on=lambda: deadline is None or time.monotonic() < deadline,
                progress=stack.enter_context(bars()),
            ),
            embedder,
        )


def _record(file: Path, model: str) -> Record:
    from eval.bench.peers.record import Record, read  # noqa: PLC0415

    if not file.exists():
        return Record(run=secrets.token_hex(4), model=model)
    record = read(file)
    if record.model != model:
        raise InvalidRequest(f"{file} compares on the model {record.model}, not {model}: use another --out.")
    return record


def _run_set(comparison: Comparison, collection: Collection, asked: Asked, embedder: Embedder) -> bool:
    """Measure one collection as far as time allows; whether all of it is done."""
    from eval.bench.peers.arms import ARMS, FILES  # noqa: PLC0415
    from eval.bench.peers.record import SetRecord  # noqa: PLC0415
    from eval.bench.peers.texts import covered, texts_of  # noqa: PLC0415
    from eval.client import ApiClient  # noqa: PLC0415
    from eval.retrieval.corpus import fingerprint  # noqa: PLC0415

    texts = texts_of(collection.documents, embedder, fit=asked.fit)
    row = comparison.record.sets.setdefault(
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
        comparison.open(collection.name, arm)
    done = comparison.ingest(collection.name, texts, asked.block, warm)
    done = done and comparison.ask(collection.name, collection, warm, asked.questions)
    if done and asked.whole and asked.api:
        comparison.open(collection.name, FILES)
        with ApiClient(asked.api, asked.key) as client:
            some = collection.documents[: asked.whole]
            done = comparison.whole(collection.name, some, asked.block, client, asked.out / "files")
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
    from eval.bench.peers.process import SideProcess  # noqa: PLC0415

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return SideProcess("Footnote", sys.executable, OURS, out / "footnote.log", environment)


def _haystack(asked: Asked) -> SideProcess:
    from eval.bench.peers.process import SideFailed, SideProcess  # noqa: PLC0415

    kept = {name: value for name, value in os.environ.items() if name not in _SETS_OUR_OWN}
    environment = {**kept, "HAYSTACK_TELEMETRY_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    try:
        return SideProcess("haystack", str(asked.peer_python), THEIRS, asked.out / "haystack.log", environment)
    except SideFailed as error:
        raise SideFailed(
            f"{error.message} --peer-python should be a Python with the bench extra: docs/peers.md has the line."
        ) from error
