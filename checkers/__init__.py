"""Checkers: a history in, a verdict out. Usable alone; nothing here imports the rest of the project.

    from checkers import check
    result = check("history.jsonl", checker="linearizability", model="cas-register")
    result.verdict, result.anomalies, result.why

| module | what |
|---|---|
| history, result, record | ops; verdicts and anomalies; what a checker may look at |
| formats | what histories are read from and written to: JSON, EDN, logs, columns |
| well_formed | whether a history is one at all |
| operations, words, faults | ops paired to operations; words for people; faults and phases of a history |
| registry, catalogue | every checker by name, and the door for those of other packages; all of them as a table |
| linearizability, models, datatypes | one total order that explains every key, for any sequential model |
| list_append, rw_register, txn | cycles and other anomalies of transactions of lists and of registers |
| objects, engines, zones, search, table | a history by key, and the ways to decide it; results say which one did |
| sets, set_final | elements lost, stale or made up: g-set and broadcast; what the last read must have |
| sessions, causal, causal_reverse, causal_register, long_fork, monotonic | guarantees weaker than serializability |
| bank, adya_g2 | what transactions must keep: a total, a predicate |
| queues, counters, locks | what goes in comes out; sums that a read may show; holders and fencing tokens |
| kafka | logs of messages with offsets |
| running | what all that judge op by op have in common |
| convergence, crdt, crdt_merges | replicas agree after the last heal, in time, on the merge of all updates |
| watch, leases | every change once and in order; one holder at a time and nothing after it |
| raft_invariants, elections | Raft's safety properties on every trace event; whether elections settle |
| agreement, state_divergence | one log on all replicas, and one state after it |
| progress, startup | operations succeed again after a heal, nodes that are started come to work |
| stepwise | the base of checkers that judge step by step |
| echo | echoed values and unique ids |
| availability, stats, bite | progress under faults, counts and latencies, whether the faults bit |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from checkers.formats import read as read_history
from checkers.history import MalformedHistoryError, Op
from checkers.models import Model
from checkers.record import Checker, Record, TraceEvent
from checkers.registry import UnknownCheckerError, create, names
from checkers.result import Anomaly, Result, merge

__all__ = [
    "Anomaly",
    "Checker",
    "MalformedHistoryError",
    "Model",
    "Op",
    "Record",
    "Result",
    "TraceEvent",
    "UnknownCheckerError",
    "check",
    "create",
    "merge",
    "names",
    "read_history",
]


def check(
    history: str | PathLike[str] | Iterable[Op],
    checker: str | Checker = "linearizability",
    model: str | Model | None = None,
    **options: Any,
) -> Result:
    """Judge a history: a path to a file in any of the formats of ``checkers.formats``, or ops.

    ``model`` and ``options`` go to the checker as ``record.options``. Raises MalformedHistoryError,
    UnknownCheckerError, OSError, and ValueError for a model or an option the checker does not know.
    """
    judge = create(checker) if isinstance(checker, str) else checker
    found = read_history(Path(history)) if isinstance(history, str | PathLike) else history
    ops = found if isinstance(found, Sequence) else list(found)
    if model is not None:
        options["model"] = model
    return judge.check(Record(ops, options=options))
