"""Histories of one register as steps, drawn, simulated or chosen; and pairs of which one must be rejected."""

from __future__ import annotations

from itertools import permutations

from checkers.history import Op
from checkers.linearizability.acts import Act
from checkers.linearizability.checker import check

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


def intervals(n):
    """Every order of the invocations and completions of n operations, the invocations being in order."""
    for order in sorted(set(permutations([*range(n), *range(n)]))):
        firsts = [order.index(i) for i in range(n)]
        if firsts == sorted(firsts):
            yield [(order.index(i), 2 * n - 1 - order[::-1].index(i)) for i in range(n)]


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
