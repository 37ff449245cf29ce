"""A small interpreter for tests: runs a generator in virtual time against an oracle of completions."""

from __future__ import annotations

from collections.abc import Callable

from checkers.history import Op
from harness.streams import Streams
from workloads.generators import PENDING, Context, Gen

Oracle = Callable[[Op], tuple[int, str, object]]
"""op -> (latency in ns, type, value)"""


def instantly(op: Op) -> tuple[int, str, object]:
    return 10, "ok", op.value


def drive(
    gen: Gen,
    oracle: Oracle = instantly,
    threads: int = 2,
    seed: int = 1,
    ops_max: int = 1000,
    *,
    ask_again: bool = True,
) -> list[Op]:
    """The history. ``ask_again``: answers for the future are dropped when something completes first; else kept."""
    stream = Streams(seed).stream("test")
    all_threads = tuple(range(threads))
    processes = dict(enumerate(all_threads))
    flying: list[tuple[int, int, int, Op]] = []  # (time, order, thread, completion)
    history: list[Op] = []
    now = 0
    kept: Op | None = None

    def context() -> Context:
        busy = [f[2] for f in flying]
        return Context(now, all_threads, tuple(t for t in all_threads if t not in busy), processes, stream)

    while len(history) < ops_max:
        asked = (kept, gen) if kept is not None else gen.op(context())
        if asked is None and not flying:
            return history
        op = asked[0] if asked is not None else PENDING
        due = flying[0][0] if flying else None
        if op is not PENDING and not ask_again:
            kept, gen = op, asked[1]
        if op is not PENDING and (due is None or op.time <= due):
            now, kept = max(now, op.time), None
            gen = asked[1].update(context(), op)
            history.append(op)
            if op.type == "info":
                continue
            thread = next(t for t in all_threads if processes[t] == op.process)
            assert thread not in [f[2] for f in flying], "a thread has one operation at a time"
            latency, kind, value = oracle(op)
            done = Op(-1, now + latency, op.process, kind, op.f, op.key, value, op.node)
            flying.append((done.time, len(history), thread, done))
            flying.sort()
            continue
        assert due is not None, "pending, and nothing in flight that could change it"
        _, _, thread, done = flying.pop(0)
        now = max(now, due)
        if done.type == "info":
            processes[thread] += threads
        history.append(done)
        gen = gen.update(context(), done)
    return history


def invoked(history: list[Op]) -> list[Op]:
    return [op for op in history if op.type == "invoke"]


def values(history: list[Op]) -> list[object]:
    return [op.value for op in invoked(history)]
