"""Many small histories as the keys of one, in columns, so that an engine decides all of them in one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from checkers.columns import FAIL, INT, INVOKE, NIL, OK, Column, History, Values
from tests.checkers.linearizability.specs import REFUSED, SILENT
from tests.checkers.linearizability.twin import Step

PRECONDITION_FAILED = 22


def batch(
    kinds: list[tuple[str, Any, Any]], histories: list[list[Step]], *, first_process: int = 0
) -> History:
    """One history, history i under key i, each operation by a process of its own.

    Where the answer is silent the completion repeats what was asked for.
    """
    values = Values()
    asked = [values.put(_json(a)) for _, a, _ in kinds]
    said = [
        asked[i] if answer in (SILENT, REFUSED) else values.put(_json(answer))
        for i, (_, _, answer) in enumerate(kinds)
    ]
    fs = sorted({f for f, _, _ in kinds})
    f_of = np.array([fs.index(f) for f, _, _ in kinds], np.int32)
    refused = np.array([answer == REFUSED for _, _, answer in kinds])
    table = np.array([[asked, said]], np.int64)[0]  # [end?][kind] -> (kind, word)
    events: list[tuple[int, int, int, int]] = []
    count = first_process
    for key, steps in enumerate(histories):
        order = []
        for kind, begin, end in steps:
            order.append((begin, kind, 0, count))
            if end is not None:
                order.append((end, kind, 1, count))
            count += 1
        order.sort()
        events += [(key, kind, ends, process) for _, kind, ends, process in order]
    columns = np.array(events, np.int64).reshape(-1, 4)
    key, kind, ends, process = (np.ascontiguousarray(column) for column in columns.T)
    n = len(events)
    value = table[ends, kind]
    done = np.where(refused[kind], FAIL, OK)
    failed = (ends == 1) & refused[kind]
    return History(
        index=np.arange(n),
        time=np.arange(n) * 1000,
        process=process,
        type=np.where(ends == 1, done, INVOKE).astype(np.uint8),
        f=f_of[kind],
        node=np.full(n, -1, np.int32),
        key=Column(np.full(n, INT, np.uint8), key),
        value=Column(np.ascontiguousarray(value[:, 0]).astype(np.uint8), np.ascontiguousarray(value[:, 1])),
        error=Column(np.where(failed, INT, NIL).astype(np.uint8), np.where(failed, PRECONDITION_FAILED, 0)),
        pool=values.pool(),
        fs=fs,
        names=["nemesis"],
        strings=values.strings,
        others=values.others,
    )


def _json(value: Any) -> Any:
    return [_json(item) for item in value] if isinstance(value, tuple) else value
