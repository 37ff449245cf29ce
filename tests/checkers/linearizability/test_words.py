"""What is said of a violation: its kind, its window, who did what when, and why nothing explains it."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import Op
from checkers.linearizability.checker import check
from tests.checkers.linearizability.steps import (
    KIND,
    MS,
    PAIRS,
    history,
    sampled,
    verdict,
)


@pytest.mark.parametrize("name", PAIRS)
def test_rejects_the_first_and_accepts_the_second(name):
    bad, good = PAIRS[name]
    result = check(history(bad, key="x"))
    assert result.verdict == "invalid"
    assert verdict(good) == "valid"
    (anomaly,) = result.anomalies
    assert anomaly.type == "nonlinearizable"
    assert anomaly.data["kind"] == KIND[name]
    assert anomaly.data["key"] == "x"
    assert 'key "x"' in anomaly.explanation


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), names=st.permutations(range(6)), processes=st.permutations(range(6)))
def test_renaming_values_and_processes_changes_no_verdict(seed, names, processes):
    steps = sampled(Random(seed), 5, 4)

    def named(value):
        return None if value is None else f"v{names[value]}"

    renamed = [
        (f, tuple(map(named, i)) if f == "cas" else named(i), named(c), b, e) for f, i, c, b, e in steps
    ]
    ops = [
        Op(o.index, o.time, f"p{processes[o.process]}", o.type, o.f, o.key, o.value) for o in history(renamed)
    ]
    first, second = check(history(steps)), check(ops)
    assert first.verdict == second.verdict
    assert [a.op_indexes for a in first.anomalies] == [a.op_indexes for a in second.anomalies]


def test_finds_the_one_violated_key_among_others():
    bad, good = PAIRS["stale read"]
    ops = history(good, "a", 0) + history(bad, "b", 10) + history(good, "c", 20)
    for i, op in enumerate(ops):
        op.index = i
    result = check(ops)
    assert [a.data["key"] for a in result.anomalies] == ["b"]
    assert result.coverage["keys"] == 3
    assert result.coverage["operations"] == 9


def test_a_violation_inside_a_long_run_is_told_in_its_smallest_window():
    steps = []
    for i in range(0, 400, 2):
        steps.append(("write", i, None, 4 * i, 4 * i + 1))
        steps.append(("read", None, i, 4 * i + 2, 4 * i + 3))
    good = list(steps)
    f, invoked, _, begin, end = steps[301]
    steps[301] = (f, invoked, 298, begin, end)  # the write before
    assert verdict(good) == "valid"
    (anomaly,) = check(history(steps)).anomalies
    window = [index for s in (steps[298], steps[300], steps[301]) for index in s[3:]]
    assert anomaly.op_indexes == window
    assert anomaly.data["op"] == end
    assert anomaly.data["first_impossible"] == end
    assert anomaly.data["impossible"] == [end]
    assert anomaly.data["states"] == [300]


def test_the_explanation_names_key_operations_nodes_times_and_the_reason():
    ops = [
        Op(0, 3_800 * MS, 2, "invoke", "write", 2, 12, "n0"),
        Op(1, 3_900 * MS, 2, "ok", "write", 2, 12, "n0"),
        Op(2, 4_200 * MS, 3, "invoke", "write", 2, 17, "n1"),
        Op(3, 4_213 * MS, 3, "ok", "write", 2, 17, "n1"),
        Op(4, 4_250 * MS, 5, "invoke", "read", 2, None, "n1"),
        Op(5, 4_260 * MS, 5, "ok", "read", 2, 17, "n1"),
        Op(6, 4_300 * MS, 8, "invoke", "read", 2, None, "n4"),
        Op(7, 4_304 * MS, 8, "ok", "read", 2, 12, "n4"),
    ]
    (anomaly,) = check(ops).anomalies
    assert anomaly.data["kind"] == "stale read"
    assert anomaly.op_indexes == [0, 1, 2, 3, 6, 7]
    assert anomaly.explanation == (
        "Process 2 wrote 12 to key 2 at n0, from 3.800 s to 3.900 s, and this was acknowledged. "
        "Process 3 wrote 17 to key 2 at n1, from 4.200 s to 4.213 s, and this was acknowledged. "
        "Process 8 read key 2 at n4, from 4.300 s to 4.304 s, and got 12. "
        "17 came after 12: process 2's write of 12 had ended at 3.900 s, before process 3's write of 17 began at "
        "4.200 s. And 17 had already replaced 12 when process 8's read of 12 began at 4.300 s: process 3's write of "
        "17 had ended at 4.213 s. 12 was written only once, so it cannot have come back. No order of these "
        "operations that respects real time explains this read. So 12 was out of date when it was returned."
    )


def test_a_failed_write_that_is_seen_is_named_so():
    steps = [("write", 9, None, 0, 1), ("read", None, 9, 2, 3)]
    ops = history(steps)
    assert check(ops).verdict == "valid"
    ops[1].type = "fail"
    (anomaly,) = check(ops).anomalies
    assert anomaly.data["kind"] == "failed write took effect"
    assert anomaly.op_indexes == [0, 1, 2, 3]


def on_nodes(steps, nodes):
    ops = history(steps)
    for op in ops:
        op.node = nodes.get(op.process)
    return ops


BACK = [
    ("write", 1, None, 0, 1),
    ("write", 2, None, 2, 3),
    ("read", None, 2, 4, 5),
    ("read", None, 1, 6, 7),
]


@pytest.mark.parametrize(
    ("more", "kind", "impossible"),
    [
        (("cas", (1, 3), None, 8, 9), "resurrected value", [7, 9]),
        (("read", None, 1, 8, 9), "resurrected value", [7, 9]),
        (("read", None, 2, 8, 9), "stale read", [7]),
    ],
)
def test_a_value_that_all_see_again_is_no_stale_read(more, kind, impossible):
    (anomaly,) = check(on_nodes([*BACK, more], {3: "n1", 4: "n2"})).anomalies
    assert anomaly.data["kind"].startswith(kind)
    assert anomaly.data["impossible"] == impossible


def test_a_write_that_was_applied_twice_lets_two_cas_of_it_succeed():
    steps = [("write", 1, None, 0, 3), ("cas", (1, 2), None, 1, 2), ("cas", (1, 3), None, 4, 5)]
    (anomaly,) = check(history(steps)).anomalies
    assert anomaly.data["kind"] == "two compare-and-sets of one value"
    assert "the write of 1 took effect twice" in anomaly.explanation


def test_a_read_of_what_a_cas_replaced_says_which():
    steps = [("write", 1, None, 0, 3), ("cas", (1, 2), None, 1, 2), ("read", None, 1, 4, 5)]
    (anomaly,) = check(history(steps)).anomalies
    assert anomaly.data["kind"] == "lost write"
    assert "1 was gone after process 1's compare-and-set from 1 to 2" in anomaly.explanation
    assert check(history([*steps[:2], ("read", None, 2, 4, 5)])).verdict == "valid"
