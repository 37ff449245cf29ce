"""Random histories for checkers of one kind each: concurrent, with failures and crashes, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from checkers.history import NEMESIS, Op

Spec = tuple[str, Any, Any]


class Draw:
    """Small random choices."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def below(self, n: int) -> int:
        return int(self._rng.integers(n))

    def one(self, *items: Any) -> Any:
        return items[self.below(len(items))]

    def some(self, items: list[Any]) -> list[Any]:
        return [item for item in items if self.below(3)]

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent


class World:
    """What a correct system would hold: one state, changed when an operation completes."""

    def __init__(self, draw: Draw, wrong: int) -> None:
        self.draw = draw
        self.wrong = wrong
        self.fresh = 0
        self.values: dict[Any, Any] = {}
        self.items: list[Any] = []
        self.past: list[tuple[Any, Any]] = []

    def new(self) -> int:
        self.fresh += 1
        return self.fresh


Invoke = Callable[[World], Spec]
Complete = Callable[[World, Op], Any]


def scramble(
    kind: str, seed: int, length: int, processes: int = 3, wrong: int = 15, final: bool = True
) -> list[Op]:
    """``length`` ops of a workload, of which ``wrong`` percent of the answers are made up."""
    invoke, complete = KINDS[kind]
    draw = Draw(seed)
    world = World(draw, wrong)
    names = list(range(processes))
    open_ops: dict[int, Op] = {}
    ops: list[Op] = []
    final_at = length * 2 // 3 if final else -1
    while len(ops) < length:
        at = len(ops)
        if at == final_at:
            ops.append(Op(at, at * 1000, NEMESIS, "info", "phase", value={"name": "final"}))
            continue
        slot = draw.below(processes)
        process = names[slot]
        node = f"n{slot}"
        if process not in open_ops:
            f, key, value = invoke(world)
            ops.append(Op(at, at * 1000, process, "invoke", f, key, value, node))
            open_ops[process] = ops[-1]
            continue
        op = open_ops.pop(process)
        outcome = draw.one(*["ok"] * 8, "fail", "info")
        value = op.value
        if draw.chance({"ok": 100, "info": 50, "fail": wrong}[outcome]):
            made_up = draw.chance(wrong)
            answer = complete(world, op)
            if outcome == "ok":
                value = fudge(world, op, answer) if made_up else answer
        ops.append(Op(at, at * 1000, process, outcome, op.f, op.key, value, node))
        if outcome == "info":
            names[slot] = max(names) + processes
    return ops


def fudge(world: World, op: Op, answer: Any) -> Any:
    """Another answer of the same form."""
    draw = world.draw
    past = [value for key, value in world.past if key == op.key]
    if op.f == "read" and past:
        return draw.one(None, *past)
    if isinstance(answer, bool) or answer is None:
        return draw.below(4)
    if isinstance(answer, int):
        return max(0, answer + draw.one(-2, -1, 1, 2)) if op.f != "write" else answer
    if isinstance(answer, dict):
        return {k: (v + draw.below(2) if isinstance(v, int) else v) for k, v in answer.items()}
    if isinstance(answer, list) and answer and isinstance(answer[0], list):
        return [[m[0], m[1], draw.one(None, m[2], 1)] if m[0] == "r" else m for m in answer]
    if isinstance(answer, list):
        return [*draw.some(answer), *([draw.below(6)] if draw.chance(30) else [])]
    return answer


# --- kinds: what is invoked, and what a correct system answers ------------------------------------------------


def _bank(w: World) -> Spec:
    if w.draw.chance(50):
        return "read", None, None
    return (
        "transfer",
        None,
        {"from": w.draw.one("a", "b"), "to": w.draw.one("a", "b"), "amount": w.draw.below(4)},
    )


def _bank_ok(w: World, op: Op) -> Any:
    held = w.values or {"a": 5, "b": 5}
    if op.f == "transfer":
        moved = dict(held)
        moved[op.value["from"]] -= op.value["amount"]
        moved[op.value["to"]] += op.value["amount"]
        w.values = moved
        return op.value
    return dict(held)


def _register(w: World) -> Spec:
    key = w.draw.one("x", "y")
    if w.draw.chance(10):
        return "cas", key, [w.values.get(key), w.new()]
    return ("read", key, None) if w.draw.chance(50) else ("write", key, w.new())


def _register_ok(w: World, op: Op) -> Any:
    if op.f == "read":
        return w.values.get(op.key)
    w.values[op.key] = op.value[1] if op.f == "cas" else op.value
    w.past.append((op.key, w.values[op.key]))
    return op.value


def _list(w: World) -> Spec:
    return ("read", "l", None) if w.draw.chance(50) else ("append", "l", w.new())


def _list_ok(w: World, op: Op) -> Any:
    if op.f == "append":
        w.items.append(op.value)
        return op.value
    return w.items[: len(w.items) - w.draw.one(0, 0, 0, 1)]


def _set(w: World) -> Spec:
    kind = w.draw.below(10)
    if kind < 5:
        return "read", None, None
    if kind < 7 and w.items:
        return "remove", None, w.draw.one(*w.items)
    return "add", None, w.new() if w.draw.chance(90) else max(1, w.fresh)


