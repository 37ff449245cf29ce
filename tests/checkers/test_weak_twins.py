"""Session guarantees, causality, long forks and counters against dumb twins that try every order."""

from __future__ import annotations

from itertools import chain, combinations, pairwise, permutations
from typing import Any

import pytest

from checkers import registry
from checkers.collections.counters import Sums
from checkers.consistency.sessions import GUARANTEES
from checkers.consistency.version_order import VersionOrder
from checkers.history import Op
from checkers.operations import Operation, operations
from checkers.record import Record
from tests.checkers.scrambles import Draw, scramble


def judge(name: str, ops: list[Op], **options: Any) -> Any:
    return registry.create(name).check(Record(ops, options=options))


def shares(verdicts: list[str]) -> None:
    """A test of random histories in which nothing is wrong, or everything, tests little."""
    assert verdicts.count("invalid") >= len(verdicts) // 10
    assert verdicts.count("valid") >= len(verdicts) // 10


# --- session guarantees -----------------------------------------------------------------------------------------


def small_registers(seed: int) -> list[Op]:
    """Reads and writes of one key by three processes, one after the other: at most five distinct writes."""
    draw = Draw(seed)
    ops: list[Op] = []
    written: list[int] = []
    for _ in range(3 + draw.below(7)):
        process = draw.below(3)
        if len(written) < 5 and draw.chance(45):
            f, value = "write", len(written) + 1
            written.append(value)
        else:
            f, value = "read", draw.one(None, *written, *written, *written)
        for kind in ("invoke", draw.one("ok", "ok", "ok", "ok", "fail") if f == "write" else "ok"):
            ops.append(
                Op(
                    len(ops),
                    len(ops),
                    process,
                    kind,
                    f,
                    "x",
                    value if (f, kind) != ("read", "invoke") else None,
                )
            )
    return ops


def explained(ops: list[Op], demanded: set[str]) -> bool:
    """Whether a total order of the versions satisfies each guarantee that is demanded."""
    done = [o for o in operations(ops) if o.type == "ok"]
    happened = {o.invoke.value for o in done if o.invoke.f == "write"}
    seen: dict[Any, list[tuple[str, Any]]] = {}
    for o in done:
        value = o.completion.value if o.completion is not None and o.invoke.f == "read" else o.invoke.value
        if o.invoke.f == "write" or value is None or value in happened:
            seen.setdefault(o.invoke.process, []).append((o.invoke.f, value))
    kinds = {
        ("write", "write"): "monotonic-writes",
        ("read", "write"): "writes-follow-reads",
        ("write", "read"): "read-your-writes",
        ("read", "read"): "monotonic-reads",
    }
    for order in permutations(sorted(happened)):
        place = {None: -1, **{v: i for i, v in enumerate(order)}}
        if all(
            place[one[1]] <= place[two[1]]
            for session in seen.values()
            for one, two in combinations(session, 2)
            if kinds[one[0], two[0]] in demanded
        ):
            return True
    return False


def test_sessions_against_every_order_of_the_versions() -> None:
    verdicts = []
    for seed in range(3000):
        ops = small_registers(seed)
        result = judge("sessions", ops)
        if result.verdict != "unknown":
            assert (result.verdict == "valid") == explained(ops, set(GUARANTEES)), ops
            verdicts.append(result.verdict)
    shares(verdicts)


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_one_guarantee_alone_is_never_demanded_too_much(guarantee: str) -> None:
    for seed in range(700):
        ops = small_registers(seed)
        result = judge("sessions", ops, guarantees=[guarantee])
        if result.verdict == "invalid":
            assert {a.type for a in result.anomalies} == {guarantee}
            assert not explained(ops, {guarantee}), ops


# --- causality ------------------------------------------------------------------------------------------------


def small_causal(seed: int) -> list[Op]:
    draw = Draw(seed)
    keys = ["x", "y"] if draw.chance(50) else ["x"]
    plan: list[tuple[int, str, str, Any]] = []
    written: dict[str, list[int]] = {key: [] for key in keys}
    for n in range(4 + draw.below(6)):
        key = draw.one(*keys)
        if len(written[key]) < 3 and draw.chance(45):
            written[key].append(n + 1)
            plan.append((draw.below(3), "write", key, n + 1))
        else:
            plan.append((draw.below(3), "read", key, None))
    ops: list[Op] = []
    for process, f, key, value in plan:
        answer = draw.one(None, *written[key], *written[key], 77) if draw.chance(5) else value
        if f == "read" and answer is None:
            answer = draw.one(None, *written[key], *written[key])
        ops.append(Op(len(ops), len(ops), process, "invoke", f, key, value))
        ops.append(Op(len(ops), len(ops), process, "ok", f, key, value if f == "write" else answer))
    return ops


