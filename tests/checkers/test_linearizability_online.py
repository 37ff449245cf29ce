"""Linearizability while a run goes on: on every prefix what the batch says, with little memory."""

from __future__ import annotations

import tracemalloc
from itertools import islice
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest

from checkers import registry
from checkers.columns import History
from checkers.history import MalformedHistoryError, Op
from checkers.linearizability.checker import check
from checkers.linearizability.look import GONE
from checkers.linearizability.online import CHAIN_MAX, OnlineLinearizability
from checkers.models import MODELS
from checkers.online import BUFFERED_MAX
from tests.checkers.linearizability.steps import PAIRS, history, simulated
from tests.checkers.test_zones import sampled
from tests.kernels import uncompiled

LAG = 100
"""ops after which a violation is known, of the operation that completes it"""


def interleaved(histories):
    """Histories of several keys, mixed; each keeps its own processes."""
    ops = []
    for number, found in enumerate(histories):
        ops += [(op.time, number, op) for op in found]
    ops.sort(key=lambda item: item[:2])
    return [
        Op(i, i, op.process + 1000 * n, op.type, op.f, f"k{n}", op.value) for i, (_, n, op) in enumerate(ops)
    ]


def failing(random, ops):
    """Some completions say info or fail instead; a read that does may have answered anything."""
    for op in ops:
        if op.type == "ok" and random.random() < 0.1:
            op.type = random.choice(["fail", "info"])
            op.error = random.choice([[22, "no match"], [11, "busy"]])
    return ops


def drawn(seed):
    """A history of several keys: values unique, nearly unique or few; crashes, failures, lies."""
    random = Random(seed)
    found = []
    for _ in range(random.choice([1, 1, 3])):
        values = random.choice([3, 30, 100_000, 100_000, 100_000])
        steps = simulated(
            random, random.randint(5, 40), random.randint(2, 6), values, lies=random.choice([0, 0, 1])
        )
        found.append(history(steps))
    return failing(random, interleaved(found))


@pytest.mark.parametrize("model", ["cas-register", "cas-register-strict"])
@pytest.mark.parametrize("part", range(2))
def test_says_on_every_prefix_what_the_batch_says(part, model):
    verdicts = set()
    for seed in range(25 * part, 25 * part + 25):
        ops = drawn(seed)
        online = OnlineLinearizability({"model": model})
        for n, op in enumerate(ops, 1):
            online.observe(op)
            expected = check(ops[:n], model)
            found = online.result()
            assert (found.verdict, found.why) == (expected.verdict, expected.why), (seed, n)
            shared = {name: expected.coverage[name] for name in found.coverage}
            assert found.coverage == shared, (seed, n)
            verdicts.add(expected.verdict)
    assert verdicts == {"valid", "invalid"}


@pytest.mark.parametrize("part", range(4))
def test_agrees_on_small_histories_however_often_it_looks(part):
    verdicts = []
    for seed in range(250 * part, 250 * part + 250):
        random = Random(seed)
        ops = failing(random, history(sampled(random, random.randint(4, 9)), key="x"))
        online = OnlineLinearizability()
        for op in ops:
            online.observe(op)
            if random.random() < 0.5:
                online.verdict()
        verdicts.append(online.verdict())
        assert verdicts[-1] == check(ops).verdict, seed
    assert verdicts.count("valid") > 80
    assert verdicts.count("invalid") > 40


def long_run(seed, n, lie_at=None, *, keys=1, crashes=0.02, chains=False):
    """A run of 8 processes, as ops; from the read number ``lie_at`` on nothing new is read."""
    random = Random(seed)
    state, values, opened, ops, spare = [None] * keys, 0, {}, [], 100
    processes = list(range(8))
    reads = 0
    while len(ops) < n:
        p = random.randrange(len(processes))
        process = processes[p]
        if process not in opened:
            key = random.randrange(keys)
            f = "cas" if chains else random.choice(["read", "write"])
            values += 1
            value = None if f == "read" else values if f == "write" else [state[key], values]
            if chains and opened:
                continue
            opened[process] = key, f, value
            ops.append(Op(len(ops), len(ops), process, "invoke", f, key, value))
            continue
        key, f, value = opened.pop(process)
        kind, answer = "ok", value
        if f == "read":
            reads += 1
            answer = state[key] if lie_at is None or reads != lie_at else 1
        elif random.random() < crashes:
            kind = "info"
            processes[p] = spare = spare + 1
        if f != "read" and (kind == "ok" or random.random() < 0.5):
            state[key] = value[1] if f == "cas" else value
        ops.append(Op(len(ops), len(ops), process, kind, f, key, answer))
    return ops


@pytest.mark.parametrize("keys", [1, 30])
def test_a_violation_is_known_soon_after_it_is_complete(keys):
    ops = long_run(1, 6000, lie_at=1000, keys=keys)
    expected = check(ops).anomalies[0]
    online = OnlineLinearizability()
    at = -1
    while not online.violated():
        at += 1
        online.observe(ops[at])
    assert expected.data["op"] <= at <= expected.data["op"] + min(LAG, BUFFERED_MAX)
    (anomaly,) = online.result().anomalies
    assert anomaly.data["op"] == anomaly.data["first_impossible"] == expected.data["op"]
    assert anomaly.data["kind"] == GONE
    assert expected.data["kind"] == ("stale read" if keys == 1 else "value never written")
    assert "it had certainly been replaced before this operation began" in anomaly.explanation
    assert check([op for op in ops if op.index in anomaly.op_indexes]).verdict == "invalid"


