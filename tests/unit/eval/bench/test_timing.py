"""Times are taken by turns, idle and beside another program."""

from __future__ import annotations

import psutil

from eval.bench.report import machine_line, markdown
from eval.bench.timing import by_turns, conditions, in_turn
from eval.progress import unseen


def test_each_turn_begins_with_another_one() -> None:
    assert [list(in_turn("abc", turn)) for turn in range(4)] == [list(one) for one in ("abc", "bca", "cab", "abc")]


def test_every_way_gets_every_item_in_turn() -> None:
    told: list[str] = []
    ways = [lambda item, way=way: told.append(f"{way}{item}") for way in "xy"]
    times = by_turns(ways, [1, 2], unseen)
    assert told == ["x1", "y1", "y2", "x2"]
    assert times.shape == (2, 2)
    assert (times > 0).all()


def test_beside_is_measured_while_another_process_works_and_is_told_apart() -> None:
    def children() -> int:
        return len(psutil.Process().children())

    before = children()
    found = conditions(children, beside=True)
    assert list(found.values()) == [before, before + 1]
    idle, beside = found
    assert idle.startswith("idle (others: ")
    assert beside.startswith("beside a busy process (others: ")
    assert children() == before
    assert len(conditions(children, beside=False)) == 1


def test_a_report_names_the_processor_and_is_markdown() -> None:
    assert "cores" in machine_line()
    assert markdown(("a", "b"), [(1, 2)]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
