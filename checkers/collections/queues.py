"""Queues as bags ("queue", "total-queue"): what comes out must have gone in, and what went in must come out.

``enqueue`` of a value, ``dequeue`` that returns one, ``drain`` that returns the list of all that were left. The
order is the linearizability checker's job (models fifo-queue and others).

| anomaly | meaning |
|---|---|
| unexpected | a value came out that nobody had put in, or whose enqueue had failed or not begun |
| duplicated | a value came out more often than it was put in (not judged with ``at_least_once``) |
| lost | an acknowledged value never came out, though the queue was found empty afterwards (total-queue) |

A queue was found empty by a ``drain``, by a ``dequeue`` that is ok with no value, or by one that failed saying
that it is empty or exhausted. A dequeue whose outcome is unknown may have taken one value: values are lost only where
there are more of them than such dequeues, or where the option ``crashed_take`` is false, as for Jepsen's total-queue:
of queues whose values come again until the client has said that it has them. ``recovered`` counts values that came
out though their enqueue had not been acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Any

import msgspec

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Findings, Running, conclude
from checkers.runs.stats import error_code
from checkers.seen import Seen
from checkers.words import canonical, identity, plural, seconds, who

EMPTY = ("empty", "exhausted")
NO_SUCH_KEY = 20
REMEMBERED = 10_000
"""values of which it is known how they went in, after they came out"""


class _Value(msgspec.Struct, eq=False, gc=False):
    """``put``: the first enqueue, invocation and acknowledgement; ``put_end``: position of the last one's."""

    value: Any
    tries: int = 0
    acknowledged: int = 0
    taken: int = 0
    failed: bool = False
    put: Op | None = None
    put_done: Op | None = None
    put_end: int = -1
    last: tuple[Op, Op] | None = None
    """the dequeue that took it last"""


class _Queue(msgspec.Struct):
    values: dict[Hashable, _Value] = {}
    gone: Seen = msgspec.field(default_factory=Seen)
    """values that were put in once and came out once, a while ago: no more is known of them"""
    waiting: dict[Hashable, _Value] = {}
    """acknowledged, and not come out as often"""
    empty: tuple[int, Op] | None = None
    """of the last operation that found the queue empty: position of its beginning, its completion"""
    crashed: list[int] = []
    """where dequeues began whose outcome is unknown"""
    open: dict[int | str, int] = {}


class Queue(Running):
    """Options: ``at_least_once`` (default false: a value comes out once).

    Memory: values that did not come out, and a set of those that did, as any may come out a second time
    (checkers/seen.py); of one that does so much later, its enqueue is not told.
    """

    name = "queue"
    anomalies: tuple[str, ...] = ("unexpected", "duplicated")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._once = not self.flag("at_least_once", default=False)
        self.queues: dict[Hashable, _Queue] = {}
        self._settled: deque[tuple[_Queue, Hashable]] = deque()
        """values that came out as often as they were put in, the last ones"""
        self._counts = dict.fromkeys(("attempted", "acknowledged", "dequeued", "repeated", "recovered"), 0)

    def _queue(self, op: Op) -> _Queue:
        name = identity(op.key)
        found = self.queues.get(name)
        if found is None:
            found = self.queues[name] = _Queue()
        return found

    @staticmethod
    def _value(queue: _Queue, raw: Any) -> _Value:
        name = identity(raw)
        value = queue.values.get(name)
        if value is None:
            value = queue.values[name] = _Value(raw)
            if name in queue.gone:
                queue.gone.remove(name)
                value.tries = value.acknowledged = value.taken = 1
        return value

    def _settle(self, queue: _Queue, name: Hashable) -> None:
        self._settled.append((queue, name))
        if len(self._settled) <= REMEMBERED:
            return
        queue, name = self._settled.popleft()
        value = queue.values.get(name)
        if value is not None and value.tries == value.acknowledged == value.taken == 1:
            del queue.values[name]
            queue.gone.add(name)

    def began(self, op: Op, position: int) -> None:
        queue = self._queue(op)
        if op.f == "enqueue":
            self._counts["attempted"] += 1
            value = self._value(queue, op.value)
            value.tries += 1
            if value.put is None or value.failed:
                value.put, value.failed = op, False
        elif op.f in ("dequeue", "drain"):
            queue.open[op.process] = position

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        queue = self._queue(invoke)
        if invoke.f == "enqueue":
            self._enqueued(queue, queue.values[identity(invoke.value)], invoke, op, end)
        elif invoke.f in ("dequeue", "drain"):
            del queue.open[op.process]
            if op.type == "info":
                queue.crashed.append(begin)
            elif op.type == "fail":
                if _says_empty(op):
                    queue.empty = begin, op
            else:
                self._dequeued(queue, invoke, begin, op)

    def _enqueued(self, queue: _Queue, value: _Value, invoke: Op, op: Op, end: int) -> None:
        if op.type == "ok":
            self._counts["acknowledged"] += 1
            value.acknowledged += 1
            if value.taken >= value.acknowledged:
                self._counts["recovered"] -= 1
                self._settle(queue, identity(invoke.value))
            else:
                queue.waiting[identity(invoke.value)] = value
            value.put_end = end
            if value.put_done is None:
                value.put_done = op
        elif op.type == "fail":
            value.tries -= 1
            value.failed = value.tries == 0
            if value.last is not None and value.taken > value.tries:
                self._too_often(value, *value.last)

    def _dequeued(self, queue: _Queue, invoke: Op, begin: int, op: Op) -> None:
        if invoke.f == "drain" and not isinstance(op.value, list | tuple):
            raise MalformedHistoryError(f"op {op.index}: a drain returns a list of values, not {op.value!r}")
        values = op.value if invoke.f == "drain" else [op.value]
        if invoke.f == "drain" or op.value is None:
            queue.empty = begin, op
        for raw in values:
            if raw is not None:
                self._took(queue, raw, invoke, op)

    def _took(self, queue: _Queue, raw: Any, invoke: Op, op: Op) -> None:
        self._counts["dequeued"] += 1
        value = self._value(queue, raw)
        value.taken += 1
        value.last = invoke, op
        if value.taken > value.tries:
            self._too_often(value, invoke, op)
        elif value.taken > value.acknowledged:
            self._counts["recovered"] += 1
        if value.taken >= value.acknowledged:
            name = identity(raw)
            queue.waiting.pop(name, None)
            self._settle(queue, name)

    def _too_often(self, value: _Value, invoke: Op, op: Op) -> None:
        shown = canonical(value.value).decode()
        took = f"value {shown} came out to {who(op)} at {seconds(op.time)}"
        if not value.tries:
            if self.found.room("unexpected"):
                why = "the enqueue of it had failed" if value.put is not None else "nobody had put it in"
                ops = [invoke.index, op.index] + ([value.put.index] if value.put is not None else [])
                self.found.keep("unexpected", ops, f"{took}, but {why}", value=value.value)
            return
        self._counts["repeated"] += 1
        if self._once and self.found.room("duplicated"):
            text = f"{took}; that made {plural(value.taken, 'time')}, but it was put in {plural(value.tries, 'time')}"
            ops = [invoke.index, op.index] + ([value.put.index] if value.put is not None else [])
            self.found.keep("duplicated", ops, text, value=value.value)

    # --- the verdict ----------------------------------------------------------------------------------------

    def coverage(self) -> dict[str, Any]:
        return {"queues": len(self.queues), **self._counts}

    def result(self) -> Result:
        unknown = "" if self._counts["dequeued"] else "nothing was dequeued"
        return conclude(self.name, self.anomalies, self.found, self.coverage(), unknown)


