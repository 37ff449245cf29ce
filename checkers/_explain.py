"""Why the operations on one register have no order: the smallest window, its kind, and plain sentences about
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from checkers._budget import Budget, BudgetExceededError, effort
from checkers._key_history import KeyHistory, Operation
from checkers._register_search import INITIAL, NONE, Act, cut, first_impossible
from checkers._shrink import Item, paths, shrink
from checkers._state_search import Deed
from checkers._state_search import search as state_search
from checkers._tell import Teller, value
from checkers.models import ANY, INCONSISTENT, KEEP, Model, freeze, thaw
from checkers.result import Anomaly

IMPOSSIBLE_MAX = 8
"""operations that are named as impossible, of one key"""
STATES_EFFORT = 20_000
"""configurations to explore for the possible states before the impossible completion"""
EXPLAIN_EFFORT = 3_000_000
"""configurations to explore for one key's explanation: counted, not timed, so that it is the same
everywhere
"""

STALE = "stale read"
LOST = "lost write"
BACK = "resurrected value (a write took effect twice)"


class RegisterCase(msgspec.Struct):
    """One key's operations and what the search makes of them; ``values[n]`` is the value with number n."""

    history: KeyHistory
    model: Model
    acts: list[Act]
    values: list[Any]


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


def register_case(history: KeyHistory, model: Model) -> RegisterCase:
    """Number the values of a key's operations. Raises ModelError."""
    assert model.effect is not None
    numbers: dict[Any, int] = {freeze(model.initial): INITIAL}
    values: list[Any] = [model.initial]
    acts = []

    def number(frozen: Any) -> int:
        found = numbers.get(frozen)
        if found is None:
            found = numbers[frozen] = len(values)
            values.append(thaw(frozen))
        return found

    for operation in history.operations:
        need, put = _effect(model, operation)
        acts.append(
            Act(
                NONE if need is ANY else number(need),
                NONE if put is KEEP else number(put),
                operation.begin,
                operation.end,
            )
        )
    return RegisterCase(history, model, acts, values)


def _effect(model: Model, operation: Operation) -> tuple[Any, Any]:
    assert model.effect is not None
    done = operation.completion
    return model.effect(
        operation.invoke.f, freeze(operation.invoke.value), freeze(done.value) if done is not None else None
    )


def explain(case: RegisterCase) -> Anomaly:
    """The anomaly of a register's history that is known to be impossible. When the effort ends it is only
    coarser.
    """
    budget = effort(EXPLAIN_EFFORT)
    try:
        position = first_impossible(case.acts, budget)
    except BudgetExceededError:
        position = max(act.end for act in case.acts if act.end is not None)
    assert position is not None
    known = [
        (number, act) for number, whole in enumerate(case.acts) if (act := cut(whole, position)) is not None
    ]
    last = next(number for number, act in enumerate(case.acts) if act.end == position)
    core = shrink(known, budget)
    culprit = _culprit(core, last)
    conflict = _conflict(core, culprit)
    operations = [case.history.operations[number] for number, _ in core]
    teller = Teller(case.history.key, operations)
    kind, reason, more = _reason(case, core, culprit, conflict, teller)
    operations += more
    ordered = [case.history.operations[n] for n, _ in core if n != culprit]
    told = [teller.sentence(operation) for operation in ordered]
    told.append(teller.sentence(case.history.operations[culprit]))
    told += reason
    indexes = sorted(index for operation in operations for index in operation.indexes)
    return Anomaly(
        type="nonlinearizable",
        op_indexes=indexes,
        explanation=" ".join(told),
        data={
            "key": case.history.key,
            "model": case.model.name,
            "kind": kind,
            "window": [indexes[0], indexes[-1]],
            "op": case.history.operations[culprit].ended().index,
            "first_impossible": case.history.operations[last].ended().index,
            "states": [case.values[state] for state in _states(core, known)],
            "impossible": _impossible(case, culprit, budget),
            "final_paths": [
                [case.history.operations[number].invoke.index for number in path] for path in paths(core)
            ],
        },
    )


