"""Consistency models, the anomalies that each forbids, and the models that an anomaly rules out.

| anomaly | a cycle, or else |
|---|---|
| G0 | of ww edges only: dirty write |
| G1a, G1b | a read of what an aborted transaction wrote, of what its writer itself overwrote |
| G1c | of ww and wr edges, with a wr |
| G-single | with exactly one rw: read skew |
| G-nonadjacent | with several rw, no two of them adjacent |
| G2-item | with several rw: write skew |
| lost-update | several read one version and each wrote over it |
| G-cursor | a transaction read a version and wrote over a later one of the same key; where G-single is allowed |
| dirty-update | a committed append on top of an aborted one |
| internal | a transaction contradicts its own reads and writes |
| future-read | a transaction reads what it writes only later |
| incompatible-order | two reads of a list, neither a prefix of the other; or a read that has the appends of one
transaction the other way round |
| duplicate-elements | an element is in a list twice |
| garbage-read | a value that nobody wrote |
| cyclic-versions | versions of a register that each come before the other |

``-process`` and ``-realtime`` variants need the order of one process, or real time, to close the cycle.

Sources: Adya 1999 (PL-1 to PL-3, PL-2L, PL-2+, PL-CS, PL-MSR, PL-FCV, PL-SI, PL-3U, PL-SS); Bailis et al., VLDB
2013; Cerone, Bernardi and Gotsman, CONCUR 2015 (read atomic to snapshot isolation by axioms); Cerone, Gotsman and
Yang, DISC 2015 (parallel snapshot isolation has no cycle with fewer than two rw); Daudjee and Salem 2004 and 2006
(strong session models). Which anomaly implies which, and which model is above which, is as in Elle; what only one of
the two could tell apart (predicates) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise

CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
VARIANTS = ("", "-process", "-realtime")

DEFAULT = "strict-serializable"

STRONGER: dict[str, tuple[str, ...]] = {
    "read-uncommitted": (),
    "read-committed": ("read-uncommitted",),
    "cursor-stability": ("read-committed",),
    "monotonic-view": ("read-committed",),
    "monotonic-snapshot-read": ("read-committed",),
    "consistent-view": ("cursor-stability", "monotonic-view"),
    "forward-consistent-view": ("consistent-view",),
    "update-serializable": ("forward-consistent-view",),
    "monotonic-atomic-view": ("read-committed",),
    "read-atomic": ("monotonic-atomic-view",),
    "update-atomic": ("read-atomic",),
    "causal-consistency": ("read-atomic",),
    "prefix-consistency": ("causal-consistency",),
    "parallel-snapshot-isolation": ("causal-consistency", "update-atomic"),
    "repeatable-read": ("cursor-stability", "monotonic-atomic-view"),
    "snapshot-isolation": (
        "forward-consistent-view",
        "monotonic-atomic-view",
        "monotonic-snapshot-read",
        "parallel-snapshot-isolation",
        "prefix-consistency",
    ),
    "serializable": ("repeatable-read", "snapshot-isolation", "update-serializable"),
    "strong-session-read-uncommitted": ("read-uncommitted",),
    "strong-session-read-committed": ("read-committed", "strong-session-read-uncommitted"),
    "strong-session-snapshot-isolation": ("snapshot-isolation", "strong-session-read-committed"),
    "strong-session-serializable": ("serializable", "strong-session-snapshot-isolation"),
    "strong-read-uncommitted": ("strong-session-read-uncommitted",),
    "strong-read-committed": ("strong-session-read-committed", "strong-read-uncommitted"),
    "strong-snapshot-isolation": ("strong-session-snapshot-isolation", "strong-read-committed"),
    "strict-serializable": ("strong-session-serializable", "strong-snapshot-isolation"),
}
"""model -> the next weaker ones: what satisfies it satisfies them. Weaker ones stand before stronger ones."""

ALIASES = {
    "PL-1": "read-uncommitted",
    "PL-2": "read-committed",
    "PL-CS": "cursor-stability",
    "PL-2L": "monotonic-view",
    "PL-MSR": "monotonic-snapshot-read",
    "PL-2+": "consistent-view",
    "PL-FCV": "forward-consistent-view",
    "PL-3U": "update-serializable",
    "PL-2.99": "repeatable-read",
    "PL-SI": "snapshot-isolation",
    "PL-3": "serializable",
    "conflict-serializable": "serializable",
    "PL-SS": "strict-serializable",
    "strong-serializable": "strict-serializable",
    "causal-cerone": "causal-consistency",
    "prefix": "prefix-consistency",
}
"""other names, Adya's among them"""