class TotalQueue(Queue):
    """Options: ``at_least_once``, as queue's; ``drained`` (default ``auto``: only what was acknowledged before the
    queue was found empty can be lost; true: the history ends with an empty queue); ``crashed_take`` (default true:
    a dequeue of unknown outcome may have taken a value). Jepsen's verdict: ``drained`` true, ``crashed_take`` false,
    ``at_least_once`` true.

    That a value is lost can be taken back: it may come out later. So online it only shows in the verdict.
    """

    name = "total-queue"
    anomalies = ("unexpected", "duplicated", "lost")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._drained = self.options.get("drained", "auto") is not False
        self._at_end = self.options.get("drained", "auto") is True
        self._crashed_take = self.flag("crashed_take", default=True)

    def _missing(self, queue: _Queue) -> tuple[list[_Value], Op | None]:
        """Acknowledged values that must have come out and did not, beyond those a crash may have taken."""
        if self._at_end:
            until, empty = self.position, None
        elif queue.empty is None or not self._drained:
            return [], None
        else:
            until, empty = queue.empty
        taken = len(queue.crashed) + len(queue.open) if self._crashed_take else 0
        missing = [value for value in queue.waiting.values() if value.put_end < until]
        return (missing, empty) if sum(v.acknowledged - v.taken for v in missing) > taken else ([], None)

    def result(self) -> Result:
        found = self.found.copy()
        waiting = 0
        for queue in self.queues.values():
            waiting += len(queue.waiting)
            missing, empty = self._missing(queue)
            for value in missing:
                if found.room("lost"):
                    self._tell(found, value, empty, len(queue.crashed))
        coverage = {**self.coverage(), "not_come_out": waiting}
        unknown = ""
        if not self._counts["acknowledged"] + self._counts["dequeued"]:
            unknown = "nothing was enqueued or dequeued"
        elif waiting and not self._at_end:
            unknown = self._doubt(waiting)
        return conclude(self.name, self.anomalies, found, coverage, unknown)

    def _doubt(self, waiting: int) -> str:
        if any(queue.waiting and queue.empty is None for queue in self.queues.values()):
            return f"{plural(waiting, 'value')} did not come out, and the queue was never found empty"
        after = sum(
            1
            for queue in self.queues.values()
            for value in queue.waiting.values()
            if queue.empty is not None and value.put_end >= queue.empty[0]
        )
        if after:
            return f"{plural(after, 'value')} put in after the queue was last found empty did not come out"
        return f"{plural(waiting, 'value')} did not come out; dequeues of unknown outcome may have taken them"

    def _tell(self, found: Findings, value: _Value, empty: Op | None, crashed: int) -> None:
        done, put = value.put_done, value.put
        assert done is not None
        assert put is not None
        end = (
            "by the end"
            if empty is None
            else f"though {who(empty)} found the queue empty at {seconds(empty.time)}"
        )
        unknown = (
            f"; no more than {plural(crashed, 'value')} can have gone to dequeues of unknown outcome"
            * (bool(crashed) and self._crashed_take)
        )
        shown = canonical(value.value).decode()
        text = f"value {shown}, acknowledged to {who(done)} at {seconds(done.time)}, never came out, {end}{unknown}"
        ops = [put.index, done.index] + ([] if empty is None else [empty.index])
        found.keep("lost", ops, text, value=value.value)


def _says_empty(op: Op) -> bool:
    error = op.error
    texts = error if isinstance(error, list | tuple) else [error]
    return error_code(error) == NO_SUCH_KEY or any(
        isinstance(text, str) and word in text.lower() for text in texts for word in EMPTY
    )
