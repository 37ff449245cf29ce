"""Linearizability against a brute-force twin, pairs of histories one of which must be rejected, and words."""

from __future__ import annotations

from itertools import permutations, product
from random import Random  # noqa: TID251 - seeded, and it decides only which histories are tried

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import MalformedHistoryError, Op
from checkers.linearizability.acts import Act
from checkers.linearizability.checker import Linearizability, check
from checkers.linearizability.online import OnlineLinearizability
from checkers.models import CAS_REGISTER, INCONSISTENT, MODELS, Model, ModelError, freeze, thaw
from checkers.record import Record
from tests.checkers.acts import impossible
from tests.checkers.twins import linearizable

MS = 1_000_000


def history(steps, key=None, process=0, node=None):
    """The ops of twin steps (f, invoked, completed, begin, end): positions become op indexes and milliseconds."""
    events = []
    for i, (f, invoked, completed, begin, end) in enumerate(steps):
        value = list(invoked) if f == "cas" else invoked
        events.append(Op(begin, begin * MS, process + i, "invoke", f, key, value, node))
        if end is not None:
            answer = completed if f == "read" else value
            events.append(Op(end, end * MS, process + i, "ok", f, key, answer, node))
    return sorted(events, key=lambda op: op.index)


def verdict(steps):
    return check(history(steps)).verdict


def expected(steps):
    if not any(end is not None for *_, end in steps):
        return "unknown"
    return "valid" if linearizable(steps) else "invalid"


def intervals(n):
    """Every order of the invocations and completions of n operations, the invocations being in order."""
    for order in sorted(set(permutations([*range(n), *range(n)]))):
        firsts = [order.index(i) for i in range(n)]
        if firsts == sorted(firsts):
            yield [(order.index(i), 2 * n - 1 - order[::-1].index(i)) for i in range(n)]


KINDS = [
    ("read", None, None),
    ("read", None, 1),
    ("write", 1, None),
    ("write", 2, None),
    ("cas", (None, 1), None),
    ("cas", (1, 2), None),
    ("cas", (2, 1), None),
]


def test_agrees_with_brute_force_on_every_history_of_up_to_three_operations():
    seen = {"valid": 0, "invalid": 0, "unknown": 0}
    for n in (1, 2, 3):
        spans = list(intervals(n))
        for kinds in product(KINDS, repeat=n):
            for span in spans:
                for crashed in range(1 << n):
                    steps = [
                        (f, i, c, begin, None if crashed >> k & 1 else end)
                        for k, ((f, i, c), (begin, end)) in enumerate(zip(kinds, span, strict=True))
                    ]
                    want = expected(steps)
                    seen[want] += 1
                    acts = register_acts(steps)
                    assert (not impossible(acts)) == (want != "invalid"), steps
    assert min(seen.values()) > 20


def test_agrees_with_brute_force_on_every_history_of_four_operations_on_two_values():
    kinds = [("read", None, 1), ("write", 1, None), ("write", 2, None), ("cas", (1, 2), None)]
    seen = {"valid": 0, "invalid": 0}
    for chosen in product(kinds, repeat=4):
        for number, span in enumerate(intervals(4)):
            crash = number % 5  # the first, second... or none: brute force is slow
            steps = [
                (f, i, c, begin, None if k == crash else end)
                for k, ((f, i, c), (begin, end)) in enumerate(zip(chosen, span, strict=True))
            ]
            want = expected(steps)
            seen[want] += 1
            assert (not impossible(register_acts(steps))) == (want == "valid"), steps
    assert min(seen.values()) > 1000


def register_acts(steps):
    numbers = {None: 0}
    acts = []
    for f, invoked, completed, begin, end in steps:
        if f == "read" and end is None:
            continue
        need, put = {
            "read": (completed, "keep"),
            "write": ("any", invoked),
            "cas": invoked if f == "cas" else (None, None),
        }[f]
        number = [-1 if v in ("keep", "any") else numbers.setdefault(v, len(numbers)) for v in (need, put)]
        acts.append(Act(number[0], number[1], begin, end))
    return acts