def _culprit(core: Sequence[Item], last: int) -> int:
    """The operation to be called impossible: the observer that ended last (of a possible history none
    did).
    """
    ends = [(act.end, number) for number, act in core if act.need != NONE and act.end is not None]
    return max(ends)[1] if ends else last


def _states(core: Sequence[Item], known: Sequence[Item]) -> list[int]:
    """The values the register may have held before the impossible completion; if that takes long, in the
    core.
    """
    for items in (known, core):
        deeds = [
            Deed("read" if act.put == NONE else "change", (act.need, act.put), None, act.begin, act.end)
            for _, act in items
        ]
        try:
            return sorted(state_search(_ACTS, deeds, effort(STATES_EFFORT))[1])
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


def _impossible(case: RegisterCase, culprit: int, budget: Budget) -> list[int]:
    """The completions that have to go, one after the other, until the rest is possible; the first of them at
    most.
    """
    acts = list(case.acts)
    out: list[int] = []
    current: int | None = culprit
    while current is not None and len(out) < IMPOSSIBLE_MAX:
        out.append(case.history.operations[current].ended().index)
        act = acts[current]
        acts[current] = act._replace(need=NONE)  # what then neither needs nor puts is passed over
        current = _next_impossible(acts, budget)
    return sorted(out)


def _next_impossible(acts: Sequence[Act], budget: Budget) -> int | None:
    kept = [(number, act) for number, act in enumerate(acts) if act[:2] != (NONE, NONE)]
    try:
        position = first_impossible([act for _, act in kept], budget)
    except BudgetExceededError:
        return None
    if position is None:
        return None
    last = next(number for number, act in kept if act.end == position)
    if acts[last].need != NONE:
        return last
    known = [(number, act) for number, whole in kept if (act := cut(whole, position)) is not None]
    found = _culprit(shrink(known, budget), last)
    return found if acts[found].need != NONE else None


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
    case: RegisterCase, core: Sequence[Item], culprit: int, conflict: Conflict | None, teller: Teller
) -> tuple[str, list[str], list[Operation]]:
    """(kind, sentences that say why, operations outside the core that they name)."""
    operations = case.history.operations
    acts = dict(core)
    it = operations[culprit]
    need = acts[culprit].need
    got = value(case.values[need]) if need != NONE else ""
    what = {"read": "read", "cas": "compare-and-set"}.get(it.invoke.f, it.invoke.f)
    tail = f"No order of these operations that respects real time explains this {what}."
    producers = [n for n, act in core if act.put == need]
    if need not in (NONE, INITIAL) and not producers:
        return _nowhere(case, culprit, need, what)
    rivals = [n for n, act in core if NONE not in (act.need, act.put)]
    changes = case.acts[culprit].put != NONE
    same = [
        n
        for n, act in core
        if act.need == need and act.end is not None and case.acts[n].put != NONE and n != culprit
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
            f"The compare-and-set from {value(case.values[acts[n].need])} to {value(case.values[acts[n].put])} "
            "leaves room for no other value between these two."
        )
        for n in rivals
    ]
    kind = "compare-and-set that cannot have succeeded" if changes else "no possible order"
    many = [v for v in dict.fromkeys(a.need for _, a in core) if v != NONE]
    notes += [
        f"All operations that could have made it {value(case.values[v])} are listed."
        for v in many
        if len([1 for _, a in core if a.put == v]) > 1
    ]
    return kind, [*notes, tail], []


