"""A look at what is remembered of some keys while a run goes on: the batch's engine for unique values judges it."""

from __future__ import annotations

import numpy as np

from checkers.columns import Column, History, Int64
from checkers.linearizability import zones
from checkers.linearizability.engines import DECLINED, INVALID
from checkers.linearizability.explain import explain
from checkers.linearizability.objects import grouped, key_codes
from checkers.linearizability.tell import Teller, told_operation
from checkers.models import Model
from checkers.operations import Pairs
from checkers.result import Anomaly

FORGETFUL = " (Told from what was still remembered: what nothing could see any more had been forgotten.)"

UNWRITTEN = ("value never written", "value read before it was written", "failed write took effect")
"""kinds that a window cannot tell from a value that was written and forgotten"""
GONE = "value that could not be seen any more"


def taken(history: History, positions: Int64) -> History:
    """Some ops of a history, with all that its values refer to."""

    def of(column: Column) -> Column:
        return Column(column.kind[positions], column.word[positions])

    return History(
        index=history.index[positions],
        time=history.time[positions],
        process=history.process[positions],
        type=history.type[positions],
        f=history.f[positions],
        node=history.node[positions],
        key=of(history.key),
        value=of(history.value),
        error=of(history.error),
        pool=history.pool,
        fs=history.fs,
        names=history.names,
        strings=history.strings,
        others=history.others,
    )


class Look:
    """Windows and what has come since, judged by zones. What is open counts as crashed."""

    def __init__(self, history: History, model: Model, pairs: Pairs) -> None:
        self.history = history
        self.pairs = pairs
        self.model = model
        self.objects, _ = grouped(history, model, pairs)
        self.case, self.scan, self._decisions = zones.judged(self.objects)
        status = self._decisions.status
        self.invalid: list[int] = np.flatnonzero(status == INVALID).tolist()
        first = self.objects.begin[self.objects.start[:-1]]
        self.declined: list[int] = first[status == DECLINED].tolist()
        """the position of the first operation of each declined key"""

    def kept(self) -> tuple[Int64, Int64]:
        """Positions of ops that can still matter: of open operations, and of those that ``retain`` names; and apart
        from them those of crashed operations that nobody has seen, each invocation before its completion.
        """
        history, objects = self.history, self.objects
        opened = self.pairs.begin[self.pairs.end < 0]
        limit = np.full(objects.keys, len(history), np.int64)
        codes, _ = key_codes(history, np.concatenate((objects.begin[objects.start[:-1]], opened)))
        of = codes[objects.keys :]
        known = of < objects.keys
        np.minimum.at(limit, of[known], opened[known])
        keep = zones.retained(self.case, self.scan, limit) != 0
        # of operations alone; the kernel has places for the initial values behind them
        unseen = keep & (self.scan.block[: len(keep)] < 0) & (objects.done >= 0) & (self.case.put >= 0)
        done = objects.done[keep & ~unseen]
        kept = np.unique(np.concatenate((opened, objects.begin[keep & ~unseen], done[done >= 0])))
        return kept, np.stack((objects.begin[unseen], objects.done[unseen]), 1).ravel()

    def told(self, number: int) -> Anomaly:
        position = int(self._decisions.position[number])
        objects = self.objects.only(number)
        anomaly = explain(objects, self.model, zones.ENGINE, position)
        if anomaly.data["kind"] in UNWRITTEN:
            index = anomaly.data["op"]
            done = np.flatnonzero((objects.done >= 0) & (self.history.index[objects.done] == index))
            operation = told_operation(objects, int(done[0]))
            anomaly.data["kind"] = GONE
            anomaly.op_indexes = operation.indexes
            anomaly.explanation = (
                f"{Teller(objects.key(0), [operation]).sentence(operation)} Nothing that happened before can have "
                "been seen by then as this: either no operation ever put that value there, or it had certainly been "
                "replaced before this operation began."
            )
        anomaly.explanation += FORGETFUL
        return anomaly