def sampled(random, n, values):
    """A random history: half of it answers as a register would if operations took effect when they began."""
    order = [*range(n), *range(n)]
    random.shuffle(order)
    relabel = {}
    for i in order:
        relabel.setdefault(i, len(relabel))
    order = [relabel[i] for i in order]
    honest = random.random() < 0.6
    state = None
    steps = []
    for i in range(n):
        begin, end = order.index(i), 2 * n - 1 - order[::-1].index(i)
        f = random.choice(["read", "read", "write", "write", "cas"])
        crashed = random.random() < 0.25
        value = random.randrange(values)
        if f == "read":
            steps.append((f, None, state if honest else random.choice([None, *range(values)]), begin, end))
        elif f == "write":
            steps.append((f, value, None, begin, end))
            state = value
        else:
            old = state if honest else random.choice([None, *range(values)])
            steps.append((f, (old, value), None, begin, end))
            state = value
        if crashed:
            steps[-1] = (*steps[-1][:4], None)
    return steps


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_brute_force_on_sampled_histories_batch_online_and_for_any_model(seed):
    random = Random(seed)
    seen = {"valid": 0, "invalid": 0, "unknown": 0}
    plain = Model("plain", None, CAS_REGISTER.step, CAS_REGISTER.reads)
    for _ in range(150):
        steps = sampled(random, random.randint(4, 6), random.randint(1, 4))
        want = expected(steps)
        seen[want] += 1
        ops = history(steps)
        result = check(ops)
        assert result.verdict == want, steps
        assert check(ops, plain).verdict == want, steps
        online = OnlineLinearizability()
        for op in ops:
            online.observe(op)
        assert online.verdict() == want, steps
        if want == "invalid":
            assert_window_is_impossible(ops, result.anomalies[0])
            online_plain = OnlineLinearizability({"model": plain})
            positions = [op.index for op in ops if _invalid_after(online_plain, op)]
            assert positions[0] == result.anomalies[0].data["first_impossible"], steps
    assert seen["valid"] > 20
    assert seen["invalid"] > 20


def _invalid_after(online, op):
    online.observe(op)
    return online.verdict() == "invalid"


def assert_window_is_impossible(ops, anomaly):
    """What the anomaly names is impossible by itself, if completions it does not name are unknown outcomes."""
    named = set(anomaly.op_indexes)
    assert named <= {op.index for op in ops}
    assert check([op for op in ops if op.index in named]).verdict == "invalid"
    assert anomaly.data["op"] in named
    assert anomaly.data["window"] == [min(named), max(named)]


def simulated(random, n, processes, values, lies, crashes=0.1):
    """A real register: operations take effect once within their interval; some answers are then falsified."""
    clocks = [0.0] * processes
    moments = []
    for i in range(n):
        p = min(range(processes), key=clocks.__getitem__)
        begin = clocks[p] + random.random()
        point = begin + random.random()
        end = point + random.random()
        crashed = random.random() < crashes
        clocks[p] = end + (2 if crashed else 0)
        moments.append((begin, point + (random.random() * 9 if crashed else 0), None if crashed else end, i))
    state = None
    deeds = {}
    for _, _, _, i in sorted(moments, key=lambda m: m[1]):
        f = random.choice(["read", "read", "write", "cas"])
        if f == "read":
            deeds[i] = (f, None, state)
        else:
            value = random.randrange(values)
            deeds[i] = (f, value, None) if f == "write" else (f, (state, value), None)
            state = value
    times = sorted([m[0] for m in moments] + [m[2] for m in moments if m[2] is not None])
    place = {time: k for k, time in enumerate(times)}
    steps = [[*deeds[i], place[b], None if e is None else place[e]] for b, _, e, i in sorted(moments)]
    reads = [s for s in steps if s[0] == "read"]
    for _ in range(lies):
        if reads:
            random.choice(reads)[2] = random.choice([s[1] for s in steps if s[0] == "write"] or [None])
    return [tuple(s) for s in steps]


@pytest.mark.parametrize("seed", range(3))
def test_decides_long_histories_with_few_values_and_many_crashes(seed):
    steps = simulated(Random(seed), 300, 6, values=4, lies=0, crashes=0.08)
    assert verdict(steps) == "valid"
    last = max(s[4] for s in steps if s[4] is not None)
    assert verdict([*steps, ("read", None, 77, last + 1, last + 2)]) == "invalid"


