"""Do the replicas agree once the faults are over? ("convergence")

After the last heal and the quiet period the nemesis marks the final phase, and every node is read. What the
nodes answered must be equal. A list is compared as a bag unless the option ``ordered_reads`` is set, because
sets have no order.
"""

from __future__ import annotations

from checkers.faults import FINAL, phase_position
from checkers.operations import Operation, operations
from checkers.record import Record
from checkers.result import Anomaly, Result
from checkers.words import canonical, listing, plural, seconds

NODES_MIN = 2


class Convergence:
    """Options: ``ordered_reads``: the order of a list counts."""

    name = "convergence"
    anomalies = ("divergence",)

    def check(self, record: Record) -> Result:
        start = phase_position(record.history, FINAL)
        if start is None:
            return Result("unknown", self.name, why="the history has no final phase", coverage={"nodes": 0})
        ordered = bool(record.options.get("ordered_reads", False))
        last: dict[bytes, dict[str, Operation]] = {}  # key -> node -> its last final read
        for operation in operations(record.history):
            if operation.begin > start and operation.invoke.f == "read" and operation.type == "ok":
                node = operation.node
                if node is not None:
                    last.setdefault(canonical(operation.invoke.key), {})[node] = operation
        compared = {key: reads for key, reads in last.items() if len(reads) >= NODES_MIN}
        nodes = sorted({node for reads in last.values() for node in reads})
        coverage = {
            "nodes": len(nodes),
            "keys": len(compared),
            "reads": sum(len(r) for r in compared.values()),
        }
        if not compared:
            why = (
                f"final reads were answered by {plural(len(nodes), 'node')}; it takes {NODES_MIN} to compare"
            )
            return Result("unknown", self.name, why=why, coverage=coverage)
        found = [a for key in sorted(compared) if (a := _divergence(key, compared[key], ordered))]
        if found:
            why = f"{len(found)} of {plural(len(compared), 'key')} differ between nodes after the last heal"
            return Result("invalid", self.name, found, why, coverage)
        return Result("valid", self.name, coverage=coverage)


def _parts(operation: Operation, ordered: bool) -> tuple[bytes, ...]:
    assert operation.completion is not None
    value = operation.completion.value
    if isinstance(value, list | tuple):
        elements = [canonical(v) for v in value]
        return tuple(elements if ordered else sorted(elements))
    return (canonical(value), b"")  # no list of one element is equal to the element


def _divergence(key: bytes, reads: dict[str, Operation], ordered: bool) -> Anomaly | None:
    groups: dict[tuple[bytes, ...], list[str]] = {}
    for node in sorted(reads):
        groups.setdefault(_parts(reads[node], ordered), []).append(node)
    if len(groups) == 1:
        return None
    ranked = sorted(groups, key=lambda parts: (-len(groups[parts]), groups[parts]))
    sentences = []
    for parts in ranked[:4]:
        nodes = groups[parts]
        at = reads[nodes[0]].completion
        assert at is not None
        sentences.append(f"{', '.join(nodes)} answered {_shown(parts, ranked[0])} ({seconds(at.time)})")
    subject = "" if key == b"null" else f"key {key.decode()}: "
    return Anomaly(
        "divergence",
        [i for node in sorted(reads) for i in reads[node].indexes()],
        explanation=f"{subject}in the final phase " + "; ".join(sentences),
        data={"groups": [groups[parts] for parts in ranked]},
    )


def _shown(parts: tuple[bytes, ...], reference: tuple[bytes, ...]) -> str:
    if len(parts) == 2 and parts[1] == b"":
        return parts[0].decode()
    shown = f"{len(parts)} elements"
    if parts != reference:
        known, own = frozenset(reference), frozenset(parts)
        missing = [p.decode() for p in reference if p not in own]
        added = [p.decode() for p in parts if p not in known]
        changes = [f"without {listing(missing)}"] * bool(missing) + [f"with {listing(added)}"] * bool(added)
        shown += f" ({'; '.join(changes) or 'in another order or number'})"
    return shown
