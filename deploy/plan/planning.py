"""A plan: the cheapest cluster that holds the index, who fills it, and what all of it costs a month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import InvalidRequest
from deploy.plan.cluster import HOURS, Cluster, candidates, fits, month_cost
from deploy.plan.index_size import GIB, LAYOUTS
from deploy.plan.loading import EDIT_SHARE, Crew, Day, Load, Rates, day_of_syncs, first_load
from deploy.plan.prices import Prices
from deploy.plan.workload import Workload

_DAYS = HOURS / 24
_CHANGED_BLOBS = 1.2
"""Bytes kept for each byte of originals, as what was read out of them lies beside them: assumed."""
_CATALOG_BYTES = 2_500
"""Of the catalog and its indexes for a document: assumed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is to have.

    Attributes:
        chat_model, embedder: as the file of prices names them; without a chat model answers are extracts.
        embed_with: the worker that embeds; "" where a hosted model does.
        crew: workers of the first load. Of the syncs that follow, one embedder and a quarter of the parsers stay.
        most_lost: recall@10 that a layout may lose.
        most_search_s: what a question's two legs may take.
    """

    chat_model: str | None
    embedder: str
    embed_with: str
    crew: Crew
    rates: Rates
    most_lost: float = 0.02
    most_search_s: float = 1.0
    measured_only: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to run it.

    Attributes:
        month: dollars a month, by line.
        once: dollars of the first load.
        notes: what it rests on that nobody has measured here.
    """

    name: str
    cluster: Cluster
    chat_model: str | None
    load: Load
    day: Day
    month: dict[str, float]
    once: dict[str, float]
    notes: tuple[str, ...]

    @property
    def dollars(self) -> float:
        """A month."""
        return sum(self.month.values())


def plans(workload: Workload, asked: Asked, prices: Prices, also: Sequence[str] = ()) -> list[Plan]:
    """The cheapest plan with all dimensions, the cheapest with each number that they may be cut to, and the cheapest of
    these with each further chat model.

    Raises:
        InvalidRequest: a model or worker has no price, or nothing in the file of prices holds the index.
    """
    embedder = prices.embedder_of(asked.embedder)
    made = [_plan(f"{workload.dimensions:,} dimensions", workload, asked, prices)]
    for dimensions in embedder.cut_to:
        if dimensions < workload.dimensions:
            made.append(_plan(f"cut to {dimensions:,}", replace(workload, dimensions=dimensions), asked, prices))
    cheapest = min(made, key=lambda plan: plan.dollars)
    for model in also:
        less = replace(workload, dimensions=cheapest.cluster.dimensions)
        made.append(_plan(f"{cheapest.name}, {model}", less, replace(asked, chat_model=model), prices))
    return made


def on_given(workload: Workload, name: str, nodes: int, prices: Prices) -> list[Cluster]:
    """What each layout of the index would lack on nodes that are given."""
    return [fits(workload, layout, name, nodes, prices) for layout in LAYOUTS]


def _plan(name: str, workload: Workload, asked: Asked, prices: Prices) -> Plan:
    found = list(candidates(workload, prices, asked.most_lost, asked.most_search_s, measured_only=asked.measured_only))
    if not found:
        raise InvalidRequest(f"No way to keep vectors loses at most {asked.most_lost} of recall: raise --most-lost.")
    cluster = min(
        (one for one in found if not one.short_of), key=lambda one: sum(month_cost(one, prices).values()), default=None
    )
    if cluster is None:
        raise InvalidRequest(
            "No node in the file of prices holds the index and answers in time: add a larger one with --prices, cut "
            "--dimensions, or raise --most-search-s."
        )
    load = first_load(workload, asked.crew, asked.rates)
    kept = replace(asked.crew, parse_cores=max(1, asked.crew.parse_cores // 4), embedders=1)
    day = day_of_syncs(workload, kept, asked.rates)
    month = month_cost(cluster, prices) | _services(workload, prices) | _workers(kept, day, asked, prices)
    month |= _models(workload, asked, prices)
    once = _first_load(workload, load, asked, prices)
    return Plan(name, cluster, asked.chat_model, load, day, month, once, _notes(cluster))


def _services(workload: Workload, prices: Prices) -> dict[str, float]:
    service = prices.service
    blobs = workload.documents_at_end * workload.text.bytes_a_document * _CHANGED_BLOBS / GIB
    catalog = workload.documents_at_end * _CATALOG_BYTES / GIB
    return {
        f"{service.api_nodes} x {service.api_machine}, the service": service.api_nodes * service.api_hour * HOURS,
        "Kubernetes": service.cluster_hour * HOURS,
        "the catalog's database": service.database_hour * HOURS + catalog * service.database_gib_month,
        "queues": service.queue_hour * HOURS,
        f"originals, {blobs:,.0f} GiB": blobs * service.blob_gib_month,
        "network": service.network_hour * HOURS,
        "logs and metrics": service.monitoring_month,
    }


def _workers(kept: Crew, day: Day, asked: Asked, prices: Prices) -> dict[str, float]:
    parse = prices.worker_of("parse")
    machines = -(-kept.parse_cores // parse.cores)
    lines = {f"{machines} x {parse.machine}, parsing": machines * parse.hour * HOURS}
    if asked.embed_with:
        embed = prices.worker_of(asked.embed_with)
        hours = day.embed_hours * _DAYS
        lines[f"{embed.machine}, embedding {hours:,.0f} h"] = hours * embed.hour
    return lines


def _models(workload: Workload, asked: Asked, prices: Prices) -> dict[str, float]:
    lines = {}
    questions = workload.questions_a_day * _DAYS
    if asked.chat_model is not None:
        model = prices.model(asked.chat_model)
        each = (workload.tokens_in * model.input + workload.tokens_out * model.output) / 1e6
        lines[f"{asked.chat_model}, {questions:,.0f} answers"] = questions * each
    embedder = prices.embedder_of(asked.embedder)
    if embedder.input:
        grown = workload.tokens * (workload.documents_at_end / workload.documents)
        edited = grown * workload.changed_a_day * EDIT_SHARE * _DAYS
        lines[f"{asked.embedder}, edits"] = edited / 1e6 * embedder.input
    return lines


def _first_load(workload: Workload, load: Load, asked: Asked, prices: Prices) -> dict[str, float]:
    parse = prices.worker_of("parse")
    once = {"parsing": load.parse_hours * asked.crew.parse_cores / parse.cores * parse.hour}
    if asked.embed_with:
        once["embedding"] = load.embed_hours * asked.crew.embedders * prices.worker_of(asked.embed_with).hour
    embedder = prices.embedder_of(asked.embedder)
    if embedder.input:
        once[f"{asked.embedder}"] = workload.tokens / 1e6 * embedder.input
    return once


def _notes(cluster: Cluster) -> tuple[str, ...]:
    notes = []
    if cluster.layout.lost is None:
        notes.append(
            f"What '{cluster.layout.name}' loses of recall hasn't been measured by us: its bytes and memory are of "
            "OpenSearch's documentation. Measure it with `footnote bench scale` on nodes with native libraries."
        )
    notes.append("Rates of parsing and embedding are assumed unless they come from a sample or are given.")
    return tuple(notes)
