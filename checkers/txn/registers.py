"""Versions of registers: which write a read saw, and what each transaction says of itself.

Values written must be unique per key; where two transactions wrote one value, the key says nothing (``ambiguous``).
The order of versions: checkers/txn/evidence.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from checkers.columns import FAIL, INFO, INT, NIL, STR, Int8, Int32, Int64
from checkers.kernels import registers as kernel
from checkers.kernels import view
from checkers.txn.micro import Micro, R, W, scratch, table

NOTHING, EXTERNAL, INNER, CONTRADICTS = range(4)
"""as in checkers/kernels/registers.py"""

Bools = npt.NDArray[np.bool_]


class Registers(NamedTuple):
    """Arrays per micro-operation m, per version v (below ``micro.keys``: the initial state of that key), per key.

    Per m: ``version`` (-1: what an unknown transaction read), ``role``, ``later``, ``updates``, ``updated``,
    ``future``: see checkers/kernels/registers.py. Per v: ``writer``, the write, -1; ``key``; ``ordered``: its place
    in the order of versions can be asked for, as it is the initial state or the last write of a committed
    transaction. Per key: ``ambiguous``: a write of a value that was written before, -1.
    Per transaction: ``committed``: ok, or of unknown outcome and seen by a read.
    ``starts``, ``readers``: reads by version, those that make edges.
    """

    micro: Micro
    version: Int32
    versions: int
    role: Int8
    later: Int8
    updates: Int32
    updated: Int8
    future: Int8
    writer: Int32
    key: Int32
    ordered: Bools
    ambiguous: Int32
    committed: Int8
    starts: Int64
    readers: Int32


def registers(micro: Micro, initial: Any = None, *, contradictions: bool = False) -> Registers:
    """All versions of all keys; ``initial``: the value of a key that nobody wrote.

    ``contradictions``: a read that contradicts its own transaction makes edges like any other.
    """
    m, keys = len(micro.f), micro.keys
    txn, f, key = view(micro.txn), view(micro.f), view(micro.key)
    known, aborted = micro.known.astype(np.uint8), (micro.outcome == FAIL).astype(np.uint8)
    words = _words(micro)
    version = np.empty(m, np.int32)
    count = kernel.number(
        txn,
        f,
        key,
        view(words),
        view(_initial(micro, initial).astype(np.uint8)),
        view(known),
        keys,
        view(table(m)),
        view(version),
    )
    role, later, updated, future = (np.zeros(m, np.uint8) for _ in range(4))
    updates, writer, ambiguous = np.empty(m, np.int32), scratch(count), scratch(keys)
    kernel.observe(
        txn,
        f,
        key,
        view(version),
        view(aborted),
        view(scratch(keys)),
        view(scratch(keys)),
        view(scratch(keys)),
        view(scratch(keys)),
        view(role),
        view(later),
        view(updates),
        view(updated),
        view(future),
        view(writer),
        view(ambiguous),
    )
    # who wrote the initial state's value again cannot be told from it
    again = np.flatnonzero((micro.f == W) & (version < keys) & (aborted[micro.txn] == 0))
    ambiguous[micro.key[again]] = again
    of_version = np.empty(count, np.int32)
    of_version[:keys] = np.arange(keys)
    of_version[version[version >= 0]] = micro.key[version >= 0]
    committed = known.copy()
    wrote = writer[version[role != NOTHING]]
    wrote = micro.txn[wrote[wrote >= 0]]
    committed[wrote[micro.outcome[wrote] == INFO]] = 1
    clear = ambiguous[of_version] < 0
    ordered = clear & (writer >= 0)
    ordered &= (later[writer] == 0) & (committed[micro.txn[writer]] == 1) if m else False
    ordered[:keys] = clear[:keys]
    seeing = role == EXTERNAL
    if contradictions:
        seeing |= (role == CONTRADICTS) & (version >= keys)
    external = np.flatnonzero(seeing)
    external = external[clear[version[external]]].astype(np.int32)
    by_version = external[np.argsort(version[external], kind="stable")]
    starts = np.searchsorted(version[by_version], np.arange(count + 1)).astype(np.int64)
    return Registers(
        micro,
        version,
        count,
        role,
        later,
        updates,
        updated,
        future,
        writer,
        of_version,
        ordered,
        ambiguous,
        committed,
        starts,
        by_version.astype(np.int32),
    )


def _words(micro: Micro) -> Int64:
    """Of each micro-operation a word: equal words, equal values."""
    kinds = np.bincount(micro.value.kind, minlength=1)
    if all(not n or kind in (NIL, INT) for kind, n in enumerate(kinds.tolist())) or all(
        not n or kind in (NIL, STR) for kind, n in enumerate(kinds.tolist())
    ):
        return micro.value.word
    return micro.history.codes(micro.value)[0]


def _initial(micro: Micro, initial: Any) -> Bools:
    nothing: Bools = micro.value.kind == NIL
    if type(initial) is int:
        nothing = nothing | ((micro.value.kind == INT) & (micro.value.word == initial))
    elif type(initial) is str and initial in micro.history.strings:
        place = micro.history.strings.index(initial)
        nothing = nothing | ((micro.value.kind == STR) & (micro.value.word == place))
    elif initial is not None and type(initial) is not str:
        raise ValueError(f"the initial value of a register is an integer or a string, not {initial!r}")
    return nothing


def reads(found: Registers) -> Int64:
    """All known reads."""
    return np.flatnonzero((found.micro.f == R) & (found.version >= 0))