def _g_set(w: World) -> Spec:
    return (
        ("read", None, None)
        if w.draw.chance(50)
        else ("add", None, w.new() if w.draw.chance(90) else max(1, w.fresh))
    )


def _set_ok(w: World, op: Op) -> Any:
    if op.f == "read":
        return list(w.items)
    if op.f == "add" and op.value not in w.items:
        w.items = [*w.items, op.value]
    elif op.f == "remove":
        w.items = [i for i in w.items if i != op.value]
    return op.value


def _writes(w: World) -> Spec:
    return ("read", None, None) if w.draw.chance(40) else ("write", None, w.new())


def _writes_ok(w: World, op: Op) -> Any:
    if op.f == "write":
        w.items = [*w.items, op.value]
        return op.value
    return list(w.items)


def _counter(w: World) -> Spec:
    return ("read", None, None) if w.draw.chance(50) else ("add", None, w.draw.one(1, 2, 5, -3))


def _counter_ok(w: World, op: Op) -> Any:
    if op.f == "add":
        w.values[0] = w.values.get(0, 0) + op.value
        return op.value
    return w.values.get(0, 0)


def _queue(w: World) -> Spec:
    if w.draw.chance(5):
        return "drain", None, None
    return ("dequeue", None, None) if w.draw.chance(50) else ("enqueue", None, w.new())


def _queue_ok(w: World, op: Op) -> Any:
    if op.f == "enqueue":
        w.items = [*w.items, op.value]
        return op.value
    if op.f == "drain":
        items, w.items = w.items, []
        return items
    if not w.items:
        return None
    first, w.items = w.items[0], w.items[1:]
    return first


def _lock(w: World) -> Spec:
    return w.draw.one(
        ("acquire", "l", None), ("release", "l", None), ("write", "l", {"token": w.draw.below(4)})
    )


def _lock_ok(w: World, op: Op) -> Any:
    return w.new() if op.f == "acquire" else op.value


def _fork(w: World) -> Spec:
    if w.draw.chance(50):
        group = 2 * w.draw.below(max(1, (w.fresh + 1) // 2 + 1))
        return "read", None, [["r", group, None], ["r", group + 1, None]]
    return "write", None, [["w", w.new() - 1, 1]]


def _fork_ok(w: World, op: Op) -> Any:
    if op.f == "write":
        w.values[op.value[0][1]] = op.value[0][2]
        return op.value
    return [["r", k, w.values.get(k)] for _, k, _ in op.value]


def _insert(w: World) -> Spec:
    return "insert", w.draw.below(8), [w.new(), None]


def _causal_register(w: World) -> Spec:
    return w.draw.one(("read", "x", None), ("write", "x", w.values.get("x", 0) + 1))


def _kafka(w: World) -> Spec:
    kind = w.draw.below(20)
    key = w.draw.one("k", "q")
    if kind < 8:
        return "send", None, [["send", key, w.new()]]
    if kind < 15:
        return "poll", None, [["poll"]]
    if kind < 17:
        return "txn", None, [["send", key, w.new()], ["poll"], ["send", key, w.new()], ["poll"]]
    if kind < 18:
        return "commit", None, {key: w.draw.below(4)}
    if kind < 19:
        return "committed", None, None
    return w.draw.one("assign", "subscribe"), None, ["k", "q"]


def _kafka_ok(w: World, op: Op) -> Any:
    if op.f in ("assign", "subscribe"):
        w.values["at", op.process] = {}
        return op.value
    if op.f == "commit":
        for key, offset in op.value.items():
            w.values["committed", key] = max(offset, w.values.get(("committed", key), 0))
        return op.value
    if op.f == "committed":
        return {k: w.values["committed", k] for k in ("k", "q") if ("committed", k) in w.values}
    return [_kafka_micro(w, op, micro) for micro in op.value]


def _kafka_micro(w: World, op: Op, micro: list[Any]) -> list[Any]:
    if micro[0] == "send":
        log = w.values.setdefault(("log", micro[1]), [])
        log.append(micro[2])
        return ["send", micro[1], [len(log) - 1 + w.draw.chance(w.wrong), micro[2]]]
    got = {}
    at = w.values.setdefault(("at", op.process), {})
    for key in ("k", "q"):
        log, start = w.values.get(("log", key), []), at.get(key, 0)
        end = min(len(log), start + w.draw.below(3))
        skip = int(w.draw.chance(w.wrong // 3))
        got[key] = [[i, log[i]] for i in range(start + skip, end)]
        at[key] = max(0, end - w.draw.chance(w.wrong // 3))
    return ["poll", got]


KINDS: dict[str, tuple[Invoke, Complete]] = {
    "bank": (_bank, _bank_ok),
    "register": (_register, _register_ok),
    "list": (_list, _list_ok),
    "set": (_set, _set_ok),
    "g-set": (_g_set, _set_ok),
    "writes": (_writes, _writes_ok),
    "counter": (_counter, _counter_ok),
    "queue": (_queue, _queue_ok),
    "lock": (_lock, _lock_ok),
    "fork": (_fork, _fork_ok),
    "ids": (lambda _: ("generate", None, None), lambda w, _: w.new()),
    "insert": (_insert, lambda _, op: op.value),
    "causal-register": (_causal_register, _register_ok),
    "kafka": (_kafka, _kafka_ok),
}
