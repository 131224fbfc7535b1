"""``footnote bench scale``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import InvalidRequest
from eval.cli.shared import bars, extra, json_option, print_json, settings

if TYPE_CHECKING:
    from core.settings import Settings

FOLDER = click.Path(path_type=Path, file_okay=False)
_JSON, _PAGE = "scale.json", "scale.md"


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers with commas between them."""

    name = "N,N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} isn't a list of whole numbers, as 10000,100000.", param, ctx)


@click.command(
    epilog="Example:  footnote bench scale --data ../shared/data --sizes 10000,100000 --out out  (docs/scale.md)"
)
@click.option("--data", type=FOLDER, required=True, help="The folder of collections and handbooks: text and questions.")
@click.option(
    "--sizes", type=_Numbers(), default="10000,100000,1000000", show_default=True, help="Chunks of each index."
)
@click.option(
    "--layout", "layouts", multiple=True, default=("fp32",), show_default=True,
    help="How vectors are kept: fp32, byte, 4x; faiss, fp16, 16x, 32x. Repeatable.",
)  # fmt: skip
@click.option("--opensearch", help="URL of the OpenSearch to measure; without it, the settings'.")
@click.option(
    "--distinct", type=click.IntRange(100), default=50_000, show_default=True, help="Real vectors to begin with."
)
@click.option("--questions", type=click.IntRange(1), default=300, show_default=True, help="To ask of each index.")
@click.option(
    "--warm", type=click.IntRange(0), default=30, show_default=True, help="Questions before the clock starts."
)
@click.option("--segments", type=click.IntRange(0), default=0, help="Merge each index to so many; 0: as it is.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of everything that is drawn.")
@click.option("--minutes", type=click.FloatRange(0), help="Stop building after so long; the same command goes on.")
@click.option("--cache", type=FOLDER, help="Where vectors and states are kept; without it, in the data directory.")
@click.option("--out", type=FOLDER, required=True, help=f"Where {_JSON} and {_PAGE} go.")
@click.option("--drop", is_flag=True, help="Delete the indexes of these sizes and layouts instead.")
@json_option
def scale(*, opensearch: str | None, out: Path, drop: bool, as_json: bool, **options: Any) -> None:
    """Build indexes of several sizes and ask them in turns: latency, bytes a chunk, memory, and how they grow.

    Real text; vectors beyond the embedded ones are drawn between real neighbours. An index that is there already is
    used again, and one that is half built is built on.
    """
    with extra():
        from eval.bench.scale import running, tables  # noqa: PLC0415 - numpy, torch
        from retrieval.embedding.build import build_embedder  # noqa: PLC0415
    current = _settings(opensearch)
    out.mkdir(parents=True, exist_ok=True)
    minutes, cache = options.pop("minutes"), options.pop("cache") or current.data_dir / "eval" / "scale"
    deadline = time.monotonic() + 60 * minutes if minutes is not None else None
    with bars() as progress:
        plan = running.Plan(
            settings=current,
            cache=cache,
            goes_on=lambda: deadline is None or time.monotonic() < deadline,
            progress=progress,
            command=shlex.join(["footnote", *sys.argv[1:]]),
            **options,
        )
        embedder = build_embedder(current)
        if drop:
            running.drop_all(plan, embedder)
            return
        report = running.run(plan, embedder)
    if report is None:
        click.echo("Not all of it: the same command goes on.", err=True)
        return
    page = tables.markdown(report)
    (out / _JSON).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / _PAGE).write_text(page, encoding="utf-8")
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        click.echo(page)


def _settings(opensearch: str | None) -> Settings:
    current = settings()
    if opensearch is None:
        if current.index.kind != "opensearch":
            raise InvalidRequest(
                "footnote bench scale measures OpenSearch: name one with --opensearch, or set index.kind."
            )
        return current
    reached = current.index.opensearch.model_copy(update={"url": opensearch})
    index = current.index.model_copy(update={"kind": "opensearch", "opensearch": reached})
    return current.model_copy(update={"index": index})
