"""Why the operations on one object have no order: the smallest window, its kind, and plain sentences about it.

Words are made of the core alone, a few operations; what the rest of the history adds is asked of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from checkers import table
from checkers._budget import Budget, BudgetExceededError, effort
from checkers._register_search import INITIAL, NONE, Act, cut
from checkers._shrink import Item, paths, shrink
from checkers._state_search import Deed
from checkers._state_search import search as state_search
from checkers._tell import Operation, Teller, failures, told_operation, value
from checkers.columns import Int64
from checkers.engines import CRASHED, INVALID, UNKNOWN, Engine
from checkers.models import INCONSISTENT, Model, Role, thaw
from checkers.objects import Objects
from checkers.result import Anomaly

IMPOSSIBLE_MAX = 8
"""operations that are named as impossible, of one key"""
IMPOSSIBLE_EFFORT = 1_000_000
"""operations to look at again for those"""
STATES_EFFORT = 20_000
"""configurations to explore for the possible states before the impossible completion"""
EXPLAIN_EFFORT = 3_000_000
"""configurations to explore for one key's explanation: counted, not timed, so that it is the same
everywhere
"""
CORE_MAX = 5000
"""operations beyond which nothing is shrunk"""

STALE = "stale read"
LOST = "lost write"
BACK = "resurrected value (a write took effect twice)"


class Case:
    """One key of a register that has no order, and the numbers that values have in its core: INITIAL, then as met."""

    def __init__(self, objects: Objects, model: Model) -> None:
        self.objects = objects
        self.model = model
        self.registers = objects.registers
        self.need = self.registers.need
        self.put = self.registers.put
        self.begin = objects.begin
        self.end = objects.end
        self.key = objects.key(0)
        self._numbers: dict[int, int] = {self.registers.initial: INITIAL, NONE: NONE}
        self._codes: list[int] = [self.registers.initial]
        self._operations: dict[int, Operation] = {}

    def act(self, number: int) -> Act:
        end = int(self.end[number])
        return Act(
            self.number(int(self.need[number])),
            self.number(int(self.put[number])),
            int(self.begin[number]),
            None if end == CRASHED else end,
        )

    def number(self, code: int) -> int:
        found = self._numbers.get(code)
        if found is None:
            found = self._numbers[code] = len(self._codes)
            self._codes.append(code)
        return found

    def code(self, number: int) -> int:
        return self._codes[number]

    def value(self, number: int) -> Any:
        return thaw(self.registers.value(self._codes[number]))

    def operation(self, number: int) -> Operation:
        found = self._operations.get(number)
        if found is None:
            found = self._operations[number] = told_operation(self.objects, number)
        return found

    def at(self, position: int) -> int:
        """The number of the operation that ended there."""
        return int(np.flatnonzero(self.end == position)[0])


class Conflict(msgspec.Struct):
    """Value ``old`` was there before ``new`` and after it. ``first`` is None when ``old`` is the initial
    value.

    ``first`` ended before ``then`` began, ``replaced`` ended before ``again`` began; the first and the last
    concern ``old``, the others ``new``. All are numbers of operations.
    """

    old: int
    new: int
    first: int | None
    then: int
    replaced: int
    again: int
    by: int | None = None
    writers: int = 1
    """operations that put ``old``; where there are several, all had ended before ``then`` began"""


def explain(objects: Objects, model: Model, engine: Engine, position: int) -> Anomaly:
    """The anomaly of the only key of ``objects``, known to be impossible at ``position``.

    When the effort ends it is only coarser.
    """
    position = first_impossible(objects, model, engine, position)
    if model.roles is None or Role.OTHER in objects.roles or Role.MISMATCH in objects.roles:
        return _state_anomaly(objects, model, engine, position)
    return _register_anomaly(Case(objects, model), engine, position)


def first_impossible(objects: Objects, model: Model, engine: Engine, position: int) -> int:
    """The first completion at which the ops so far have no order; they have none at ``position``."""
    if engine.first is not None:
        return engine.first(objects, model, position)
    ends = np.sort(objects.end[objects.end <= position])
    low, high = 0, len(ends) - 1  # prefixes are closed: an impossible one stays impossible when it grows
    budget = effort(EXPLAIN_EFFORT)
    while low < high:
        middle = (low + high) // 2
        status = engine.decide(objects.until(int(ends[middle])), model, budget).status[0]
        if status == UNKNOWN:
            return position
        if status == INVALID:
            high = middle
        else:
            low = middle + 1
    return int(ends[low])


def _register_anomaly(case: Case, engine: Engine, position: int) -> Anomaly:
    budget = effort(EXPLAIN_EFFORT)
    core = _core(case, engine, position, budget)
    last = case.at(position)
    culprit = _culprit(core, last)
    conflict = _conflict(core, culprit)
    teller = Teller(case.key, [case.operation(number) for number, _ in core])
    kind, reason, more = _reason(case, core, culprit, conflict, teller)
    operations = [case.operation(number) for number, _ in core] + more
    told = [teller.sentence(case.operation(n)) for n, _ in core if n != culprit]
    told.append(teller.sentence(case.operation(culprit)))
    told += reason
    indexes = sorted(index for operation in operations for index in operation.indexes)
    return Anomaly(
        type="nonlinearizable",
        op_indexes=indexes,
        explanation=" ".join(told),
        data={
            "key": case.key,
            "model": case.model.name,
            "kind": kind,
            "window": [indexes[0], indexes[-1]],
            "op": case.operation(culprit).ended().index,
            "first_impossible": case.operation(last).ended().index,
            "states": _states(case, engine, core, position),
            "impossible": _impossible(case, engine, culprit, budget),
            "final_paths": [[case.operation(number).invoke.index for number in path] for path in paths(core)],
        },
    )


def _core(case: Case, engine: Engine, position: int, budget: Budget) -> list[Item]:
    """Few operations, as known at the position, that are impossible in every history that holds them."""
    if engine.core is not None:
        numbers = sorted(engine.core(case.objects, case.model, position))
    else:
        numbers = np.flatnonzero(case.begin <= position).tolist()
    items = [(n, act) for n in numbers if (act := cut(case.act(n), position)) is not None]
    return shrink(items, budget) if len(items) <= CORE_MAX else items


def _culprit(core: Sequence[Item], last: int) -> int:
    """The operation to be called impossible: the observer that ended last (of a possible history none
    did).
    """
    ends = [(act.end, number) for number, act in core if act.need != NONE and act.end is not None]
    return max(ends)[1] if ends else last


def _states(case: Case, engine: Engine, core: Sequence[Item], position: int) -> list[Any]:
    """The values the register may have held before the impossible completion; if that takes long, in the
    core.
    """
    if engine.states is not None:
        return [
            thaw(case.registers.value(code)) for code in engine.states(case.objects, case.model, position)
        ]
    known = np.flatnonzero(case.begin <= position).tolist()
    every = [(n, act) for n in known if (act := cut(case.act(n), position)) is not None]
    for items in (every, core):
        if len(items) > STATES_EFFORT:
            continue
        deeds = [
            Deed("read" if act.put == NONE else "change", (act.need, act.put), None, act.begin, act.end)
            for _, act in items
        ]
        try:
            return [
                case.value(state) for state in sorted(state_search(_ACTS, deeds, effort(STATES_EFFORT))[1])
            ]
        except BudgetExceededError:
            pass
    return []


def _step(state: Any, f: str, invoked: Any, completed: Any, known: bool) -> Any:
    del f, completed, known
    need, put = invoked
    if need not in (NONE, state):
        return INCONSISTENT
    return state if put == NONE else put


_ACTS = Model("acts", INITIAL, _step, frozenset({"read"}))


def _impossible(case: Case, engine: Engine, culprit: int, budget: Budget) -> list[int]:
    """The completions that have to go, one after the other, until the rest is possible; the first of them at
    most.
    """
    need = case.need.copy()
    out: list[int] = []
    current: int | None = culprit
    rounds = min(IMPOSSIBLE_MAX, 1 + IMPOSSIBLE_EFFORT // len(need))
    while current is not None:
        out.append(case.operation(current).ended().index)
        if len(out) == rounds:
            break
        need[current] = NONE  # what then neither needs nor puts is passed over
        current = _next_impossible(case, engine, need, budget)
    return sorted(out)


def _next_impossible(case: Case, engine: Engine, need: Int64, budget: Budget) -> int | None:
    kept = np.flatnonzero((need != NONE) | (case.put != NONE))
    rest = case.objects.among(kept)
    rest.registers = case.registers._replace(need=need[kept], put=case.put[kept])
    found = engine.decide(rest, case.model, budget)
    if found.status[0] != INVALID:
        return None
    less = Case(rest, case.model)
    position = first_impossible(rest, case.model, engine, int(found.position[0]))
    last = less.at(position)
    if less.need[last] == NONE:
        last = _culprit(_core(less, engine, position, budget), last)
    return int(kept[last]) if less.need[last] != NONE else None


def _conflict(core: Sequence[Item], culprit: int) -> Conflict | None:
    """Two values of which each would have to be there before the other."""
    acts = dict(core)
    need = acts[culprit].need
    values = list(dict.fromkeys(v for _, act in core for v in (act.need, act.put) if v != NONE))
    pairs = [(need, v) for v in values if v != need] + [(v, need) for v in values if v != need]
    for old, new in pairs:
        found = _between(core, old, new)
        if found is not None:
            return found
    return None


def _between(core: Sequence[Item], old: int, new: int) -> Conflict | None:
    writers = [item for item in core if item[1].put == old]
    if len(writers) != (0 if old == INITIAL else 1):
        return _overwritten(core, old, new, writers)
    for by, act in core:
        if (act.need, act.put) == (old, new) and act.end is not None:
            later = [n for n, a in core if a.need == old and a.begin > act.end]
            if later:
                return Conflict(old, new, None, by, by, later[-1], by)
    olds = [(n, a) for n, a in core if old in (a.need, a.put) and new not in (a.need, a.put)]
    news = [(n, a) for n, a in core if new in (a.need, a.put) and old not in (a.need, a.put)]
    if not olds or not news:
        return None
    then, then_act = max(news, key=lambda item: item[1].begin)
    again, again_act = max(olds, key=lambda item: item[1].begin)
    replaced = min(news, key=_end)
    first = min(olds, key=_end)
    if not _end(replaced) < again_act.begin:
        return None
    single = len([n for n, a in core if a.put == new]) == (0 if new == INITIAL else 1)
    if not (single or then == replaced[0]):
        return None
    if old == INITIAL:
        return Conflict(old, new, None, then, replaced[0], again)
    if not _end(first) < then_act.begin:
        return None
    return Conflict(old, new, first[0], then, replaced[0], again)


def _overwritten(core: Sequence[Item], old: int, new: int, writers: Sequence[Item]) -> Conflict | None:
    """An old value of several writers, all of which had ended before an operation on the new value began."""
    if not writers:
        return None
    last = max(writers, key=_end)
    for item in core:
        then, act = item
        if new not in (act.need, act.put) or old in (act.need, act.put) or not _end(last) < act.begin:
            continue
        later = [n for n, a in core if a.need == old and a.begin > _end(item)]
        if later:
            return Conflict(old, new, last[0], then, then, later[-1], writers=len(writers))
    return None


def _end(item: Item) -> int:
    end = item[1].end
    return 1 << 62 if end is None else end


def _reason(
    case: Case, core: Sequence[Item], culprit: int, conflict: Conflict | None, teller: Teller
) -> tuple[str, list[str], list[Operation]]:
    """(kind, sentences that say why, operations outside the core that they name)."""
    acts = dict(core)
    it = case.operation(culprit)
    need = acts[culprit].need
    got = value(case.value(need)) if need != NONE else ""
    what = {"read": "read", "cas": "compare-and-set"}.get(it.invoke.f, it.invoke.f)
    tail = f"No order of these operations that respects real time explains this {what}."
    producers = [n for n, act in core if act.put == need]
    if need not in (NONE, INITIAL) and not producers:
        return _nowhere(case, culprit, need, what)
    rivals = [n for n, act in core if NONE not in (act.need, act.put)]
    changes = case.put[culprit] != NONE
    same = [
        n
        for n, act in core
        if act.need == need and act.end is not None and case.put[n] != NONE and n != culprit
    ]
    if changes and need != NONE and same and len(producers) <= (0 if need == INITIAL else 1):
        once = "the initial value" if need == INITIAL else "written only once"
        doubt = "a compare-and-set did not compare" + (
            "" if need == INITIAL else f", or the write of {got} took effect twice"
        )
        gone = (
            f"Both compare-and-sets replaced {got}, but {got} was {once}: after the first of them it was gone, "
            "and the other cannot have succeeded."
        )
        return (
            "two compare-and-sets of one value",
            [gone, tail, f"That both succeeded means that {doubt}."],
            [],
        )
    if conflict is not None:
        kind = _kind(case, conflict, culprit)
        why = [*_contradiction(case, conflict, teller), tail, *_remark(case, conflict, kind)]
        return kind, why, []
    notes = [
        (
            f"The compare-and-set from {value(case.value(acts[n].need))} to {value(case.value(acts[n].put))} "
            "leaves room for no other value between these two."
        )
        for n in rivals
    ]
    kind = "compare-and-set that cannot have succeeded" if changes else "no possible order"
    many = [v for v in dict.fromkeys(a.need for _, a in core) if v != NONE]
    notes += [
        f"All operations that could have made it {value(case.value(v))} are listed."
        for v in many
        if len([1 for _, a in core if a.put == v]) > 1
    ]
    return kind, [*notes, tail], []


def _nowhere(case: Case, culprit: int, need: int, what: str) -> tuple[str, list[str], list[Operation]]:
    """A value that no operation can have produced by then."""
    got = value(case.value(need))
    it = case.operation(culprit)
    for operation in failures(case.objects, culprit):
        teller = Teller(case.key, [it, operation])
        reason = (
            f"The only operation that could have made it {got}, {teller.noun(operation)} begun at "
            f"{teller.began(operation)} (op {operation.invoke.index}), was answered with a definite failure, so "
            f"it must never take effect: the {what} saw it all the same."
        )
        return "failed write took effect", [reason], [operation]
    for number in np.flatnonzero(case.put == case.code(need))[:1].tolist():
        later = case.operation(number)
        teller = Teller(case.key, [it, later])
        reason = (
            f"But {got} was first asked for by {teller.noun(later)} (op {later.invoke.index}), which began at "
            f"{teller.began(later)}, after the {what} had ended at {teller.ended(it)}. No operation can be "
            "seen before it begins."
        )
        return "value read before it was written", [reason], [later]
    teller = Teller(case.key, [it])
    reason = (
        f"No operation ever wrote {got} to {teller.object}, whatever its outcome, and it is not the initial value: "
        f"no order of any operations explains this {what}."
    )
    return "value never written", [reason], []


def _contradiction(case: Case, conflict: Conflict, teller: Teller) -> list[str]:
    old, new = value(case.value(conflict.old)), value(case.value(conflict.new))
    out = []
    if conflict.by is not None:
        by, again = case.operation(conflict.by), case.operation(conflict.again)
        out.append(
            f"{old} was gone after {teller.noun(by)}, which had ended at {teller.ended(by)}, before "
            f"{teller.noun(again)} began at {teller.began(again)}."
        )
        return [*out, _once(conflict, old)]
    if conflict.first is None:
        out.append(f"{old} is the value before any write, so {new} came after it.")
    else:
        first, then = case.operation(conflict.first), case.operation(conflict.then)
        out.append(
            f"{new} came after {old}: {teller.noun(first)} had ended at {teller.ended(first)}, before "
            f"{teller.noun(then)} began at {teller.began(then)}."
        )
    replaced, again = case.operation(conflict.replaced), case.operation(conflict.again)
    out.append(
        f"And {new} had already replaced {old} when {teller.noun(again)} began at {teller.began(again)}: "
        f"{teller.noun(replaced)} had ended at {teller.ended(replaced)}."
    )
    return [*out, _once(conflict, old)]


def _once(conflict: Conflict, old: str) -> str:
    if conflict.writers > 1:
        return f"All {conflict.writers} operations that made it {old} had ended before, so it cannot have come back."
    writes = "was never written again" if conflict.old == INITIAL else "was written only once"
    return f"{old} {writes}, so it cannot have come back."


def _remark(case: Case, conflict: Conflict, kind: str) -> list[str]:
    """What the whole history adds to a contradiction."""
    old, new = value(case.value(conflict.old)), value(case.value(conflict.new))
    remarks = {
        LOST: f"No operation ever found {new}: what was acknowledged was lost.",
        STALE: f"So {old} was out of date when it was returned.",
        BACK: (
            f"Other operations found {old} again as well: either its write took effect a second time, or {new} was "
            "undone."
        ),
    }
    return [remarks[kind]] if kind in remarks else []


def _kind(case: Case, conflict: Conflict, culprit: int) -> str:
    """Stale read, lost write, or a value that really came back, judged by what others saw in the whole
    history.
    """
    if case.put[culprit] != NONE:
        return "compare-and-set that cannot have succeeded"
    position = case.end[conflict.replaced]
    old, new = case.code(conflict.old), case.code(conflict.new)
    ended = case.end != CRASHED
    reads = (case.need != NONE) & ended & (case.begin > position)
    back = np.flatnonzero(reads & (case.need == old))
    if not len(back):
        return "no possible order"
    span = (case.begin >= case.begin[back].min()) & (case.begin <= case.begin[back].max())
    agreed = bool((case.need[reads & span] == old).all())
    nodes = case.objects.history.node[case.begin[back]]
    strong = bool((case.put[back] != NONE).any()) or (agreed and bool((nodes != nodes[0]).any()))
    if bool(((case.need == new) & ended).any()):
        return BACK if strong else STALE
    puts = (case.put != NONE) & (case.put != new) & (case.put != old)
    rewritten = bool((puts & (case.begin > position)).any())
    return LOST if strong or (agreed and not rewritten) else STALE


def untold(objects: Objects, model: Model, position: int) -> Anomaly:
    """The anomaly of a key when enough have been told already."""
    operation = told_operation(objects, int(np.flatnonzero(objects.begin <= position)[-1]))
    return Anomaly(
        "nonlinearizable",
        operation.indexes,
        explanation=f"The operations on key {value(objects.key(0))} have no order either.",
        data={"key": objects.key(0), "model": model.name, "kind": "no possible order"},
    )


def _state_anomaly(objects: Objects, model: Model, engine: Engine, position: int) -> Anomaly:
    """Of any model: the operation that no state allows, and what was going on around it."""
    key = objects.key(0)
    culprit = int(np.flatnonzero(objects.end == position)[0])
    if engine.core is not None:
        numbers = sorted(engine.core(objects, model, position))
    else:
        near = (objects.begin < position) & (objects.end >= objects.begin[culprit])
        numbers = np.flatnonzero(near).tolist()
    around = [told_operation(objects, n, until=position) for n in numbers]
    it = told_operation(objects, culprit)
    teller = Teller(key, around)
    try:
        states = table.states_before(objects, model, position, effort(EXPLAIN_EFFORT // 10))
        possible = [thaw(state) for state in states]
    except BudgetExceededError:
        possible = []
    told = [teller.sentence(o) for o, n in zip(around, numbers, strict=True) if n != culprit]
    told.append(teller.sentence(it))
    if possible:
        shown = ", ".join(value(state) for state in possible[:10]) + (" ..." if len(possible) > 10 else "")
        told.append(
            f"By then {teller.object} can only have been in one of these states: {shown}; in none of them, nor in any "
            f"that the operations open at that time lead to, does the model {model.name} allow this."
        )
    told.append("No order of the operations up to here that respects real time explains it.")
    indexes = sorted({index for o in [*around, it] for index in o.indexes})
    return Anomaly(
        "nonlinearizable",
        indexes,
        explanation=" ".join(told),
        data={
            "key": key,
            "model": model.name,
            "kind": "no possible order",
            "window": [indexes[0], indexes[-1]],
            "op": it.ended().index,
            "first_impossible": it.ended().index,
            "states": possible,
            "impossible": [it.ended().index],
            "final_paths": [],
        },
    )
