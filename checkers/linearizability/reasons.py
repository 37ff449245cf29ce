"""Why a few operations on a register contradict one another, in sentences, and what kind of violation that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from checkers.linearizability.acts import INITIAL, NONE, Item
from checkers.linearizability.case import Case, Conflict
from checkers.linearizability.engines import CRASHED
from checkers.linearizability.tell import Operation, Teller, failures, value

STALE = "stale read"
LOST = "lost write"
BACK = "resurrected value (a write took effect twice)"


def reason_of(
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
    old, new = case.code(conflict.old), case.code(conflict.new)
    seen = np.where(case.end == CRASHED, NONE, case.need)
    after = int(np.searchsorted(case.begin, case.end[conflict.replaced]))
    since, put = seen[after:], case.put[after:]
    back = np.flatnonzero(since == old)
    if not len(back):
        return "no possible order"
    span = since[back[0] : back[-1]]
    agreed = bool(((span == old) | (span == NONE)).all())
    nodes = case.objects.history.node[case.begin[after:][back]]
    strong = bool((put[back] != NONE).any()) or (agreed and bool((nodes != nodes[0]).any()))
    if bool((seen == new).any()):
        return BACK if strong else STALE
    rewritten = bool(((put != NONE) & (put != new) & (put != old)).any())
    return LOST if strong or (agreed and not rewritten) else STALE