def _nowhere(
    case: RegisterCase, culprit: int, need: int, what: str
) -> tuple[str, list[str], list[Operation]]:
    """A value that no operation can have produced by then."""
    got, frozen = value(case.values[need]), freeze(case.values[need])
    it = case.history.operations[culprit]
    for operation in case.history.failed:
        if _effect(case.model, operation)[1] == frozen:
            teller = Teller(case.history.key, [it, operation])
            reason = (
                f"The only operation that could have made it {got}, {teller.noun(operation)} begun at "
                f"{teller.began(operation)} (op {operation.invoke.index}), was answered with a definite failure, so "
                f"it must never take effect: the {what} saw it all the same."
            )
            return "failed write took effect", [reason], [operation]
    for number, act in enumerate(case.acts):
        if act.put == need:
            later = case.history.operations[number]
            teller = Teller(case.history.key, [it, later])
            reason = (
                f"But {got} was first asked for by {teller.noun(later)} (op {later.invoke.index}), which began at "
                f"{teller.began(later)}, after the {what} had ended at {teller.ended(it)}. No operation can be "
                "seen before it begins."
            )
            return "value read before it was written", [reason], [later]
    teller = Teller(case.history.key, [it])
    reason = (
        f"No operation ever wrote {got} to {teller.object}, whatever its outcome, and it is not the initial value: "
        f"no order of any operations explains this {what}."
    )
    return "value never written", [reason], []


def _contradiction(case: RegisterCase, conflict: Conflict, teller: Teller) -> list[str]:
    ops = case.history.operations
    old, new = value(case.values[conflict.old]), value(case.values[conflict.new])
    out = []
    if conflict.by is not None:
        by, again = ops[conflict.by], ops[conflict.again]
        out.append(
            f"{old} was gone after {teller.noun(by)}, which had ended at {teller.ended(by)}, before "
            f"{teller.noun(again)} began at {teller.began(again)}."
        )
        return [*out, _once(conflict, old)]
    if conflict.first is None:
        out.append(f"{old} is the value before any write, so {new} came after it.")
    else:
        first, then = ops[conflict.first], ops[conflict.then]
        out.append(
            f"{new} came after {old}: {teller.noun(first)} had ended at {teller.ended(first)}, before "
            f"{teller.noun(then)} began at {teller.began(then)}."
        )
    replaced, again = ops[conflict.replaced], ops[conflict.again]
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


def _remark(case: RegisterCase, conflict: Conflict, kind: str) -> list[str]:
    """What the whole history adds to a contradiction."""
    old, new = value(case.values[conflict.old]), value(case.values[conflict.new])
    remarks = {
        LOST: f"No operation ever found {new}: what was acknowledged was lost.",
        STALE: f"So {old} was out of date when it was returned.",
        BACK: (
            f"Other operations found {old} again as well: either its write took effect a second time, or {new} was "
            "undone."
        ),
    }
    return [remarks[kind]] if kind in remarks else []


def _kind(case: RegisterCase, conflict: Conflict, culprit: int) -> str:
    """Stale read, lost write, or a value that really came back, judged by what others saw in the whole
    history.
    """
    if case.acts[culprit].put != NONE:
        return "compare-and-set that cannot have succeeded"
    position = case.acts[conflict.replaced].end
    assert position is not None
    reads = [
        (act, case.history.operations[n])
        for n, act in enumerate(case.acts)
        if act.need != NONE and act.end is not None and act.begin > position
    ]
    back = [(act, operation) for act, operation in reads if act.need == conflict.old]
    if not back:
        return "no possible order"
    span = range(min(act.begin for act, _ in back), max(act.begin for act, _ in back) + 1)
    agreed = all(act.need == conflict.old for act, _ in reads if act.begin in span)
    strong = any(act.put != NONE for act, _ in back) or (
        agreed and len({operation.invoke.node for _, operation in back}) > 1
    )
    if any(act.need == conflict.new and act.end is not None for act in case.acts):
        return BACK if strong else STALE
    rewritten = any(
        act.put not in (NONE, conflict.new, conflict.old) and act.begin > position for act in case.acts
    )
    return LOST if strong or (agreed and not rewritten) else STALE