def kept(online):
    return online._windows.size()


@pytest.mark.parametrize("keys", [1, 30])
def test_what_is_kept_does_not_grow_with_the_run(keys):
    online = OnlineLinearizability()
    most = []
    ops = long_run(2, 12_000, keys=keys, crashes=0)
    for op in ops:
        online.observe(op)
        most.append(kept(online))
    assert max(most[6000:]) <= max(most[:6000]) + 20
    assert max(most) < BUFFERED_MAX + 100 + 30 * keys
    assert not online._searches
    assert online.verdict() == "valid"


def test_crashed_operations_sleep_until_somebody_sees_them():
    online = OnlineLinearizability()
    ops = long_run(3, 9000, crashes=0.2)
    for op in ops:
        online.observe(op)
    assert online.verdict() == "valid"
    sleeping = online._windows.sleeping()
    assert kept(online) < 150 + BUFFERED_MAX < len(sleeping)
    last = len(ops)
    extra = [
        Op(last, last, 999_999, "invoke", "read", 0),
        Op(last + 1, last + 1, 999_999, "ok", "read", 0, sleeping[0].value),
    ]
    for op in extra:
        online.observe(op)
    assert online.verdict() == check(ops + extra).verdict == "valid"
    assert sleeping[0] not in online._windows.sleeping()


def test_a_long_chain_of_cas_and_reused_values_go_to_the_search():
    chained = OnlineLinearizability()
    chained.observe_all(long_run(4, 3 * CHAIN_MAX, crashes=0, chains=True))
    assert chained.verdict() == "valid"
    assert len(chained._searches) == 1
    reused = OnlineLinearizability()
    steps = simulated(Random(5), 60, 4, values=3, lies=0)
    reused.observe_all(history(steps, key="x"))
    assert reused.verdict() == check(history(steps)).verdict
    assert len(reused._searches) == 1


@pytest.mark.parametrize("case", range(6))
def test_columnar_histories_are_judged_alike(case):
    ops = long_run(case, 3000, lie_at=500 if case % 2 else None, keys=1 + 4 * (case % 3), crashes=0.05)
    rows, columns = OnlineLinearizability(), OnlineLinearizability()
    rows.observe_all(ops)
    columns.observe_all(History.from_ops(ops[:2000]))
    columns.observe_all(ops[2000:])
    one, other = rows.result(), columns.result()
    assert one.verdict == other.verdict == check(ops).verdict
    assert one.coverage == other.coverage
    assert [a.op_indexes for a in one.anomalies] == [a.op_indexes for a in other.anomalies]


def test_what_came_at_op_10000_is_reported_by_op_10100():
    ops = long_run(6, 12_000, keys=1, crashes=0)
    value = next(op.value for op in ops[:9_000] if op.f == "write" and op.type == "ok")
    at = next(n for n in range(10_000, 12_000) if (ops[n].f, ops[n].type) == ("read", "ok"))
    ops[at].value = value  # replaced long ago
    online = OnlineLinearizability()
    for told, op in enumerate(ops):  # noqa: B007
        online.observe(op)
        if online.violated():
            break
    assert at <= told <= at + 100
    assert check(ops[: at + 1]).verdict == "invalid"
    assert check(ops[:at]).verdict == "valid"


def test_memory_is_flat():
    peaks = []
    ops = long_run(7, 30_000, keys=20, crashes=0)
    for length in (10_000, 30_000):
        tracemalloc.start()
        online = OnlineLinearizability()
        for op in islice(ops, length):
            online.observe(op)
        assert online.verdict() == "valid"
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize("seed", range(12))
def test_an_uncompiled_kernel_says_the_same(seed, monkeypatch):
    ops = (
        drawn(seed)
        if seed % 2
        else long_run(seed, 1500, keys=1 + seed, crashes=0.1, lie_at=seed * 20 or None)
    )
    compiled = OnlineLinearizability()
    monkeypatch.setattr(
        "checkers.linearizability.online.Windows", uncompiled("windows", "pending", "zones", "places").Windows
    )
    plain = OnlineLinearizability()
    for op in ops:
        compiled.observe(op)
        plain.observe(op)
        assert compiled.violated() is plain.violated()
    one, other = compiled.result(), plain.result()
    assert (one.verdict, one.coverage, one.anomalies) == (other.verdict, other.coverage, other.anomalies)


def test_it_knows_a_violation_as_soon_as_its_operations_are_closed():
    bad, good = PAIRS["stale read"]
    for steps, want in ((bad, "invalid"), (good, "valid")):
        online = OnlineLinearizability()
        for op in history(steps):
            assert not online.violated()
            online.observe(op)
        assert online.verdict() == want
        assert online.violated() is (want == "invalid")


def test_it_refuses_what_does_not_pair():
    online = OnlineLinearizability()
    online.observe(Op(0, 0, 1, "invoke", "read"))
    with pytest.raises(MalformedHistoryError, match="still open"):
        online.observe(Op(1, 0, 1, "invoke", "read"))


def test_the_registry_makes_one_for_every_model():
    for name in MODELS:
        online = registry.online("linearizability", {"model": name})
        assert online is not None
        assert online.verdict() == "unknown"
