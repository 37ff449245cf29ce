"""Elle's examples say how transactions ended and not when they began; here each has an invocation too."""

from __future__ import annotations

import numpy as np

from checkers.columns import INVOKE, NEMESIS, OK, Column, History

TXN = "txn"


def begun(history: History) -> History:
    """The history with invocations, where it has none and all that clients do is transactions; else as it is.

    Which of them had ended before another began is not known then: all began before the first ended, each invocation
    with the index of what it became. Where a process has more than one, each gets a process of its own.
    """
    client = history.process != NEMESIS
    kinds, fs = (
        history.type[client],
        {history.fs[code] for code in np.flatnonzero(np.bincount(history.f[client]))},
    )
    if fs != {TXN} or not bool((kinds == OK).any()) or bool((kinds == INVOKE).any()):
        return history
    places = np.flatnonzero(client)
    order = np.concatenate((places, np.arange(len(history))))
    process = history.process
    if len(np.unique(process[places])) < len(places):
        process = np.where(client, np.cumsum(client) - 1, process)
    kind = history.type[order]
    kind[: len(places)] = INVOKE
    time = history.time[order]
    time[: len(places)] = history.time.min()

    def moved(column: Column) -> Column:
        return Column(column.kind[order], column.word[order])

    return History(
        index=history.index[order],
        time=time,
        process=process[order],
        type=kind,
        f=history.f[order],
        node=history.node[order],
        key=moved(history.key),
        value=moved(history.value),
        error=moved(history.error),
        pool=history.pool,
        fs=history.fs,
        names=history.names,
        strings=history.strings,
        others=history.others,
    )
