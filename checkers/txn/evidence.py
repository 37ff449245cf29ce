"""The order of versions of registers: what can be inferred, and from what.

| evidence | says | of |
|---|---|---|
| initial state | it comes before every other version | every key |
| writes follow reads | what a transaction read comes before what it then wrote | models from read committed on |
| process | a process meets versions in their order | strong session models |
| real time | transactions that follow one another meet versions in their order | strong models, strict
serializability |

These are theorems, not assumptions, under the models that are named: were a version order otherwise, there would be a
cycle that the model forbids. So each is used where the model of the check implies it, and an edge that needs the
order of a process, or real time, has a class that says so. Where evidence contradicts itself, the earlier stands, and
the rest shows up as cycles.

The options ``wfr_keys``, ``sequential_keys`` and ``linearizable_keys`` *assume* the last three, as Elle's do,
whatever the model is: then their edges are plain ones, a contradiction is the anomaly cyclic-versions, and its keys'
evidence of that kind is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from checkers.columns import OK, Int32, Int64
from checkers.kernels import graph as graph_kernel
from checkers.kernels import registers as kernel
from checkers.kernels import view
from checkers.txn.graph import RW, RW_PROCESS, RW_RT, WR, WW, WW_PROCESS, WW_RT, Classes, labels_of, mask
from checkers.txn.micro import R, scratch, table
from checkers.txn.registers import EXTERNAL, Bools, Registers

WFR, SEQUENTIAL, LINEARIZABLE = "wfr_keys", "sequential_keys", "linearizable_keys"

SETTLED_MAX = 1_000_000
"""steps of weighing pairs of versions that are in contradiction, one by one, in a whole history"""


class Source(NamedTuple):
    """``name``: of the option. ``assumed``: by the option and not by the model."""

    name: str
    assumed: bool


class Pairs(NamedTuple):
    """``earlier``, ``later``: versions of one key. ``ww``, ``rw``: classes of edges that follow from each pair.

    ``contradictions``: (versions, source) that assumptions put in a cycle. ``complete``: all evidence was weighed.
    """

    earlier: Int32
    later: Int32
    ww: Classes
    rw: Classes
    contradictions: list[tuple[list[int], str]]
    complete: bool


class Touches(NamedTuple):
    """What transactions had to do with keys: ``first`` and ``last`` version of each, by key and then by begin.

    ``offsets`` int64[keys + 1]: where those of each key begin.
    """

    txn: Int32
    key: Int32
    first: Int32
    last: Int32
    offsets: Int64


def sources(options: Mapping[str, Any], forbidden: frozenset[str]) -> list[Source]:
    """What evidence is used. Raises ValueError for an option that is neither true nor false."""
    implied = {
        WFR: "G1c" in forbidden,
        SEQUENTIAL: "G-single-process" in forbidden and "G-single-realtime" not in forbidden,
        LINEARIZABLE: "G-single-realtime" in forbidden,
    }
    used = []
    for name, by_model in implied.items():
        said = options.get(name)
        if said is not None and not isinstance(said, bool):
            raise ValueError(f"{name} is true or false, not {said!r}")
        if said or (by_model and said is None):
            used.append(Source(name, assumed=bool(said)))
    return used


def touches(found: Registers) -> Touches:
    """Of committed transactions, with versions whose order can be asked for."""
    micro = found.micro
    usable = (found.committed[micro.txn] == 1) & (found.version >= 0)
    usable &= found.ordered[np.maximum(found.version, 0)]
    usable &= (found.role == EXTERNAL) | ((micro.f != R) & (found.later == 0))
    chosen = usable.astype(np.uint8)
    counts = np.zeros(micro.keys, np.int64)
    kernel.count_touches(
        view(micro.txn), view(micro.key), view(chosen), view(scratch(micro.keys)), view(counts)
    )
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(offsets[-1])
    txn, first, last = (np.empty(total, np.int32) for _ in range(3))
    kernel.touch(
        view(micro.txn),
        view(micro.key),
        view(chosen),
        view(found.version),
        view(scratch(micro.keys)),
        view(offsets[:-1].copy()),
        view(txn),
        view(first),
        view(last),
    )
    key = np.repeat(np.arange(micro.keys, dtype=np.int32), counts)
    return Touches(txn, key, first, last, offsets)


def in_time(found: Registers, met: Touches) -> tuple[Int32, Int32]:
    """Pairs of versions that real time orders."""
    micro = found.micro
    begin = micro.begin[met.txn]
    end = np.where(micro.outcome[met.txn] == OK, micro.end[met.txn], -1)
    longest = int(np.diff(met.offsets).max()) if micro.keys else 0
    earlier = later = np.empty(2 * len(met.txn), np.int32)
    while True:
        later = np.empty(len(earlier), np.int32)
        count = kernel.frontier(
            view(met.offsets),
            view(begin),
            view(end),
            view(met.first),
            view(met.last),
            view(np.empty(longest + 1, np.int64)),
            view(np.empty(longest + 1, np.int64)),
            view(earlier),
            view(later),
        )
        if count <= len(earlier):
            return earlier[:count], later[:count]
        earlier = np.empty(count, np.int32)


def in_process(found: Registers, met: Touches) -> tuple[Int32, Int32]:
    """Pairs of versions that one process met one after the other."""
    process = found.micro.process[met.txn]
    order = np.lexsort((met.txn, process, met.key))
    key, process = met.key[order], process[order]
    same = (key[:-1] == key[1:]) & (process[:-1] == process[1:])
    earlier, later = met.last[order][:-1][same], met.first[order][1:][same]
    differ = earlier != later
    return earlier[differ], later[differ]


def after_reads(found: Registers) -> tuple[Int32, Int32]:
    """Pairs of versions: read, then written by one transaction."""
    micro = found.micro
    write = np.flatnonzero((micro.f != 0) & (found.later == 0) & (found.updates >= 0))
    earlier, later = found.version[found.updates[write]], found.version[write]
    good = found.ordered[earlier] & found.ordered[later] & (earlier != later) & (earlier >= micro.keys)
    return earlier[good], later[good]


CLASSES = {WFR: (WW, RW), SEQUENTIAL: (WW_PROCESS, RW_PROCESS), LINEARIZABLE: (WW_RT, RW_RT)}


def order(found: Registers, used: list[Source]) -> Pairs:
    """All pairs that the evidence gives, no pair twice, the plainest first."""
    keys = found.micro.keys
    met = touches(found) if any(s.name != WFR for s in used) else None
    earlier, later = np.zeros(0, np.int32), np.zeros(0, np.int32)
    ww, rw = np.zeros(0, np.int8), np.zeros(0, np.int8)
    contradictions: list[tuple[list[int], str]] = []
    complete = True
    for source in sorted(used, key=lambda s: not s.assumed):
        a, b = _pairs(found, met, source)
        # the initial state has edges of its own; and nothing comes before it but by contradiction
        new = np.flatnonzero(a >= keys) if not source.assumed else np.arange(len(a))
        a, b = _unique(a[new], b[new], earlier, later)
        label = _cyclic(np.concatenate([earlier, a]), np.concatenate([later, b]), found, source.assumed)
        if source.assumed and (label >= 0).any():
            contradictions += [(group, source.name) for group in _groups(label)]
            bad = np.zeros(keys, np.bool_)
            bad[found.key[label >= 0]] = True
            keep = ~bad[found.key[a]]
        else:
            keep, whole = _settle(earlier, later, a, b, label)
            complete = complete and whole
        keep &= (a >= keys) & (b >= keys)
        classes = (WW, RW) if source.assumed else CLASSES[source.name]
        earlier, later = np.concatenate([earlier, a[keep]]), np.concatenate([later, b[keep]])
        count = int(np.count_nonzero(keep))
        ww = np.concatenate([ww, np.full(count, classes[0], np.int8)])
        rw = np.concatenate([rw, np.full(count, classes[1], np.int8)])
    return Pairs(earlier, later, ww, rw, contradictions, complete)


def _pairs(found: Registers, met: Touches | None, source: Source) -> tuple[Int32, Int32]:
    if source.name == WFR or met is None:
        return after_reads(found)
    return in_process(found, met) if source.name == SEQUENTIAL else in_time(found, met)


def _unique(a: Int32, b: Int32, earlier: Int32, later: Int32) -> tuple[Int32, Int32]:
    """The pairs that are not there yet, each once, in the order in which they were found."""
    keep = np.zeros(len(earlier) + len(a), np.uint8)
    kernel.distinct(
        view(np.concatenate([earlier, a])),
        view(np.concatenate([later, b])),
        view(table(len(keep))),
        view(keep),
    )
    new = keep[len(earlier) :] == 1
    return a[new], b[new]


def _cyclic(earlier: Int32, later: Int32, found: Registers, assumed: bool) -> Int32:
    """Labels of versions that come before one another; -1 for all others."""
    keys, versions = found.micro.keys, found.versions
    if assumed:  # what comes before the initial state contradicts it
        others = np.unique(np.concatenate([earlier, later]))
        others = others[others >= keys]
        earlier = np.concatenate([earlier, found.key[others]])
        later = np.concatenate([later, others])
    start = np.zeros(versions + 1, np.int64)
    to, of = np.empty(len(earlier), np.int32), np.empty(len(earlier), np.int8)
    graph_kernel.by_source(
        view(earlier), view(later), view(np.zeros(len(earlier), np.int8)), view(start), view(to), view(of)
    )
    return labels_of(start, to, of, mask(0))


def _groups(label: Int32) -> list[list[int]]:
    members = np.flatnonzero(label >= 0)
    ordered = members[np.argsort(label[members], kind="stable")]
    return [g.tolist() for g in np.split(ordered, np.flatnonzero(np.diff(label[ordered])) + 1)]


def _settle(earlier: Int32, later: Int32, a: Int32, b: Int32, label: Int32) -> tuple[Bools, bool]:
    """Which of the pairs (a, b) to keep so that no version comes before itself, the earlier ones first.

    Every pair that is left out contradicts those that stand: so it makes a cycle of transactions. The second: whether
    all were weighed.
    """
    keep = np.ones(len(a), np.bool_)
    doubtful = np.flatnonzero((label[a] >= 0) & (label[a] == label[b]))
    if not len(doubtful):
        return keep, True
    keep[doubtful] = False
    standing = np.flatnonzero((label[earlier] >= 0) & (label[earlier] == label[later]))
    after: dict[int, list[int]] = {}
    for one, two in zip(earlier[standing].tolist(), later[standing].tolist(), strict=True):
        after.setdefault(one, []).append(two)
    steps = [SETTLED_MAX]
    for pair in doubtful.tolist():
        one, two = int(a[pair]), int(b[pair])
        if not _leads(after, two, one, steps):
            keep[pair] = True
            after.setdefault(one, []).append(two)
        if steps[0] <= 0:
            keep[pair] = False
            return keep, False
    return keep, True


def _leads(after: dict[int, list[int]], start: int, goal: int, steps: list[int]) -> bool:
    met, open_ = {start}, [start]
    while open_ and steps[0] > 0:
        node = open_.pop()
        steps[0] -= 1
        if node == goal:
            return True
        for new in after.get(node, ()):
            if new not in met:
                met.add(new)
                open_.append(new)
    return False


def edges(found: Registers, pairs: Pairs) -> tuple[Int32, Int32, Classes, int]:
    """(src, dst, class, nodes): ww, wr and rw, and what leads through nodes that are no transactions (FAN)."""
    micro = found.micro
    keys = micro.keys
    # wr: whoever committed wrote what was read
    read = found.readers[found.version[found.readers] >= keys]
    wrote = found.writer[found.version[read]]
    good = (wrote >= 0) & (found.committed[micro.txn[wrote]] == 1) & (micro.txn[wrote] != micro.txn[read])
    src, dst = [micro.txn[wrote[good]]], [micro.txn[read[good]]]
    cls = [np.full(len(src[0]), WR, np.int8)]
    # rw from the initial state
    final = np.flatnonzero(found.ordered[keys:]).astype(np.int32) + keys
    final = final[np.argsort(found.key[final], kind="stable")]
    spans = np.searchsorted(found.key[final], np.arange(keys + 1)).astype(np.int64)
    sizes = np.zeros(2, np.int64)
    a = b = np.zeros(0, np.int32)
    c = np.zeros(0, np.int8)
    for _ in range(2):
        kernel.beginnings(
            view(micro.txn),
            view(found.version),
            view(spans),
            view(found.writer[final]),
            view(found.starts),
            view(found.readers),
            view(found.updates),
            view(found.updated),
            len(micro),
            view(sizes),
            view(a),
            view(b),
            view(c),
        )
        if len(a) == sizes[0]:
            break
        count = int(sizes[0])
        a, b, c = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int8)
    d = e = np.zeros(0, np.int32)
    g = np.zeros(0, np.int8)
    while True:
        count = kernel.expand(
            view(pairs.earlier),
            view(pairs.later),
            view(pairs.ww),
            view(pairs.rw),
            view(micro.txn),
            view(found.version),
            view(found.writer),
            view(found.starts),
            view(found.readers),
            view(found.updates),
            view(found.updated),
            view(d),
            view(e),
            view(g),
        )
        if count == len(d):
            break
        d, e, g = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int8)
    return (
        np.concatenate([*src, a, d]),
        np.concatenate([*dst, b, e]),
        np.concatenate([*cls, c, g]),
        int(sizes[1]),
    )


def used_pairs(pairs: Pairs, versions: int) -> tuple[Int64, Int64]:
    """Codes of all pairs, sorted, and their places: to find a pair again."""
    codes = pairs.earlier.astype(np.int64) * versions + pairs.later
    places = np.argsort(codes, kind="stable")
    return codes[places], places