def causally(ops: list[Op], level: str) -> bool:
    """The definitions of POPL'17 with the least causal order, each read and each arbitration tried out."""
    done: list[Operation] = operations(ops)
    writers = {(o.invoke.key, o.invoke.value): i for i, o in enumerate(done) if o.invoke.f == "write"}
    size = len(done)
    before = [[False] * size for _ in done]
    for i, o in enumerate(done):
        for j in range(i + 1, size):
            if done[j].invoke.process == o.invoke.process:
                before[i][j] = True
    reads = []
    for i, o in enumerate(done):
        if o.invoke.f != "read":
            continue
        value = o.completion.value if o.completion is not None else None
        if value is None:
            reads.append((i, None))
        elif (o.invoke.key, value) not in writers:
            return False
        else:
            before[writers[o.invoke.key, value]][i] = True
            reads.append((i, writers[o.invoke.key, value]))
    for k in range(size):
        for i in range(size):
            for j in range(size):
                before[i][j] |= before[i][k] and before[k][j]
    if any(before[i][i] for i in range(size)):
        return False
    writes = [i for i, o in enumerate(done) if o.invoke.f == "write"]

    def explains(order: tuple[int, ...], reader: int, writer: int | None) -> bool:
        visible = [w for w in order if before[w][reader] and done[w].invoke.key == done[reader].invoke.key]
        return (visible[-1] if visible else None) == writer

    orders = [
        order for order in permutations(writes) if not any(before[b][a] for a, b in combinations(order, 2))
    ]
    if level == "ccv":
        return any(all(explains(order, *read) for read in reads) for order in orders)
    return all(any(explains(order, *read) for order in orders) for read in reads)


@pytest.mark.parametrize("level", ["cc", "ccv"])
def test_causal_against_the_definition(level: str) -> None:
    verdicts, found = [], set()
    for seed in range(1500):
        ops = small_causal(seed)
        result = judge("causal", ops, level=level)
        if result.verdict != "unknown":
            assert (result.verdict == "valid") == causally(ops, level), ops
            verdicts.append(result.verdict)
            found |= {a.type for a in result.anomalies}
    shares(verdicts)
    assert found >= {"ThinAirRead", "CyclicCO", "WriteCOInitRead", "WriteCORead"}
    assert ("CyclicCF" in found) == (level == "ccv")


# --- long forks -----------------------------------------------------------------------------------------------


def small_fork(seed: int) -> list[Op]:
    draw = Draw(seed)
    keys = [0, 1, 2]
    ops = [op for k in keys for op in both(3 * k, 9, "write", [["w", k, 1]], [["w", k, 1]])]
    for n in range(2 + draw.below(3)):
        asked = [["r", k, None] for k in keys]
        got = [["r", k, draw.one(None, 1)] for k in keys]
        ops += both(20 + 2 * n, n, "read", asked, got)
    return ops


def both(index: int, process: int, f: str, asked: Any, got: Any) -> list[Op]:
    return [
        Op(index, index, process, "invoke", f, None, asked),
        Op(index + 1, index, process, "ok", f, None, got),
    ]


def test_long_forks_against_every_order_of_the_writes() -> None:
    verdicts = []
    for seed in range(400):
        ops = small_fork(seed)
        reads = [
            frozenset(k for _, k, v in op.value if v) for op in ops if op.f == "read" and op.type == "ok"
        ]
        chained = any(
            all(read in [frozenset(order[:n]) for n in range(4)] for read in reads)
            for order in permutations(range(3))
        )
        result = judge("long-fork", ops)
        if result.verdict != "unknown":
            assert (result.verdict == "valid") == chained, ops
            verdicts.append(result.verdict)
    shares(verdicts)


# --- counters ---------------------------------------------------------------------------------------------------


