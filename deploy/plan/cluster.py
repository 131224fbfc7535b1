"""Data nodes, shards and disks that hold an index, and answer from it in time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from deploy.plan.index_size import GIB, LAYOUTS, IndexSize, Layout, size_of
from deploy.plan.prices import IndexNode, Prices
from deploy.plan.workload import Workload

_HEAP_GIB = 32.0
"""A node's heap is half of its memory, and at most this: beyond it Java's pointers double."""
_NATIVE_SHARE = 0.5
"""Of the memory beside the heap, what the k-NN plug-in may hold (knn.memory.circuit_breaker.limit, its default)."""
_CACHE_SHARE = 0.75
"""Of the memory beside the heap, what the files of vectors and graphs may fill; the rest is for postings and source."""
_DISK_ROOM = 1.45
"""Disk to each byte of index: merging, the service's own part and what must stay free (Amazon's sizing guide)."""
_REBUILD_ROOM = 1.25
"""A generation that is built beside the live one has no replicas yet, but merges."""
_SHARD_BYTES = 30 * GIB
"""Amazon advises 10 to 30 GiB a shard where latency counts."""
_MOST_DOCUMENTS = 2**31 - 129
"""Of a Lucene index; chunks and vectors count apart, as vectors are nested documents."""
_LEGS_S, _LEGS_AT, _LEGS_GROW = 0.0194, 1_000_000, 0.31
"""Both legs took 4.6, 9.9 and 19.4 ms at 10,000, 100,000 and a million chunks in one shard: a power of .31."""
_CANDIDATES, _OVERSAMPLE = 100, 3
"""Of a leg, and how many times as many a compressed layout compares once more with whole vectors from the disk."""
_READS_S, _READS_S_GIB = 3000, 3
"""What a gp3 disk reads in a second: so often at least, or so often for each GiB."""
_LEAST_NODES = 3
"""One in each of three zones, so that a zone can be lost."""
_MOST_NODES = 80
_BUSY = 0.5
"""The share of cores that searches may take in the busiest hour: the rest is for syncs and a lost node."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes of one kind that hold an index of one layout.

    Attributes:
        shards: primaries.
        disk_gib: of each node.
        search_s: what a question's two legs take: a shard's part by the growth measured up to a million chunks, and
            the reads from disk of layouts that compare once more with whole vectors.
        short_of: what the nodes lack, in words; empty when they hold it.
    """

    node: str
    nodes: int
    layout: Layout
    dimensions: int
    size: IndexSize
    shards: int
    disk_gib: int
    search_s: float
    short_of: tuple[str, ...] = ()


def smallest(workload: Workload, layout: Layout, name: str, prices: Prices, most_search_s: float) -> Cluster:
    """The fewest nodes of a kind that hold the index and answer in time."""
    node, size = prices.node(name), size_of(workload, layout)
    copies = workload.replicas + 1
    by_memory = copies * size.memory / _memory_of(node, layout)
    by_disk = _disk(size, workload.replicas) / (node.most_disk_gib * GIB)
    by_cores = _cores_needed(workload, size) / (node.cores * _BUSY)
    nodes = max(copies, _LEAST_NODES, math.ceil(max(by_memory, by_disk, by_cores)))
    made = _of(workload, layout, name, prices, nodes)
    while made.search_s > most_search_s and nodes < _MOST_NODES:
        nodes += 1
        made = _of(workload, layout, name, prices, nodes)
    if made.search_s <= most_search_s:
        return made
    return replace(made, short_of=(*made.short_of, f"time: a search takes {made.search_s:.1f} s on {nodes} nodes"))


def fits(workload: Workload, layout: Layout, name: str, nodes: int, prices: Prices) -> Cluster:
    """The index on nodes that are given; says what they are short of."""
    return _of(workload, layout, name, prices, nodes)


def candidates(
    workload: Workload, prices: Prices, most_lost: float, most_search_s: float, *, measured_only: bool
) -> Iterator[Cluster]:
    """Clusters of every kind of node and layout that keep recall.

    Args:
        most_lost: recall@10 that a layout may lose against whole vectors, where that was measured.
        measured_only: leave out layouts whose loss nobody has measured here.
    """
    for layout in LAYOUTS:
        if layout.lost is None and measured_only:
            continue
        if layout.lost is not None and layout.lost > most_lost:
            continue
        for name in prices.index_node:
            yield smallest(workload, layout, name, prices, most_search_s)


def month_cost(cluster: Cluster, prices: Prices) -> dict[str, float]:
    """Dollars a month of data nodes, of the nodes that manage them, and of disks."""
    index = prices.index
    return {
        f"{cluster.nodes} x {cluster.node}": cluster.nodes * prices.node(cluster.node).hour * HOURS,
        f"{index.masters} x {index.master_node}, managing": index.masters * index.master_hour * HOURS,
        f"{cluster.nodes} x {cluster.disk_gib:,} GiB of disk": cluster.nodes * cluster.disk_gib * index.disk_gib_month,
    }


HOURS = 730.0
"""Of a month."""


def _of(workload: Workload, layout: Layout, name: str, prices: Prices, nodes: int) -> Cluster:
    node, size, copies = prices.node(name), size_of(workload, layout), workload.replicas + 1
    disk_gib = math.ceil(_disk(size, workload.replicas) / nodes / GIB)
    wanted = {
        "memory": (copies * size.memory, nodes * _memory_of(node, layout)),
        "disk": (disk_gib * nodes * GIB, nodes * node.most_disk_gib * GIB),
    }
    short = [
        f"{what}: {needed / GIB:,.0f} GiB are needed, {there / GIB:,.0f} are there"
        for what, (needed, there) in wanted.items()
        if needed > there
    ]
    cores = _cores_needed(workload, size)
    if cores > nodes * node.cores * _BUSY:
        short.append(f"cores: {cores:,.0f} are needed at the busiest hour, {nodes * node.cores * _BUSY:,.0f} are there")
    if nodes < copies:
        short.append(f"nodes: {copies} copies of a shard need as many nodes")
    shards = _shards(workload, size, nodes)
    reads_s = nodes * max(_READS_S, _READS_S_GIB * disk_gib)
    reads = shards * _CANDIDATES * _OVERSAMPLE if layout.rescored else 0
    search_s = _shard_s(workload.chunks / shards) + reads / reads_s
    return Cluster(name, nodes, layout, workload.dimensions, size, shards, disk_gib, search_s, tuple(short))


def _memory_of(node: IndexNode, layout: Layout) -> float:
    beside_heap = node.memory_gib - min(_HEAP_GIB, node.memory_gib / 2)
    return beside_heap * GIB * (_NATIVE_SHARE if layout.native else _CACHE_SHARE)


def _disk(size: IndexSize, replicas: int) -> float:
    return size.disk * ((replicas + 1) * _DISK_ROOM + _REBUILD_ROOM)


def _shards(workload: Workload, size: IndexSize, nodes: int) -> int:
    """As many as keep each near the size that is advised, spread evenly over the nodes."""
    by_size = size.disk / _SHARD_BYTES
    by_count = (workload.chunks + workload.vectors) / (_MOST_DOCUMENTS / 2)
    least = max(1, math.ceil(max(by_size, by_count)))
    return least if least < nodes else math.ceil(least / nodes) * nodes


def _shard_s(chunks: float) -> float:
    return float(_LEGS_S * max(chunks / _LEGS_AT, 0.01) ** _LEGS_GROW)


def _cores_needed(workload: Workload, size: IndexSize) -> float:
    shards = max(1, math.ceil(size.disk / _SHARD_BYTES))
    return workload.peak_questions_s * shards * _shard_s(workload.chunks / shards)