_PROSCRIBED: dict[str, tuple[str, ...]] = {
    "read-uncommitted": ("G0", "duplicate-elements", "garbage-read", "cyclic-versions"),
    "read-committed": ("G1a", "G1b", "G1c"),
    "cursor-stability": ("lost-update", "G-cursor"),
    "consistent-view": ("G-single",),
    "read-atomic": ("internal",),
    "update-atomic": ("lost-update",),
    "parallel-snapshot-isolation": ("G-single",),
    "snapshot-isolation": ("G-nonadjacent",),
    "repeatable-read": ("G2-item",),
    "serializable": ("internal", "G2-item"),
    "strong-session-read-uncommitted": ("G0-process",),
    "strong-session-read-committed": ("G1c-process",),
    "strong-session-snapshot-isolation": ("G-nonadjacent-process",),
    "strong-session-serializable": ("G2-item-process",),
    "strong-read-uncommitted": ("G0-realtime",),
    "strong-read-committed": ("G1c-realtime",),
    "strong-snapshot-isolation": ("G-nonadjacent-realtime",),
    "strict-serializable": ("G2-item-realtime",),
}
"""model -> what it forbids beyond what weaker models do"""

IMPLIES: dict[str, tuple[str, ...]] = {
    **{
        cycle + variant: tuple(
            implied
            for implied in (
                *(stronger + variant for stronger in more),
                *(cycle + after for before, after in pairwise(VARIANTS) if before == variant),
            )
        )
        for cycle, more in zip(CYCLES, (("G1c",), (), ("G-nonadjacent",), ("G2-item",), ()), strict=True)
        for variant in VARIANTS
    },
    "future-read": ("G1c",),
    "incompatible-order": ("G1a",),
    "dirty-update": ("G1a",),
    "lost-update": ("G2-item",),
    "G-cursor": ("G-single",),
}
"""anomaly -> those that it is a special case of: who forbids them forbids it"""


def _implying(anomalies: Iterable[str]) -> frozenset[str]:
    """These and all that imply one of them."""
    found = set(anomalies)
    while more := {a for a, implied in IMPLIES.items() if a not in found and not found.isdisjoint(implied)}:
        found |= more
    return frozenset(found)


def _forbidden() -> dict[str, frozenset[str]]:
    direct: dict[str, frozenset[str]] = {}
    for model, weaker in STRONGER.items():
        direct[model] = frozenset(_PROSCRIBED.get(model, ())).union(*(direct[w] for w in weaker))
    return {model: _implying(anomalies) for model, anomalies in direct.items()}


FORBIDDEN: Mapping[str, frozenset[str]] = _forbidden()
"""model -> every type of anomaly that no history of it has"""

ANOMALIES = (
    *("duplicate-elements", "garbage-read", "incompatible-order", "internal", "future-read"),
    *("G1a", "G1b", "dirty-update", "lost-update", "G-cursor"),
    "cyclic-versions",
    *(cycle + variant for variant in VARIANTS for cycle in CYCLES),
)
"""all of them, in the order in which they are told"""


def known(model: str) -> str:
    """The model's own name; raises ValueError, one line with the nearest name, if there is no such model."""
    name = ALIASES.get(model, model)
    if name in FORBIDDEN:
        return name
    near = get_close_matches(model, [*FORBIDDEN, *ALIASES], 1, 0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FORBIDDEN)}"
    raise ValueError(f"no consistency model is called {model!r}; {hint}")


def _above(model: str) -> frozenset[str]:
    """All models stronger than this one."""
    found = {model}
    for stronger, weaker in STRONGER.items():
        if not found.isdisjoint(weaker):
            found.add(stronger)
    return frozenset(found - {model})


def ruled_out(anomalies: Iterable[str]) -> tuple[list[str], list[str]]:
    """(not, also not): the weakest models that a history with these anomalies cannot have, and those above them."""
    present = frozenset(anomalies)
    impossible = [model for model, forbidden in FORBIDDEN.items() if not present.isdisjoint(forbidden)]
    above = frozenset[str]().union(*(_above(model) for model in impossible))
    return [m for m in impossible if m not in above], [m for m in impossible if m in above]
