from __future__ import annotations

from typing import Any

import pytest

from checkers.faults import faults, phase_position
from checkers.history import MalformedHistoryError
from checkers.operations import operations
from checkers.words import identity, listing, plural, seconds
from tests.checkers.histories import History


def test_pairs_by_process_in_order_of_invocation() -> None:
    h = History()
    h.invoke(0, "write", 1)
    h.invoke(1, "read")
    h.nemesis("kill", {})
    h.ok(1, "read", 1)
    h.op(0, "info", "write", 1)
    h.invoke(2, "read")
    found = operations(h.ops)
    assert [o.indexes() for o in found] == [[0, 4], [1, 3], [5]]
    assert [o.type for o in found] == ["info", "ok", "info"]
    assert [(o.begin, o.end) for o in found] == [(0, 4), (1, 3), (5, None)]


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ([(0, "ok")], "op 0: ok of process 0 completes no invocation"),
        ([(0, "invoke"), (0, "ok"), (0, "info")], "op 2: info of process 0 completes no invocation"),
        ([(0, "invoke"), (0, "invoke")], "op 1: process 0 invokes read while its op 0 is not completed"),
    ],
)
def test_what_does_not_pair_is_one_clear_line(ops: list[tuple[int, Any]], message: str) -> None:
    h = History()
    for process, type_ in ops:
        h.op(process, type_, "read")
    with pytest.raises(MalformedHistoryError) as caught:
        operations(h.ops)
    assert str(caught.value) == message


def test_faults_by_number_with_their_ops() -> None:
    h = History()
    h.phase("main")
    start = h.nemesis("kill", {"fault": 1, "phase": "start", "targets": ["n1"], "detail": {"shape": "one"}})
    h.nemesis("pause", {"fault": 0, "phase": "unfired"})
    stop = h.nemesis("kill", {"fault": 1, "phase": "stop", "targets": ["n1"], "evidence": {"nodes": {}}})
    h.phase("final")
    first, second = faults(h.ops)
    assert (first.family, first.start, first.unfired is not None) == ("pause", None, True)
    assert (second.start, second.stop, second.evidence) == (start, stop, {"nodes": {}})
    assert second.describe() == "fault 1 (kill:one on n1)"
    assert (phase_position(h.ops, "main"), phase_position(h.ops, "final")) == (0, 4)
    assert phase_position(h.ops, "other") is None


def test_words() -> None:
    assert [seconds(ns) for ns in (0, 1_234_567_890, -1_500_000, 999)] == [
        "0.000000 s",
        "1.234567 s",
        "-0.001500 s",
        "0.000000 s",
    ]
    assert (plural(1, "fault"), plural(2, "fault")) == ("1 fault", "2 faults")
    assert (listing([1, 2, 3], 2), listing([1, 2], 2)) == ("1, 2 and 1 more", "1, 2")
    values = [1, 1.0, True, "1", [1], {"a": 1}, None]
    assert len({identity(v) for v in values}) == len(values)
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})
