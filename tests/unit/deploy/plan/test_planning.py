"""Plans against measured indexes, against each other, and against what can't be planned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from api.cli.main import cli
from core.errors import InvalidRequest
from core.settings import OpenSearchSettings
from deploy.plan.cluster import smallest
from deploy.plan.index_size import LAYOUTS, size_of, stored_share
from deploy.plan.loading import Crew, Rates, day_of_syncs, first_load
from deploy.plan.planning import Asked, on_given, plans
from deploy.plan.prices import PACKAGED, read_prices
from deploy.plan.workload import Text, Workload

PRICES = read_prices()
SEED = Workload(10_000_000, Text(), 3072, questions_a_day=10_000)
ASKED = Asked("gpt-4o", "text-embedding-3-large", "", Crew(64, 16, 24), Rates())
LAYOUT = {one.name: one for one in LAYOUTS}


def scaled(chunks: int, share: float) -> Workload:
    """What `footnote bench scale` builds: a vector and some 1,190 characters a chunk."""
    return Workload(chunks, Text(1, 1190, share), 384)


@pytest.mark.parametrize(
    ("layout", "chunks", "share", "measured"),
    [
        # docs/scale.md; the share that is left of stored text follows from its stored source.
        ("whole", 10_000, 366 / 1490, 2229),
        ("whole", 10_000, 275 / 1490, 2139),
        ("whole", 100_000, 593 / 1490, 2471),
        ("whole", 1_000_000, 765 / 1490, 2628),
        ("byte", 10_000, 366 / 1490, 2080),
        ("lucene 4x", 10_000, 366 / 1490, 2618),
    ],
)
def test_bytes_of_an_index_are_within_a_tenth_of_measured_ones(
    layout: str, chunks: int, share: float, measured: float
) -> None:
    predicted = size_of(scaled(chunks, share), LAYOUT[layout]).disk / chunks
    assert predicted == pytest.approx(measured, rel=0.1)


def test_memory_is_what_searches_were_seen_to_hold() -> None:
    each = {name: size_of(scaled(1, 0.5), LAYOUT[name]).memory for name in ("whole", "byte", "lucene 4x")}
    assert each == {"whole": 1566, "byte": 414, "lucene 4x": 414}  # docs/scale.md: 1,566, 414, 418
    assert size_of(scaled(1, 0.5), LAYOUT["whole, faiss"]).memory == pytest.approx(1.1 * (4 * 384 + 8 * 16))


def test_layouts_are_ones_that_the_settings_take() -> None:
    for layout in LAYOUTS:
        OpenSearchSettings.model_validate(layout.settings)


def test_text_that_repeats_is_stored_in_less() -> None:
    assert stored_share(["the pump leaks at the seal " * 1000]) < 0.1
    assert stored_share([]) == 1
    assert 0.9 < stored_share([bytes(range(32, 127)).decode()[number % 90 :] for number in range(1)]) <= 1.2


def test_of_the_seed_case_only_the_smallest_layout_fits_six_large_nodes() -> None:
    fitting = {one.layout.name for one in on_given(SEED, "r6g.4xlarge.search", 6, PRICES) if not one.short_of}
    assert fitting == {"on disk, 32x"}
    assert all("memory" in why for one in on_given(SEED, "r6g.4xlarge.search", 6, PRICES) for why in one.short_of)


def test_the_seed_case_has_plans_within_its_budget() -> None:
    made = plans(SEED, ASKED, PRICES, ["gpt-4o-mini"])
    assert [one.name for one in made[:2]] == ["3,072 dimensions", "cut to 1,024"]
    assert all(one.dollars < 15_000 for one in made)
    assert all(any("recall" in note for note in one.notes) for one in made)
    assert made[-1].dollars < min(one.dollars for one in made[:-1])
    assert all(one.dollars == pytest.approx(sum(one.month.values())) for one in made)


def test_layouts_that_nobody_measured_can_be_left_out() -> None:
    (small, *_) = plans(
        Workload(100_000, Text(), 384), replace(ASKED, embedder="bge-small-en-v1.5", measured_only=True), PRICES
    )
    assert small.cluster.layout.lost is not None
    with pytest.raises(InvalidRequest, match="recall"):
        plans(SEED, replace(ASKED, most_lost=-1.0, measured_only=True), PRICES)


@given(
    documents=st.integers(1, 50_000_000),
    dimensions=st.integers(64, 4096),
    layout=st.sampled_from(LAYOUTS),
    node=st.sampled_from(sorted(PRICES.index_node)),
    replicas=st.integers(0, 2),
)
def test_what_is_planned_fits_what_is_planned_for_it(
    documents: int, dimensions: int, layout: object, node: str, replicas: int
) -> None:
    workload = Workload(documents, Text(), dimensions, replicas=replicas)
    made = smallest(workload, layout, node, PRICES, 1.0)  # type: ignore[arg-type]
    assert made.shards >= 1
    assert made.nodes >= replicas + 1
    (again,) = (one for one in on_given(workload, node, made.nodes, PRICES) if one.layout is layout)
    assert not again.short_of
    grown = smallest(replace(workload, documents=documents * 2), layout, node, PRICES, 1.0)  # type: ignore[arg-type]
    assert grown.size.disk > made.size.disk


@given(documents=st.integers(1, 5_000_000), parse=st.integers(1, 200), embed=st.integers(1, 64))
def test_a_load_takes_what_its_slowest_stage_takes(documents: int, parse: int, embed: int) -> None:
    workload, crew = Workload(documents, Text(), 384), Crew(parse, embed, 24)
    load = first_load(workload, crew, Rates())
    seconds = {
        "parse": documents / parse,
        "embed": workload.tokens / (embed * 36_000 * 0.87),
        "index": workload.chunks / (24 * 476),
    }
    slowest = max(seconds.values())
    assert seconds[load.bound_by] == pytest.approx(slowest)
    assert slowest <= load.hours * 3600 * 1.001
    assert load.hours * 3600 <= slowest * 1.1 + 1000 * sum(seconds.values()) / documents
    assert load.embed_hours * 3600 == pytest.approx(seconds["embed"], rel=1e-3)


def test_syncs_that_do_not_keep_up_are_told() -> None:
    few = Crew(1, 1, 1)
    assert day_of_syncs(replace(SEED, changed_a_day=0.0), few, Rates()).kept_up
    quiet, busy = (day_of_syncs(replace(SEED, changed_a_day=share), few, Rates()) for share in (0.001, 0.05))
    assert quiet.kept_up
    assert not busy.kept_up
    assert busy.most_waiting > quiet.most_waiting


def test_what_cannot_be_planned_is_named(tmp_path: Path) -> None:
    for args, said in (
        (["--documents", "0"], "documents of at least 1"),
        (["--documents", "5", "--model", "gpt-9"], "'gpt-9' has no price"),
        (["--documents", "5", "--embedder", "own"], "'own' has no price"),
        (["--documents", "5", "--nodes", "2xhuge"], "'huge' has no price"),
        (["--documents", "5", "--nodes", "many"], "isn't a number of nodes"),
        (["--documents", "5", "--embedders", "0"], "one worker that embeds"),
        (["--documents", "5", "--chunks", "0"], "have chunks"),
    ):
        result = CliRunner().invoke(cli, ["plan", *args])
        assert said in str(result.exception) + result.output, args
    broken = tmp_path / "prices.toml"
    broken.write_text(PACKAGED.read_text().replace("hour = 0.167", 'hour = "cheap"'))
    with pytest.raises(InvalidRequest, match=r"index_node\.r6g\.large\.search\.hour"):
        read_prices(broken)
    broken.write_text("date =")
    with pytest.raises(InvalidRequest, match="can't be read"):
        read_prices(broken)


def test_the_command_measures_a_sample_and_tells_all_of_it(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.md").write_text(f"# Pump {number}\n\n" + f"The seal of pump {number} leaks. " * 300)
    (tmp_path / "empty.md").write_text("")
    result = CliRunner().invoke(
        cli, ["plan", "--documents", "1000000", "--sample", str(tmp_path), "--model", "own", "--json"]
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["workload"]["text"]["measured"]
    assert told["workload"]["text"]["bytes_a_document"] > 5000
    assert 0 < told["workload"]["text"]["stored_share"] < 0.3
    assert told["plans"][0]["dollars_a_month"] > 0
    shown = CliRunner().invoke(cli, ["plan", "--documents", "1000", "--budget", "10", "--nodes", "3xr6g.large.search"])
    assert "over" in shown.output
    assert "Prices of" in shown.output