PAIRS = {
    "stale read": (
        [("write", 1, None, 0, 1), ("write", 2, None, 2, 3), ("read", None, 1, 4, 5)],
        [("write", 1, None, 0, 1), ("write", 2, None, 2, 5), ("read", None, 1, 3, 4)],
    ),
    "lost acknowledged write": (
        [("write", 1, None, 0, 1), ("read", None, None, 2, 3)],
        [("write", 1, None, 0, None), ("read", None, None, 2, 3)],
    ),
    "value from nowhere": (
        [("write", 1, None, 0, 1), ("read", None, 2, 2, 3)],
        [("write", 2, None, 0, 1), ("read", None, 2, 2, 3)],
    ),
    "value from the future": (
        [("read", None, 2, 0, 1), ("write", 2, None, 2, 3)],
        [("read", None, 2, 0, 2), ("write", 2, None, 1, 3)],
    ),
    "a value that came back": (
        [
            ("write", 1, None, 0, 1),
            ("write", 2, None, 2, 3),
            ("read", None, 2, 4, 5),
            ("read", None, 1, 6, 7),
        ],
        [
            ("write", 1, None, 0, 1),
            ("write", 2, None, 2, 3),
            ("read", None, 2, 4, 5),
            ("read", None, 2, 6, 7),
        ],
    ),
    "a crashed write applied twice": (
        [
            ("write", 1, None, 0, None),
            ("read", None, 1, 1, 2),
            ("write", 2, None, 3, 4),
            ("read", None, 1, 5, 6),
        ],
        [
            ("write", 1, None, 0, None),
            ("read", None, None, 1, 2),
            ("write", 2, None, 3, 4),
            ("read", None, 1, 5, 6),
        ],
    ),
    "cas of an overwritten value": (
        [("write", 1, None, 0, 1), ("write", 2, None, 2, 3), ("cas", (1, 3), None, 4, 5)],
        [("write", 1, None, 0, 1), ("write", 2, None, 2, 3), ("cas", (2, 3), None, 4, 5)],
    ),
    "two cas of one value": (
        [("write", 1, None, 0, 1), ("cas", (1, 2), None, 2, 4), ("cas", (1, 3), None, 3, 5)],
        [("write", 1, None, 0, 1), ("cas", (1, 2), None, 2, 4), ("cas", (2, 3), None, 3, 5)],
    ),
    "new value then old value by two readers": (
        [("write", 1, None, 0, 5), ("read", None, 1, 1, 2), ("read", None, None, 3, 4)],
        [("write", 1, None, 0, 5), ("read", None, None, 1, 2), ("read", None, 1, 3, 4)],
    ),
}

KIND = {
    "stale read": "lost write",
    "lost acknowledged write": "lost write",
    "value from nowhere": "value never written",
    "value from the future": "value read before it was written",
    "a value that came back": "stale read",
    "a crashed write applied twice": "lost write",
    "cas of an overwritten value": "compare-and-set that cannot have succeeded",
    "two cas of one value": "two compare-and-sets of one value",
    "new value then old value by two readers": "stale read",
}


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


def test_nothing_checked_is_unknown():
    assert check([]).verdict == "unknown"
    assert "nothing was checked" in check([]).why
    assert check(history([("write", 1, None, 0, 1)])).why == ""


def test_where_clients_did_nothing_there_is_nothing_to_contradict():
    """As Knossos has it of a file in which only the nemesis acts."""
    nemesis = [Op(0, 0, "nemesis", "info", "partition", None, {"fault": 0})]
    batch = check(nemesis)
    assert (batch.verdict, batch.why) == ("valid", "nothing to contradict: clients did nothing")
    online = OnlineLinearizability()
    assert online.verdict() == "unknown"
    online.observe_all(nemesis)
    assert (online.result().verdict, online.result().why) == (batch.verdict, batch.why)


def test_what_never_succeeded_contradicts_nothing():
    """As Knossos has it: a crashed or a failed operation need not have happened."""
    crashed = check(history([("write", 1, None, 0, None)]))
    assert (crashed.verdict, crashed.coverage["operations"]) == ("valid", 0)
    assert "no operation succeeded" in crashed.why
    failed = check([Op(0, 0, 1, "invoke", "write", None, 1), Op(1, 1, 1, "fail", "write", None, 1)])
    assert (failed.verdict, failed.why) == (crashed.verdict, crashed.why)