def possible(ops: list[Op]) -> list[tuple[int, set[int]]]:
    """Of each read: what it got, and every sum it could have got, by trying all subsets."""
    found = operations(ops)
    out = []
    for read in found:
        if read.invoke.f != "read" or read.type != "ok" or read.completion is None or read.end is None:
            continue
        certain, maybe = 0, []
        for add in found:
            if add.invoke.f != "add" or add.type == "fail" or add.begin > read.end:
                continue
            if add.type == "ok" and add.end is not None and add.end < read.begin:
                certain += add.invoke.value
            else:
                maybe.append(add.invoke.value)
        subsets = chain.from_iterable(combinations(maybe, n) for n in range(len(maybe) + 1))
        out.append((read.completion.value, {certain + sum(subset) for subset in subsets}))
    return out


def test_counters_against_every_subset_of_the_additions() -> None:
    exact, bounds = [], []
    for seed in range(600):
        ops = scramble("counter", seed, 30, wrong=5 * (seed % 4), final=False)
        reads = possible(ops)
        one, two = judge("pn-counter", ops, linearizable=True), judge("counter", ops)
        if not reads:
            assert one.verdict == two.verdict == "unknown"
            continue
        assert (one.verdict == "valid") == all(got in sums for got, sums in reads)
        assert (two.verdict == "valid") == all(min(sums) <= got <= max(sums) for got, sums in reads)
        assert one.coverage["anomalies"] == sum(got not in sums for got, sums in reads)
        exact.append(one.verdict)
        bounds.append(two.verdict)
    shares(exact)
    shares(bounds)


def test_what_a_counter_may_show_is_said_as_runs() -> None:
    sums = Sums().with_(5).with_(1).with_(-10)
    assert [n for n in range(-20, 20) if sums.has(n)] == [-10, -9, -5, -4, 0, 1, 5, 6]
    assert sums.shown(10) == "0 to 1, 5 to 6, 10 to 11, 15 to 16"
    wide = Sums().with_(1 << 30)
    assert wide.has(7)
    assert wide.shown(0) == "0 to 1073741824"


def test_locks_against_every_pair_of_holders() -> None:
    verdicts = []
    for seed in range(600):
        ops = scramble("lock", seed, 24)
        result = judge("lock", ops)
        spans: list[tuple[int, float, Any]] = []
        found = operations(ops)
        for i, o in enumerate(found):
            if o.invoke.f == "acquire" and o.type == "ok" and o.end is not None:
                later = [
                    r.begin
                    for r in found[i:]
                    if r.invoke.process == o.invoke.process and r.invoke.f == "release" and r.type != "fail"
                ]
                spans.append((o.end, min(later, default=1e9), o.invoke.process))
        overlap = any(a[2] != b[2] and a[0] < b[1] and b[0] < a[1] for a, b in combinations(spans, 2))
        assert ("two-holders" in {a.type for a in result.anomalies}) == overlap, ops
        verdicts.append("invalid" if overlap else "valid")
    shares(verdicts)


def test_causal_reverse_against_all_pairs_of_writes() -> None:
    verdicts = []
    for seed in range(600):
        ops = scramble("writes", seed, 30, wrong=10)
        found = operations(ops)
        writes = [o for o in found if o.invoke.f == "write"]
        bad = 0
        for read in found:
            if read.invoke.f != "read" or read.type != "ok" or read.completion is None:
                continue
            seen = read.completion.value
            bad += any(
                one.type == "ok"
                and one.end is not None
                and read.end is not None
                and one.end < two.begin < read.end
                and two.invoke.value in seen
                and one.invoke.value not in seen
                for one in writes
                for two in writes
            )
        result = judge("causal-reverse", ops)
        assert result.coverage["anomalies"] == bad
        verdicts.append(result.verdict)
    shares([v for v in verdicts if v != "unknown"])


def test_the_neighbours_of_a_version_order_are_enough() -> None:
    for seed in range(300):
        draw = Draw(seed)
        order: VersionOrder[tuple[int, int]] = VersionOrder()
        taken: set[tuple[int, int]] = set()
        for _ in range(6):
            order.add()
        for _ in range(14):
            a, b = draw.below(6), draw.below(6)
            if a == b:
                continue
            against = order.put(a, b, (a, b))
            reach = {b}
            while True:
                more = {y for x, y in taken if x in reach} - reach
                if not more:
                    break
                reach |= more
            assert (against is not None) == (a in reach)
            if against is None:
                taken.add((a, b))
            else:
                assert set(against) <= taken
                assert all(one[1] == two[0] for one, two in pairwise(against))
                assert (against[0][0], against[-1][1]) == (b, a)
