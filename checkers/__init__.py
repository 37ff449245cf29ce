"""Checkers: a history in, a verdict out. Usable alone; nothing here imports the rest of the project.

    from checkers import check
    result = check("history.jsonl", checker="linearizability", model="cas-register")
    result.verdict, result.anomalies, result.why

| module or room | what |
|---|---|
| history, columns, npz | ops; many of them as columns; the file of these |
| formats | what histories are read from and written to: JSON, EDN, logs, columns |
| record, result | what a checker may look at; verdicts and anomalies |
| registry, catalogue | every checker by name, and the door for those of other packages; all of them as a table |
| options | what checkers can be told |
| selftest, pairs | every checker on histories that differ in one op |
| online, running, stepwise | judging while a run goes on: the protocol, and two bases |
| operations, rows, micro_ops, requests | ops paired to operations, and other ways to go through a history |
| words, faults, memory | words for people; faults and phases of a history; what a process needed |
| models | sequential specifications |
| linearizability | one total order that explains every key |
| txn | cycles and other anomalies of transactions of lists and of registers |
| consistency | sessions, causality, long forks, banks, predicates |
| collections | sets, queues, counters, logs, ids |
| coordination | locks, leases, watches |
| replicas | agreement, divergence, Raft's invariants, convergence, CRDTs |
| liveness | progress, elections, start-up, availability |
| runs | whether a run was worth judging |
| kernels | inner loops, compiled where a compiler is at hand |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from checkers import options as options_of_checkers
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
    if isinstance(checker, str):
        options_of_checkers.check(options, (checker,))
    judge = create(checker) if isinstance(checker, str) else checker
    found = read_history(Path(history)) if isinstance(history, str | PathLike) else history
    ops = found if isinstance(found, Sequence) else list(found)
    if model is not None:
        options["model"] = model
    return judge.check(Record(ops, options=options))