def test_nemesis_ops_are_passed_over():
    bad, good = PAIRS["stale read"]
    for steps, want in ((bad, "invalid"), (good, "valid")):
        ops = history(steps)
        ops.insert(2, Op(99, 0, "nemesis", "info", "kill", None, {"fault": 0, "phase": "start"}))
        assert check(ops).verdict == want


def test_a_spent_budget_is_unknown_and_says_which_and_how_far():
    random = Random(1)
    ops = history(simulated(random, 3000, 8, values=6, lies=0, crashes=0))
    result = Linearizability(budget_s=0.0).check(Record(ops))
    assert result.verdict == "unknown"
    assert "time budget" in result.why
    assert result.proved_prefix is not None
    assert result.proved_prefix < len(ops)
    result = Linearizability().check(Record(ops, options={"budget_mb": 0.0001}))
    assert result.verdict == "unknown"
    assert "memory budget" in result.why


@pytest.mark.parametrize(
    ("ops", "words"),
    [
        ([Op(0, 0, 1, "ok", "read", None, 1)], "had not invoked"),
        ([Op(0, 0, 1, "invoke", "read"), Op(1, 0, 1, "invoke", "read")], "still open"),
        ([Op(0, 0, 1, "invoke", "read"), Op(1, 0, 1, "ok", "write", None, 1)], "completes write"),
        ([Op(0, 0, 1, "invoke", "read", 1), Op(1, 0, 1, "ok", "read", 2, 1)], "of key 2"),
        ([Op(0, 0, 1, "invoke", "push", None, 1), Op(1, 0, 1, "ok", "push", None, 1)], "no operation 'push'"),
        ([Op(0, 0, 1, "invoke", "cas", None, 1), Op(1, 0, 1, "ok", "cas", None, 1)], "[from, to]"),
    ],
)
def test_a_history_that_makes_no_sense_is_refused_in_one_line(ops, words):
    with pytest.raises((MalformedHistoryError, ModelError)) as e:
        check(ops)
    assert words in str(e.value)
    assert "\n" not in str(e.value)


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(ModelError, match="did you mean 'cas-register'"):
        Linearizability("cas-registre")
    with pytest.raises(ModelError, match="nonsense"):
        Linearizability().check(Record([], options={"model": "nonsense"}))


def test_the_model_of_the_record_is_used():
    ops = history([("write", 1, None, 0, 1), ("cas", (1, 2), None, 2, 3)])
    assert Linearizability().check(Record(ops)).verdict == "valid"
    with pytest.raises(ModelError, match="the model register has no operation 'cas'"):
        Linearizability().check(Record(ops, options={"model": "register"}))


def test_true_is_not_one():
    assert verdict([("write", 1, None, 0, 1), ("read", None, 1, 2, 3)]) == "valid"
    assert verdict([("write", 1, None, 0, 1), ("read", None, True, 2, 3)]) == "invalid"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
def test_values_thaw_to_what_was_frozen(value):
    hash(freeze(value))
    assert thaw(freeze(value)) == value


def counter_step(state, f, invoked, completed, known):
    if f == "increment":
        return state + invoked
    return state if completed == state or not known else INCONSISTENT


def test_a_model_of_ones_own():
    counter = Model("my-counter", 0, counter_step, frozenset({"get"}))
    ops = [
        Op(0, 0, 0, "invoke", "increment", None, 2),
        Op(1, 1, 1, "invoke", "increment", None, 3),
        Op(2, 2, 0, "ok", "increment", None, 2),
        Op(3, 3, 2, "invoke", "get"),
        Op(4, 4, 2, "ok", "get", None, 5),
    ]
    assert check(ops, counter).verdict == "valid"
    ops[4].value = 2
    assert check(ops, counter).verdict == "valid"  # the second increment is still open
    ops[4].value = 3
    result = check(ops, counter)
    assert result.verdict == "invalid"
    assert result.anomalies[0].data["op"] == 4
    assert "No order" in result.anomalies[0].explanation
    assert "my-counter" not in MODELS


def test_results_do_not_depend_on_the_order_of_keys_or_repetition():
    ops = history(simulated(Random(3), 200, 5, values=1000, lies=3))
    first, second = check(ops), check(list(ops))
    first.cost = second.cost = None
    assert first.verdict == "invalid"
    assert first == second
