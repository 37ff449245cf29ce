"""From what was found to a result: kept anomalies, counts, models ruled out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from checkers.result import Anomaly, Result
from checkers.txn.cycles import KEPT_MAX, Found
from checkers.txn.graph import Graph
from checkers.txn.micro import Micro
from checkers.txn.models import ANOMALIES, ruled_out
from checkers.txn.tell import Teller

T = TypeVar("T")


class Gathered:
    """Anomalies that are no cycles: KEPT_MAX of each type that the model forbids; the rest are counted.

    ``present``: types that are there, forbidden or not: each rules out models.
    """

    def __init__(self, teller: Teller, forbidden: frozenset[str]) -> None:
        self.teller = teller
        self.forbidden = forbidden
        self.kept: list[Anomaly] = []
        self.counts: Counter[str] = Counter()
        self.present: set[str] = set()

    def add(self, kind: str, found: Sequence[T]) -> Sequence[T]:
        """Count all of ``found``; those that are to be told."""
        if len(found):
            self.present.add(kind)
        if kind not in self.forbidden or not len(found):
            return ()
        self.counts[kind] += len(found)
        return found[:KEPT_MAX]

    def places(self, kind: str, found: npt.NDArray[np.integer[Any]]) -> Sequence[int]:
        """The same of numbers in an array."""
        told: list[int] = found[:KEPT_MAX].tolist()
        self.add(kind, range(len(found)))
        return told if kind in self.forbidden else ()

    def tell(self, kind: str, txns: Sequence[int], sentence: str, key: Any) -> None:
        self.kept.append(self.teller.other(kind, txns, sentence, key))


def conclude(
    checker: str,
    model: str,
    micro: Micro,
    graph: Graph,
    gathered: Gathered,
    cycles: Found,
    unknown: str,
    more: dict[str, Any],
) -> Result:
    """``unknown``: why a history without anomalies is not called valid, empty if it is. ``more``: of coverage."""
    counts = gathered.counts + cycles.counts
    names = [name for name in ANOMALIES if counts[name]]
    coverage: dict[str, Any] = {
        "operations": len(micro),
        "ok": int(micro.known.sum()),
        **more,
        "edges": graph.counts(),
        "cyclic_components": cycles.cyclic,
        "model": model,
        "anomalies": {name: counts[name] for name in names},
    }
    if names:
        coverage["not"], coverage["also_not"] = ruled_out(gathered.present.union(names))
        told = [*gathered.kept, *(gathered.teller.cycle(c) for c in cycles.cycles)]
        told.sort(key=lambda a: names.index(a.type))
        return Result("invalid", checker, told, f"not {model}: {', '.join(names)}", coverage)
    if not unknown and not cycles.complete:
        unknown = "there are cycles; the search for one that the model forbids was cut short"
    return Result("unknown" if unknown else "valid", checker, why=unknown, coverage=coverage)
