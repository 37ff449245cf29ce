"""The picture of a cycle: boxes that do not overlap, one arrow from each to the next, nothing outside."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from checkers.record import Record
from checkers.txn.list_append import ListAppend
from harness.report.ring import BOX_HEIGHT, BOX_WIDTH, BOXES_MAX, ring
from tests.checkers.test_list_append import CASES


def part(number: int, **fields: str) -> dict[str, str]:
    return {"txn": f"T{number}", "who": "process 1", "when": "1 s", "micro": "r x []", "edge": "rw", **fields}


@pytest.mark.parametrize("n", range(2, BOXES_MAX + 1))
def test_boxes_are_apart_and_inside(n: int) -> None:
    found = ring([part(i + 1) for i in range(n)])
    assert found is not None
    assert len(found.boxes) == len(found.arrows) == n
    for box in found.boxes:
        assert 0 <= box.x <= found.width - BOX_WIDTH
        assert 0 <= box.y <= found.height - BOX_HEIGHT
    for a, b in combinations(found.boxes, 2):
        assert abs(a.x - b.x) >= BOX_WIDTH or abs(a.y - b.y) >= BOX_HEIGHT
    for arrow in found.arrows:
        numbers = [int(v) for v in re.findall(r"-?\d+", arrow.path)]
        assert all(0 <= x <= found.width for x in numbers[::2])
        assert all(0 <= y <= found.height for y in numbers[1::2])


def test_a_cycle_of_the_checker_is_drawn() -> None:
    (anomaly,) = ListAppend().check(Record(CASES["G-single-realtime"][0].ops)).anomalies
    found = ring(anomaly.data["cycle"])
    assert found is not None
    assert [arrow.label for arrow in found.arrows] == ["rw x", "realtime"]
    assert [box.lines[0] for box in found.boxes] == ["r x []", "append x 1"]
    assert found.alt == "A cycle of 2 transactions: T1 before T2 (rw), T2 before T1 (realtime)."
    assert [kind for kind, _ in found.legend] == ["rw", "realtime"]


@pytest.mark.parametrize(
    "cycle", [None, "x", [], [part(1)], ["rt", "ww"], [part(i) for i in range(BOXES_MAX + 1)]]
)
def test_what_is_no_cycle_or_too_long_is_not_drawn(cycle: object) -> None:
    assert ring(cycle) is None


def test_long_texts_are_cut_and_kept_in_the_title() -> None:
    found = ring([part(1, micro="r x [] " * 20), part(2, key="k" * 40)])
    assert found is not None
    assert len(found.boxes[0].lines[0]) < 40
    assert "r x [] " * 20 in found.boxes[0].title
    assert found.arrows[1].label == "rw"
