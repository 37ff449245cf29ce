"""Which anomalies each consistency model forbids (Adya 1999; Cerone and Gotsman 2018; Elle, VLDB 2020).

| anomaly | a cycle, or else |
|---|---|
| G0 | of ww edges only: dirty write |
| G1a, G1b | a read of an aborted, of an intermediate element |
| G1c | of ww and wr edges, with a wr |
| G-single | with exactly one rw: read skew, lost update |
| G-nonadjacent | with several rw, no two of them adjacent |
| G2-item | with several rw: write skew |
| internal | a transaction contradicts its own reads and appends |
| dirty-update | a committed append on top of an aborted one |

``-process`` and ``-realtime`` variants need the order of one process, or real time, to close the cycle.
"""

from __future__ import annotations

from difflib import get_close_matches

from checkers.txn_graph import PROCESS, RT, RW, WR, WW

ALWAYS = ("duplicate-elements", "garbage-read", "incompatible-order")
"""contradictions that no history of append-only lists has, under any model"""

_RU = (*ALWAYS, "G0")
_RC = (*_RU, "G1a", "G1b", "G1c", "dirty-update")
_SI = (*_RC, "internal", "G-single", "G-nonadjacent", "lost-update")
_SER = (*_SI, "G2-item")

CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")


def _with(base: tuple[str, ...], *suffixes: str) -> frozenset[str]:
    return frozenset(base) | {cycle + suffix for cycle in CYCLES if cycle in base for suffix in suffixes}


FORBIDDEN: dict[str, frozenset[str]] = {
    "read-uncommitted": _with(_RU),
    "read-committed": _with(_RC),
    "snapshot-isolation": _with(_SI),
    "strong-session-snapshot-isolation": _with(_SI, "-process"),
    "strong-snapshot-isolation": _with(_SI, "-process", "-realtime"),
    "repeatable-read": _with(_SER),
    "serializable": _with(_SER),
    "strong-session-serializable": _with(_SER, "-process"),
    "strict-serializable": _with(_SER, "-process", "-realtime"),
}

DEFAULT = "strict-serializable"


def edge_classes(model: str) -> tuple[int, ...]:
    """The classes of edges from which a cycle that ``model`` forbids can be made."""
    forbidden = FORBIDDEN[model]
    return tuple(
        sorted(
            {WW}
            | ({WR} if "G1c" in forbidden else set())
            | ({RW} if "G-single" in forbidden else set())
            | ({PROCESS} if "G0-process" in forbidden else set())
            | ({RT} if "G0-realtime" in forbidden else set())
        )
    )


def known(model: str) -> str:
    """``model`` itself; raises ValueError, one line with the nearest name, if there is no such model."""
    if model in FORBIDDEN:
        return model
    near = get_close_matches(model, FORBIDDEN, 1, 0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FORBIDDEN)}"
    raise ValueError(f"no consistency model is called {model!r}; {hint}")
