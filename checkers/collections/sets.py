"""Sets and broadcasts ("set-full"), after Jepsen's checker of that name.

An element is *known* from the first moment at which it certainly is in the set: when its ``add`` (or
``broadcast``) was acknowledged, or when the first read that has it returned. A read invoked later must have
it, if the set is linearizable; if it is eventual, only the final reads must. Per element:

| outcome | meaning |
|---|---|
| stable | the reads invoked last have it; *stale* when one invoked after it was known had not |
| lost | known, and missing from what was read last |
| resurrected | ``remove``d, not added again, and read all the same (of an eventual set: in the final reads) |
| never-read | not known, or nothing was read afterwards |
| unexpected | read, though no add that may have happened had begun |
| duplicated | twice in one read |

``visible_after_ms`` are quantiles of the time from known to the last read that had not the element. How elements that
are removed are judged: checkers/collections/set_elements.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from checkers.collections.set_columns import judge
from checkers.collections.set_elements import NEVER, Elements, Read, names_of
from checkers.collections.set_tally import ADDS, ANOMALIES, REMOVES, Tally
from checkers.columns import History, columnar
from checkers.faults import FINAL, PHASE
from checkers.history import Op
from checkers.operations import Operation
from checkers.record import Record
from checkers.result import Result
from checkers.running import ColumnsFirst
from checkers.words import canonical, identity

BIG = 3000
"""ops from which a history is judged in columns"""
SETTLED = 5000
"""elements of which is known how they came, at least"""
REMEMBERED = 10_000
"""ops after which it may be forgotten"""


class OnlineSetFull(ColumnsFirst):
    """Options as SetFull's. Memory: the names of elements, as any may be read again, and what the last reads of each
    node had beside those that all have; more of the last elements, and of those that are not read; where elements are
    removed, all reads since.

    ``violated``: what nothing to come can undo: an unexpected or duplicated element; of a linearizable set also a
    read that lacks what was known when it began. The rest shows in the verdict.
    """

    name = "set-full"
    anomalies = ANOMALIES

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._linearizable = self.flag("linearizable", default=False)
        self._sets: dict[Hashable, tuple[bytes, Elements]] = {}
        self._pending: dict[int | str, Operation] = {}
        self._final_at = NEVER
        self._violated = False
        self._unsettled = 0
        self._settle_at = SETTLED

    def disturbed(self, op: Op, position: int) -> None:
        if op.f == PHASE and isinstance(op.value, dict) and op.value.get("name") == FINAL:
            self._final_at = min(self._final_at, position)

    def _set(self, op: Op) -> Elements:
        name = identity(op.key)
        found = self._sets.get(name)
        if found is None:
            found = self._sets[name] = canonical(op.key), Elements(linearizable=self._linearizable)
        return found[1]

    def began(self, op: Op, position: int) -> None:
        if op.f in ADDS or op.f in REMOVES:
            operation = self._pending[op.process] = Operation(op, position)
            put = self._set(op)
            put.add(operation) if op.f in ADDS else put.remove(operation)
            self._unsettled += 1
            if self._unsettled >= self._settle_at:
                self._settle()
        elif op.f == "read":
            self._set(op)

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        operation = self._pending.pop(op.process, None)
        if operation is not None:
            operation.completion, operation.end = op, end
            where = self._set(invoke)
            if op.type == "ok" and invoke.f in ADDS:
                where.added(operation)
            elif op.type == "fail":
                self._violated = self._violated or where.failed(operation)
        elif op.type == "ok" and invoke.f == "read":
            where, names = self._set(invoke), names_of(op)
            read = Read(invoke, op, begin, end, set(names))
            lacks = where.read(read, names, final=begin > self._final_at)
            self._violated = self._violated or lacks or where.spoilt

    def _settle(self) -> None:
        """Now and then, so that it costs little an op."""
        if self._final_at == NEVER:
            oldest = min(begin for _, begin in self._open.values())
            horizon = min(oldest, self.position - REMEMBERED)
            self._unsettled = sum(part.settle(horizon) for _, part in self._sets.values())
        self._settle_at = 2 * self._unsettled + len(self._sets) + SETTLED

    def violated(self) -> bool:
        return self._violated

    def judged(self, history: History) -> Result:
        return judge(history, linearizable=self._linearizable)

    def told(self) -> Result:
        tally = Tally(linearizable=self._linearizable, final=self._final_at != NEVER)
        for key, part in sorted(self._sets.values(), key=lambda found: found[0]):
            tally.take(key, part)
        return tally.result(self.name)


class SetFull:
    """Options: ``linearizable`` (default false: eventual, as Maelstrom's broadcast and g-set are)."""

    name = "set-full"
    anomalies = ANOMALIES

    def check(self, record: Record) -> Result:
        online = OnlineSetFull(record.options)
        if len(record.history) < BIG:
            online.observe_all(record.history)
            return online.result()
        return judge(columnar(record.history), linearizable=online.flag("linearizable", default=False))
