"""What replicas of a conflict-free data type must come to: a reference merge of all updates, for each type.

Own small implementations, by the papers (Shapiro et al., A comprehensive study of convergent and commutative
replicated data types, 2011), that know nothing of any node. A history does not say which updates a replica had seen
when it made another one; what follows with certainty is judged:

- **g-set**: an element that was added and acknowledged is there; one that was never added is not.
- **or-set**: so too, but an element may be missing that a remove may have seen: unless an acknowledged add of it
  began after every remove of it had ended. It may not be there where every add of it was surely seen by a remove:
  because it had been acknowledged at the node of that remove before (nodes keep what they acknowledged), or because a
  read at that node had shown the element and this add was the only one.
- **g-counter, pn-counter**: the sum, from 0, of what was acknowledged with any of what is unknown.
- **lww-register**: the value of the latest acknowledged write, or of an unknown one. The latest is that of the
  greatest ``timestamp`` in the completions; where there are none, any that had not ended when another began, clocks
  being within ``skew_ms``.
- **mv-register**: a value is there that no other write can have seen; it is not beside one whose write had surely
  seen it: by the vector clocks in the completions, else because the one followed the other at one node.

Each function takes the updates of one key and what a replica showed, and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import msgspec

from checkers.collections.counters import Sums
from checkers.history import MalformedHistoryError, Op
from checkers.words import canonical, identity, plural, seconds, who

MS = 1_000_000


class Update(msgspec.Struct, gc=False):
    """One that may have happened. ``done`` is None where the outcome is unknown; ``begin``, ``end``: positions."""

    invoke: Op
    begin: int
    done: Op | None = None
    end: int | None = None

    @property
    def node(self) -> str | None:
        done = self.done
        return done.node if done is not None and done.node is not None else self.invoke.node

    def before(self, other: Update) -> bool:
        """Whether it had ended when the other began."""
        return self.end is not None and self.end < other.begin

    def indexes(self) -> list[int]:
        return [self.invoke.index] if self.done is None else [self.invoke.index, self.done.index]


Shown = dict[str, dict[Hashable, int]]
"""node -> element -> position of the end of the first read there that showed it"""


class Wrong(msgspec.Struct):
    """One thing that is wrong: the anomaly, words, and the updates that show it."""

    kind: str
    text: str
    updates: list[Update] = []


class Case(msgspec.Struct):
    """One key: its updates in order of invocation, what reads of lists showed, and the options."""

    updates: list[Update]
    shown: Shown
    options: dict[str, Any]


Merge = Callable[[Case, Any], Iterator[Wrong]]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _text(value: Any) -> str:
    return canonical(value).decode()


def _asked(update: Update) -> str:
    """``the add of 3 by process 1 at n0 (1.2 s)``."""
    op = update.invoke
    return f"the {op.f} of {_text(op.value)} by {who(op)} ({seconds(op.time)})"


# --- sets --------------------------------------------------------------------------------------------------


def grow_only_set(case: Case, value: Any) -> Iterator[Wrong]:
    yield from _set(case, value, removable=False)


def observed_remove_set(case: Case, value: Any) -> Iterator[Wrong]:
    yield from _set(case, value, removable=True)


def _set(case: Case, value: Any, *, removable: bool) -> Iterator[Wrong]:
    adds: dict[Hashable, list[Update]] = {}
    removes: dict[Hashable, list[Update]] = {}
    for update in case.updates:
        kind = removes if removable and update.invoke.f == "remove" else adds
        kind.setdefault(identity(update.invoke.value), []).append(update)
    shown = {identity(element): element for element in _listed(value)}
    for element, tried in adds.items():
        taken = removes.get(element, [])
        if element not in shown:
            kept = [a for a in tried if a.done is not None and all(r.before(a) for r in taken)]
            if kept:
                after = ", after every remove of it" if taken else ""
                yield Wrong(
                    "missing-update", f"{_asked(kept[0])} was acknowledged{after}, and is not in it", kept[:1]
                )
        elif taken and (seen := _all_seen(element, tried, taken, case.shown)) is not None:
            yield Wrong(
                "resurrected-element",
                f"{_asked(seen)} was acknowledged where every add of it had been seen, and it is in it",
                [tried[0], seen],
            )
    for element, original in shown.items():
        if element not in adds:
            yield Wrong("phantom-element", f"{_text(original)} is in it, and was never added")


def _all_seen(
    element: Hashable, adds: Sequence[Update], removes: Sequence[Update], sights: Shown
) -> Update | None:
    """The last of the acknowledged removes by which every add of an element was surely seen; None if one was not."""
    last: Update | None = None
    for add in adds:
        if add.done is None:
            return None
        seen = [r for r in removes if r.done is not None and _saw(r, add, element, len(adds) == 1, sights)]
        if not seen:
            return None
        last = max([seen[-1], *([last] if last is not None else [])], key=lambda r: r.begin)
    return last


def _saw(remove: Update, add: Update, element: Hashable, only: bool, sights: Shown) -> bool:
    if remove.node is None or not add.before(remove):
        return False
    if add.node == remove.node:
        return True
    return only and sights.get(remove.node, {}).get(element, remove.begin) < remove.begin


# --- counters ----------------------------------------------------------------------------------------------

SIGNS = {"add": 1, "increment": 1, "inc": 1, "decrement": -1, "dec": -1}


def delta(op: Op) -> int | None:
    """What an update adds; None for what is no number."""
    by = 1 if op.value is None and op.f != "add" else op.value
    return SIGNS[op.f] * by if op.f in SIGNS and type(by) is int else None


def counter(case: Case, value: Any) -> Iterator[Wrong]:
    certain, sums = 0, Sums()
    for update in case.updates:
        by = delta(update.invoke)
        if by is None:
            op = update.invoke
            raise MalformedHistoryError(f"op {op.index}: expected {op.f} of an integer, got {op.value!r}")
        if update.done is not None:
            certain += by
        else:
            sums = sums.with_(by)
    if type(value) is int and sums.has(value - certain):
        return
    unknown = [u for u in case.updates if u.done is None]
    told = (
        f"the acknowledged updates ({len(case.updates) - len(unknown)}) add up to {certain}, with any of the "
        f"{plural(len(unknown), 'unknown one')} to {sums.shown(certain)}"
    )
    under = type(value) is not int or value < certain
    yield Wrong("counter-undershoot" if under else "counter-overshoot", told, case.updates[-1:])


# --- registers ---------------------------------------------------------------------------------------------


def last_writer_wins(case: Case, value: Any) -> Iterator[Wrong]:
    written = [(u, identity(u.invoke.value)) for u in case.updates]
    acknowledged = [u for u, _ in written if u.done is not None]
    shown = identity(value)
    if any(u.done is None and v == shown for u, v in written) or (value is None and not acknowledged):
        return
    if not acknowledged:
        yield Wrong("lww-wrong-winner", "nobody wrote that value")
        return
    stamps = [(stamp, u) for u in acknowledged if (stamp := _timestamp(u)) is not None]
    if len(stamps) == len(acknowledged):
        best = _latest([stamp for stamp, _ in stamps])
        winners = [u for stamp, u in stamps if stamp == best]
        why = f"has the latest timestamp ({_text(best)})"
    else:
        skew = int(case.options.get("skew_ms", 0) * MS)
        latest = max(u.invoke.time for u in acknowledged)
        winners = [u for u in acknowledged if u.done is not None and u.done.time + skew >= latest]
        why = f"no write began after it had ended (clocks within {skew // MS} ms)"
    if any(identity(u.invoke.value) == shown for u in winners):
        return
    if value is None:
        yield Wrong(
            "missing-update", f"{_asked(winners[-1])} was acknowledged, and nothing is in it", winners[-1:]
        )
        return
    loser = next((u for u in acknowledged if identity(u.invoke.value) == shown), None)
    told = "nobody wrote that value" if loser is None else f"it is that of {_asked(loser)}"
    also = [loser] if loser is not None else []
    yield Wrong("lww-wrong-winner", f"{told}; {_asked(winners[-1])} {why}", [winners[-1], *also])


def _latest(stamps: Sequence[list[Any]]) -> list[Any]:
    try:
        return max(stamps)
    except TypeError as e:
        raise MalformedHistoryError(f"timestamps of a register cannot be compared: {e}") from e


def _timestamp(update: Update) -> list[Any] | None:
    """``timestamp`` of the completion: a number, or a list that is compared place by place (time, then node)."""
    value = update.done.value if update.done is not None else None
    stamp = value.get("timestamp") if isinstance(value, dict) else None
    return list(stamp) if isinstance(stamp, list | tuple) else None if stamp is None else [stamp]


def multi_value(case: Case, value: Any) -> Iterator[Wrong]:
    shown = {identity(v): v for v in _listed(value)}
    for update in case.updates:
        if update.done is None:
            continue
        others = [u for u in case.updates if u is not update]
        ident = identity(update.invoke.value)
        over = next((u for u in others if _follows(u, update) is True), None)
        if ident in shown:
            if over is not None and not any(identity(u.invoke.value) == ident for u in others):
                yield Wrong(
                    "superseded-value",
                    f"{_asked(update)} is in it, though {_asked(over)} had seen it",
                    [update, over],
                )
        elif all(_follows(u, update) is False for u in others):
            yield Wrong(
                "missing-update", f"{_asked(update)} was seen by no other, and is not in it", [update]
            )
    known = {identity(u.invoke.value) for u in case.updates}
    for ident, original in shown.items():
        if ident not in known:
            yield Wrong("phantom-element", f"{_text(original)} is in it, and was never written")


def _follows(later: Update, earlier: Update) -> bool | None:
    """Whether a write had seen another; None where nobody can tell."""
    mine, its = _clock(later), _clock(earlier)
    if mine is not None and its is not None:
        return mine != its and all(mine.get(node, 0) >= count for node, count in its.items())
    if later.before(earlier):
        return False
    return True if earlier.before(later) and later.node == earlier.node and later.done is not None else None


def _clock(update: Update) -> dict[str, int] | None:
    value = update.done.value if update.done is not None else None
    clock = value.get("clock") if isinstance(value, dict) else None
    if clock is None:
        return None
    if not isinstance(clock, dict) or not all(type(count) is int for count in clock.values()):
        assert update.done is not None
        raise MalformedHistoryError(
            f"op {update.done.index}: expected a clock to map nodes to integers, got {clock!r}"
        )
    return clock


MERGES: dict[str, tuple[Merge, frozenset[str]]] = {
    "g-set": (grow_only_set, frozenset({"add", "broadcast"})),
    "or-set": (observed_remove_set, frozenset({"add", "remove"})),
    "g-counter": (counter, frozenset({"add", "increment", "inc"})),
    "pn-counter": (counter, frozenset(SIGNS)),
    "lww-register": (last_writer_wins, frozenset({"write"})),
    "mv-register": (multi_value, frozenset({"write"})),
}
"""type -> its merge, and the functions that update it"""
