"""Is what replicas show in the end the merge of all acknowledged updates? ("crdt")

The last read of each node in the final phase, key by key, is held against the reference merge of the type that the
option ``crdt`` names (crdt_merges.py). Where the option is absent the functions in the history tell:
``remove`` an or-set, ``add`` or ``broadcast`` with lists a g-set, ``increment`` or ``decrement`` a pn-counter.

| anomaly | the final read of a node |
|---|---|
| missing-update | lacks what was acknowledged and nothing undid |
| resurrected-element | shows an element that was removed where every add of it had been seen |
| phantom-element | shows what nobody added or wrote |
| counter-overshoot, counter-undershoot | is no sum of the acknowledged updates with any of the unknown ones |
| lww-wrong-winner | shows a value other than that of the write that wins |
| superseded-value | shows a value beside one that was written with the first in sight |

Whether replicas are equal to one another, and how soon, is the checker "convergence"'s. All updates are kept: the
merge is of all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from checkers.faults import FINAL, PHASE
from checkers.history import Op
from checkers.replicas.crdt_merges import MERGES, Case, Shown, Update
from checkers.result import Result
from checkers.running import Findings, Running, conclude
from checkers.stepwise import number
from checkers.words import canonical, identity, seconds, who

ALIASES = {"broadcast": "g-set"}


class _Final(msgspec.Struct, gc=False):
    invoke: Op
    done: Op


class _Key(msgspec.Struct):
    """``open``: process -> its update that is under way; ``final``: node -> its last final read."""

    key: Any
    updates: dict[int, Update] = {}
    """position of the invocation -> what may have happened"""
    open: dict[int | str, Update] = {}
    shown: Shown = {}
    final: dict[str, _Final] = {}


class Crdt(Running):
    """Options: ``crdt``: g-set, or-set, g-counter, pn-counter, lww-register or mv-register; ``skew_ms`` (0): how far
    the clocks of an lww-register may be apart where its completions have no timestamps.
    """

    name = "crdt"
    anomalies = (
        "missing-update",
        "resurrected-element",
        "phantom-element",
        "counter-overshoot",
        "counter-undershoot",
        "lww-wrong-winner",
        "superseded-value",
    )

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        asked = self.options.get("crdt")
        if asked is not None and asked not in MERGES:
            raise ValueError(f"option crdt: expected one of {', '.join(MERGES)}, got {asked!r}")
        self._options = {"skew_ms": number(self.options, "skew_ms", 0)}
        self._asked: str | None = asked
        self._keys: dict[Hashable, _Key] = {}
        self._functions: set[str] = set()
        self._final: int | None = None

    def disturbed(self, op: Op, position: int) -> None:
        if (
            op.f == PHASE
            and isinstance(op.value, dict)
            and op.value.get("name") == FINAL
            and self._final is None
        ):
            self._final = position

    def began(self, op: Op, position: int) -> None:
        key = self._of(op.key)
        if op.f == "read":
            return
        self._functions.add(op.f)
        key.open[op.process] = update = Update(op, position)
        key.updates[position] = update

    def _of(self, key: Any) -> _Key:
        name = identity(key)
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = _Key(key, {}, {}, {}, {})
        return found

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:
        key = self._of(invoke.key)
        if invoke.f != "read":
            update = key.open.pop(invoke.process)
            if op.type == "fail":
                del key.updates[begin]
            elif op.type == "ok":
                update.done, update.end = op, end
            return
        if op.type != "ok":
            return
        node = op.node if op.node is not None else invoke.node
        if node is not None and isinstance(op.value, list | tuple):
            shown = key.shown.setdefault(node, {})
            for element in op.value:
                shown.setdefault(identity(element), end)
        if node is not None and self._final is not None and begin > self._final:
            key.final[node] = _Final(invoke, op)

    # --- out ----------------------------------------------------------------------------------------------

    def violated(self) -> bool:
        """Never before the end: a later read of the final phase takes the place of an earlier one."""
        return False

    def _kind(self) -> str | None:
        """The type: as asked for, else as the functions tell."""
        if self._asked is not None:
            return self._asked
        seen = self._functions
        if "remove" in seen and "add" in seen:
            return "or-set"
        if seen and seen <= {"increment", "inc", "decrement", "dec"}:
            return "pn-counter"
        lists = any(
            isinstance(f.done.value, list | tuple) for k in self._keys.values() for f in k.final.values()
        )
        return "g-set" if seen and seen <= {"add", "broadcast"} and lists else None

    def result(self) -> Result:
        kind = self._kind()
        reads = sum(len(key.final) for key in self._keys.values())
        coverage: dict[str, Any] = {
            "type": kind,
            "keys": sum(bool(key.final) for key in self._keys.values()),
            "reads": reads,
            "updates": sum(len(key.updates) for key in self._keys.values()),
        }
        why = ""
        if self._final is None:
            why = "the history has no final phase"
        elif not reads:
            why = "no node answered a read in the final phase"
        elif kind is None:
            why = f"the functions do not tell the type; give the option crdt, one of {', '.join(MERGES)}"
        found = Findings()
        if not why:
            assert kind is not None
            functions = MERGES[kind][1]
            strange = sorted(self._functions - functions)
            if strange:
                why = f"{', '.join(strange)} is no update of a {kind} ({', '.join(sorted(functions))})"
            else:
                self._judge(kind, found)
        return conclude(self.name, self.anomalies, found, coverage, why)

    def _judge(self, kind: str, found: Findings) -> None:
        merge = MERGES[kind][0]
        for key in self._keys.values():
            judged: dict[bytes, list[str]] = {}
            for node in sorted(key.final):
                judged.setdefault(canonical(key.final[node].done.value), []).append(node)
            case = Case(list(key.updates.values()), key.shown, self._options)
            for nodes in judged.values():
                read = key.final[nodes[0]]
                for wrong in merge(case, read.done.value):
                    if found.room(wrong.kind):
                        indexes = [i for u in wrong.updates for i in u.indexes()]
                        subject = "" if key.key is None else f"key {canonical(key.key).decode()}: "
                        found.keep(
                            wrong.kind,
                            [*indexes, read.invoke.index, read.done.index],
                            f"{subject}in the end {', '.join(nodes)} showed {_brief(read.done.value)} "
                            f"({who(read.invoke)}, "
                            f"{seconds(read.done.time)}); {wrong.text}",
                            nodes=nodes,
                        )


def _brief(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) > 8:
        return f"{len(value)} elements"
    return canonical(value).decode()
