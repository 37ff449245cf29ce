"""Jepsen writes the key of an op into its value, ``[key value]``; here the two are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from checkers.columns import BOOL, INT, INVOKE, LIST, NIL, OK, OTHER, STR, Column, History

Array = npt.NDArray[Any]

REGISTER = {"read", "write", "cas"}


def keyed(history: History, *, register: bool = False) -> History:
    """The history with keys and values apart, where its values are pairs of a key and a value; else as it is.

    They are when every client's invocation has a list of two that begins with a number or name, and one function
    (reads) is only ever invoked with nothing beside the key: a register's ``[old new]`` comes with reads of nil.
    ``register``: where all clients do is read, write and cas, the second is not asked for.

    A completion has its invocation's key; its value is what stands beside the key, or where it has no key all of it.
    Where no answer to those reads has its key the pairs are values themselves, and the history is left as it is.
    """
    key, value, pool = history.key, history.value, history.pool
    client = history.process >= 0
    invoke = client & (history.type == INVOKE)
    if bool((key.kind != NIL).any()) or not bool(invoke.any()):
        return history
    places = np.where(value.kind == LIST, value.word, 0)
    if not len(pool.kind):
        return history
    pairs = (value.kind == LIST) & (pool.word[places] == 2)
    places = np.where(pairs, places, 0)
    first = np.minimum(places + 1, len(pool.kind) - 1)
    second = np.minimum(places + 2, len(pool.kind) - 1)
    pairs &= np.isin(pool.kind[first], (INT, STR, BOOL, OTHER))
    if not bool(pairs[invoke].all()):
        return history
    asks = _always(history.f[invoke], pool.kind[second[invoke]] == NIL)
    named = {history.fs[code] for code in _present(history.f[client])}
    if not asks and not (register and named <= REGISTER):
        return history
    opened = _opened(history.process, invoke)
    done = client & ~invoke & (opened >= 0)
    from_ = np.where(done, opened, np.arange(len(history)))
    has = invoke | done
    new_key = Column(
        np.where(has, pool.kind[first[from_]], NIL).astype(np.uint8),
        np.where(has, pool.word[first[from_]], 0),
    )
    same = (
        pairs & (pool.kind[first] == pool.kind[first[from_]]) & (pool.word[first] == pool.word[first[from_]])
    )
    if bool((done & pairs & ~same).any()):
        return history
    empty = pool.kind[second[from_]] == NIL
    answers = done & (history.type == OK) & empty & (value.kind != NIL)
    if bool(answers.any()) and not bool((answers & same).any()):
        return history
    apart = has & same
    new_value = Column(
        np.where(apart, pool.kind[second], value.kind).astype(np.uint8),
        np.where(apart, pool.word[second], value.word),
    )
    history.key, history.value = new_key, new_value
    return history


def _always(f: Array, nil: Array) -> bool:
    """Whether there is a function for which ``nil`` holds each time."""
    return bool(_present(f) - _present(f[~nil]))


def _present(f: Array) -> set[int]:
    """Which codes occur. (numpy's ``unique`` imports its masked arrays, a tenth of a second.)"""
    return set(np.flatnonzero(np.bincount(f)).tolist())


def _opened(process: Array, invoke: Array) -> Array:
    """For each op, the place of its process' last invocation before it, -1 where there is none."""
    order = np.argsort(process, kind="stable")
    last = np.maximum.accumulate(np.where(invoke[order], np.arange(len(order)), -1))
    found = np.where(last >= 0, order[last], -1)
    found = np.where((found >= 0) & (process[np.maximum(found, 0)] == process[order]), found, -1)
    opened = np.empty(len(order), np.int64)
    opened[order] = found
    return opened
