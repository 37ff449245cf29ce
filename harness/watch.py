"""The run's ops are judged as they come, and the first violation ends its main phase.

``Watch`` stands between the ledger and the recorder: nothing is observed that was not recorded. What it ends is the
generator's and the schedule's work; healing, the quiet period and the final reads follow as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from checkers import registry
from checkers.history import Op
from checkers.online import Online
from checkers.result import Result
from harness.errors import HarnessError, one_line
from harness.ledger import Sink
from harness.runtime import Mailbox, Runtime
from workloads.generators import Context, Gen


class Stop(msgspec.Struct, frozen=True):
    """The op at which a violation was seen (``Op.index``), and the checker that saw it."""

    op: int
    checker: str


def judges_of(names: Sequence[str], options: Mapping[str, Any]) -> list[Online]:
    """The online form of the checkers that have one. What one of them cannot judge the batch will say."""
    found = []
    for name in names:
        try:
            judge = registry.online(name, options)
        except ValueError:
            continue
        if judge is not None:
            found.append(judge)
    return found


class Watch:
    """``stop`` is None until a judge has seen a violation; without judges it only passes ops on."""

    def __init__(self, sink: Sink, judges: Sequence[Online]) -> None:
        self._sink = sink
        self._judges = list(judges)
        self._waiting: list[Mailbox] = []
        self.stop: Stop | None = None

    def record(self, op: Op) -> Op:
        recorded = self._sink.record(op)
        if self._judges and self.stop is None:
            self._observe(recorded)
        return recorded

    def _observe(self, op: Op) -> None:
        for judge in list(self._judges):
            try:
                judge.observe(op)
                violated = judge.violated()
            except ValueError:
                self._judges.remove(judge)
            except Exception as e:
                raise HarnessError(f"checker {judge.name}: {type(e).__name__}: {one_line(str(e))}") from e
            else:
                if violated and self.stop is None:
                    self.stop = Stop(op.index, judge.name)
        if self.stop is not None:
            for mailbox in self._waiting:
                mailbox.put(None)

    def over(self) -> bool:
        return self.stop is not None

    async def sleep_until(self, runtime: Runtime, time_ns: int) -> None:
        """Until then, or until a violation was seen."""
        if self._judges:
            await self.receive(runtime, runtime.mailbox(), time_ns)
        else:
            await runtime.sleep_until(time_ns)

    async def receive(self, runtime: Runtime, mailbox: Mailbox, deadline_ns: int) -> Any:
        """The next item, or None when the deadline passes or a violation was seen first."""
        if self.over():
            return None
        self._waiting.append(mailbox)
        item = await runtime.receive(mailbox, deadline_ns)
        self._waiting.remove(mailbox)
        return item

    def discrepancy(self, results: Sequence[Result]) -> str:
        """A violation that was seen on the way and is not there in the end: one line, or nothing."""
        stop = self.stop
        if stop is None or any(r.checker == stop.checker and r.verdict == "invalid" for r in results):
            return ""
        return f"{stop.checker} saw a violation at op {stop.op}, and none in the whole history"


class Until(msgspec.Struct, frozen=True):
    """What ``gen`` gives, until ``over()``."""

    over: Callable[[], bool]
    gen: Gen

    def op(self, ctx: Context) -> Any:
        if self.over():
            return None
        answer = self.gen.op(ctx)
        return None if answer is None else (answer[0], Until(self.over, answer[1]))

    def update(self, ctx: Context, op: Op) -> Gen:
        return Until(self.over, self.gen.update(ctx, op))
