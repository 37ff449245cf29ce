"""What must change no verdict: names, times, the order of what has none, what nobody saw, what came afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from checkers import formats, registry
from checkers.columns import History
from checkers.history import Op
from checkers.record import Record
from checkers.replicas.agreement import Agreement
from checkers.result import Result
from tests.checkers import disguises
from tests.checkers.disguises import elements, logs, micro
from tests.checkers.histories import types
from tests.checkers.scrambles import Draw, scramble
from tests.checkers.test_txn_twins import scrambled
from tests.checkers.traces import judge

Below = Callable[[int], int]


def spaced(number: int) -> int:
    """Another number for each, in the same order."""
    return 1000 + 7 * number


def shuffled(number: int) -> int:
    """Another number for each, in another order."""
    return (number + 5) * 999_983 % 1_000_003


def texted(number: int) -> str:
    return f"v{number}"


def key_named(key: Any) -> str:
    return f"the key {key}"


class Case(NamedTuple):
    """``values``: ways to rename them. ``unseen``: an operation that may crash without a trace. ``after``: operations
    that may follow, with nothing wrong about them. ``ordered``: it asks for the order of what was at the same time.
    """

    checker: str
    draw: Callable[[int], list[Op]]
    values: tuple[Any, ...] = ()
    unseen: Op | None = None
    after: tuple[tuple[str, Any, Any, Any], ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    ordered: bool = False


def kind(name: str, length: int = 40, **more: Any) -> Callable[[int], list[Op]]:
    return lambda number: scramble(name, number, length, wrong=(0, 5, 15)[number % 3], **more)


def op(f: str, key: Any, value: Any) -> Op:
    return Op(0, 0, 0, "invoke", f, key, value)


NAMES = (elements(spaced), elements(shuffled), elements(texted))
TXN = tuple(micro(key_named, name) for name in NAMES)
FRESH = 10**7
WRITTEN = (("write", "new", FRESH, FRESH), ("read", "new", None, FRESH))
APPENDED = (
    ("txn", None, [["append", "new", FRESH]], [["append", "new", FRESH]]),
    ("txn", None, [["r", "new", None]], [["r", "new", [FRESH]]]),
)
SET = (
    ("txn", None, [["w", "new", FRESH]], [["w", "new", FRESH]]),
    ("txn", None, [["r", "new", None]], [["r", "new", FRESH]]),
)

CASES = {
    "linearizability": Case("linearizability", kind("register"), NAMES, op("write", "x", FRESH), WRITTEN),
    "sessions": Case("sessions", kind("register"), NAMES, op("write", "x", FRESH), WRITTEN),
    "causal": Case("causal", kind("register"), NAMES, op("write", "x", FRESH), WRITTEN),
    **{
        f"list-append, {model}": Case(
            "list-append",
            scrambled,
            TXN,
            op("txn", None, [["append", "x", FRESH]]),
            APPENDED,
            {"model": model},
        )
        for model in ("strict-serializable", "serializable", "snapshot-isolation", "read-committed")
    },
    **{
        f"rw-register, {model}": Case(
            "rw-register",
            lambda number: scrambled(number, "w"),
            TXN,
            op("txn", None, [["w", "x", FRESH]]),
            SET,
            {"model": model},
        )
        for model in ("strict-serializable", "serializable", "snapshot-isolation", "read-committed")
    },
    # judged by the read that ended last
    "set": Case(
        "set", kind("g-set"), NAMES, op("add", None, FRESH), (("add", None, FRESH, FRESH),), ordered=True
    ),
    # by the last read with and without an element
    "set-full": Case(
        "set-full", kind("set"), NAMES, op("add", None, FRESH), (("add", None, FRESH, FRESH),), ordered=True
    ),
    "causal-reverse": Case(
        "causal-reverse", kind("writes"), NAMES, op("write", None, FRESH), (("write", None, FRESH, FRESH),)
    ),
    "queue": Case(
        "queue",
        kind("queue"),
        NAMES,
        op("enqueue", None, FRESH),
        (("enqueue", None, FRESH, FRESH), ("dequeue", None, None, FRESH)),
    ),
    "total-queue": Case(
        "total-queue",
        kind("queue"),
        NAMES,
        op("enqueue", None, FRESH),
        (("enqueue", None, FRESH, FRESH), ("dequeue", None, None, FRESH)),
    ),
    "counter": Case("counter", kind("counter"), (), None, (("add", None, 1, 1),)),
    "pn-counter": Case("pn-counter", kind("counter"), (), None, (("add", None, 1, 1),)),
    "adya-g2": Case("adya-g2", kind("insert"), NAMES, op("insert", 0, [FRESH, None])),
    # of one site, which does one thing after the other
    "causal-register": Case("causal-register", kind("causal-register"), ordered=True),
    "unique-ids": Case(
        "unique-ids", kind("ids"), NAMES, op("generate", None, None), (("generate", None, None, FRESH),)
    ),
    "bank": Case(
        "bank",
        kind("bank"),
        (),
        op("transfer", None, {"from": "a", "to": "b", "amount": 1}),
        (),
        {"total": 10},
    ),
    "lock": Case("lock", kind("lock"), (), op("acquire", "new", None)),
    "long-fork": Case("long-fork", kind("fork"), (), op("write", None, [["w", FRESH, 1]])),
    "kafka": Case(
        "kafka",
        kind("kafka", 60),
        tuple(logs(key_named, lambda at: at + 1000, name) for name in (spaced, shuffled, texted)),
        op("send", None, [["send", "k", FRESH]]),
        (
            ("send", None, [["send", "new", FRESH]], [["send", "new", [0, FRESH]]]),
            ("poll", None, [["poll"]], [["poll", {"new": [[0, FRESH]]}]]),
        ),
    ),
}


def judged(case: Case, ops: Sequence[Op]) -> Result:
    return registry.create(case.checker).check(Record(ops, options=case.options))


def same(case: Case, ops: Sequence[Op], found: Result) -> None:
    """As the first one says, by verdict and types of anomalies."""
    other = judged(case, ops)
    assert other.verdict == found.verdict, (found, other)
    assert {a.type for a in other.anomalies} == {a.type for a in found.anomalies}


given_a_history = given(number=st.integers(0, 1 << 40))


@pytest.mark.parametrize("name", CASES)
@seed(20)
@settings(max_examples=25, database=None)
@given_a_history
def test_names_and_times_change_no_verdict(name: str, number: int) -> None:
    case = CASES[name]
    ops = case.draw(number)
    found = judged(case, ops)
    same(case, disguises.processes(ops), found)
    same(case, disguises.later(ops), found)
    if case.checker != "long-fork":  # its keys are in groups of two
        same(case, disguises.keys(ops, key_named), found)
    for renamed in case.values:
        same(case, disguises.values(ops, renamed), found)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.ordered])
@seed(21)
@settings(max_examples=25, database=None)
@given_a_history
def test_the_order_of_what_has_none_changes_no_verdict(name: str, number: int) -> None:
    case = CASES[name]
    ops = case.draw(number)
    same(case, disguises.neighbours(ops, Draw(number).below), judged(case, ops))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.unseen is not None])
@seed(22)
@settings(max_examples=25, database=None)
@given_a_history
def test_a_crashed_operation_that_nobody_saw_changes_no_verdict(name: str, number: int) -> None:
    case = CASES[name]
    ops = case.draw(number)
    assert case.unseen is not None
    same(case, disguises.crashed(ops, case.unseen, Draw(number).below), judged(case, ops))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.after])
@seed(23)
@settings(max_examples=25, database=None)
@given_a_history
def test_what_is_right_afterwards_mends_nothing(name: str, number: int) -> None:
    case = CASES[name]
    ops = case.draw(number)
    found, other = judged(case, ops), judged(case, disguises.followed(ops, *case.after))
    if found.verdict != "unknown":
        assert other.verdict == found.verdict, (found, other)


def apart(ops: list[Op]) -> list[Op]:
    """With processes and keys that no other history has."""
    ops = disguises.keys(disguises.processes(ops), key_named)
    return disguises.values(ops, micro(key_named, lambda value: value)) if ops[0].f == "txn" else ops


@pytest.mark.parametrize("name", [n for n in CASES if n == "linearizability" or ", " in n])
@seed(24)
@settings(max_examples=25, database=None)
@given(number=st.integers(0, 1 << 40), second=st.integers(0, 1 << 40))
def test_two_histories_that_share_nothing_are_judged_as_each_is(name: str, number: int, second: int) -> None:
    case = CASES[name]
    one, two = case.draw(number), apart(case.draw(second))
    both = judged(case, disguises.mixed(one, two, Draw(number).below)).verdict
    verdicts = {judged(case, one).verdict, judged(case, two).verdict}
    if "invalid" in verdicts:
        assert both == "invalid"
    elif verdicts == {"valid"}:
        assert both == "valid"


# --- what replicas decided ------------------------------------------------------------------------------------

NODES = ("n0", "n1", "n2")
decisions = st.lists(
    st.tuples(st.sampled_from(NODES), st.integers(1, 4), st.sampled_from("abcd")), min_size=1, max_size=12
)


def decided(told: list[tuple[str, int, str]]) -> set[str]:
    """Types of what is wrong."""
    return set(
        types(judge(Agreement(), *((node, "decide", {"index": i, "value": v}) for node, i, v in told)))
    )


@seed(25)
@settings(max_examples=250, database=None)
@given(told=decisions, data=st.data())
def test_agreement_knows_no_names_no_times_and_no_order_between_nodes(told: Any, data: st.DataObject) -> None:
    found = decided(told)
    assert decided([(f"node {node}", i, f"{value}'") for node, i, value in told]) == found
    later = [(n, "decide", {"index": i, "value": v}, 7_000 + 13 * at) for at, (n, i, v) in enumerate(told)]
    assert set(types(judge(Agreement(), *later))) == found
    other = list(told)
    for at in data.draw(st.lists(st.integers(0, len(told) - 1), max_size=20)):
        if at and other[at - 1][0] != other[at][0]:
            other[at - 1 : at + 1] = other[at], other[at - 1]
    assert bool(decided(other)) == bool(found)
    assert not found or decided([*told, ("n9", 1, "z")])


# --- other formats --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["edn", "elle-json", "columns", "jsonl"])
@pytest.mark.parametrize("name", CASES)
def test_a_history_written_and_read_again_is_judged_as_before(name: str, form: str, tmp_path: Path) -> None:
    case = CASES[name]
    for number in range(6):
        ops = case.draw(number)
        with (tmp_path / "h").open("wb") as file:
            formats.write(History.from_ops(ops), file, form)
        same(case, formats.read(tmp_path / "h"), judged(case, ops))
