"""A look at what is remembered of some keys while a run goes on: the batch's engine for unique values judges it."""

from __future__ import annotations

import numpy as np

from checkers.columns import History
from checkers.linearizability import zones
from checkers.linearizability.engines import INVALID
from checkers.linearizability.explain import explain
from checkers.linearizability.objects import grouped
from checkers.linearizability.tell import Teller, told_operation
from checkers.models import Model
from checkers.operations import Pairs
from checkers.result import Anomaly

FORGETFUL = " (Told from what was still remembered: what nothing could see any more had been forgotten.)"

UNWRITTEN = ("value never written", "value read before it was written", "failed write took effect")
"""kinds that a window cannot tell from a value that was written and forgotten"""
GONE = "value that could not be seen any more"


class Look:
    """Windows and what has come since, judged by zones. What is open counts as crashed."""

    def __init__(self, history: History, model: Model, pairs: Pairs) -> None:
        self.history = history
        self.pairs = pairs
        self.model = model
        self.objects, _ = grouped(history, model, pairs)
        _, _, self._decisions = zones.judged(self.objects)
        self.invalid: list[int] = np.flatnonzero(self._decisions.status == INVALID).tolist()

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
