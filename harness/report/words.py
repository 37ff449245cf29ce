"""How values, times, counts and anomaly types read on the page. Plain text: the template escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from checkers.history import Op

SECOND = 1_000_000_000

# What a named anomaly means to somebody who was not there. Keys are compared in lower case, without
# spaces, dashes and underscores. Sources: Adya 1999 (G0..G2), Jepsen, the Raft paper's figure 3.
_MEANINGS: dict[str, str] = {
    "nonlinearizable": "no order of the operations that respects real time explains what clients saw",
    "linearizability": "no order of the operations that respects real time explains what clients saw",
    "nopossibleorder": "no order of the operations that respects real time explains what clients saw",
    "compareandsetthatcannothavesucceeded": "a compare-and-set succeeded that cannot have found its expected value",
    "resurrectedvalueawritetookeffecttwice": "a value came back that had been replaced: its write took effect twice, "
    "or the newer one was undone",
    "lostwrite": "an acknowledged write was lost",
    "lostupdate": "an acknowledged update was overwritten by one that never saw it",
    "staleread": "a read returned a value that had already been replaced",
    "dirtyread": "a read returned a value that was never committed",
    "phantomread": "a read returned a value that nobody wrote",
    "lost": "acknowledged elements are missing from the final reads",
    "lostelement": "an acknowledged element is missing from the final reads",
    "stale": "acknowledged elements were missing from later reads before they appeared",
    "unexpected": "a read returned an element that nobody added",
    "duplicate": "an element appears more than once",
    "duplicates": "an element appears more than once",
    "duplicateappend": "one append was applied more than once",
    "duplicateelements": "an element appears more than once in a list",
    "incompatibleorder": "two reads saw the same list in orders that contradict each other",
    "internal": "a transaction contradicts its own earlier steps",
    "g0": "transactions overwrote each other in a cycle (dirty write)",
    "g1a": "a transaction read a value of one that failed (aborted read)",
    "g1b": "a transaction read a value from the middle of another (intermediate read)",
    "g1c": "transactions depend on each other in a circle (circular information flow)",
    "gsingle": "a transaction saw one effect of another but missed an earlier one (read skew)",
    "g2item": "transactions each missed what the other wrote (write skew)",
    "g2": "transactions each missed what the other wrote (write skew)",
    "g0realtime": "transactions overwrote each other in an order that contradicts real time",
    "g1crealtime": "transactions depend on each other in a circle that contradicts real time",
    "gsinglerealtime": "a transaction missed an effect that was complete before it began (stale read)",
    "g2itemrealtime": "transactions each missed what the other wrote, in an order that contradicts real time",
    "gnonadjacent": "transactions each missed an effect of the next in a longer circle (long fork)",
    "gnonadjacentrealtime": "transactions missed each other's effects in a circle that contradicts real time",
    "g0process": "transactions overwrote each other in an order that contradicts that of one process",
    "g1cprocess": "transactions depend on each other in a circle that contradicts the order of one process",
    "gsingleprocess": "a process missed an effect of what it had done or seen before (stale read)",
    "gnonadjacentprocess": "transactions missed each other's effects, against the order of one process",
    "g2itemprocess": "transactions each missed what the other wrote, against the order of one process",
    "dirtyupdate": "a transaction that committed built on one that had failed",
    "futureread": "a transaction read what it wrote only later",
    "garbageread": "a read returned what nobody wrote",
    "cyclicversions": "values of a register each seem to come before the other",
    "splitbrain": "two members acted as the leader of one term",
    "electionsafety": "two members became leader in one term",
    "leaderappendonly": "a leader overwrote or removed entries of its own log",
    "logmatching": "two logs hold the same entry but differ before it",
    "leadercompleteness": "a new leader's log lacks an entry that had been committed",
    "statemachinesafety": "two members applied different entries at the same place of the log",
    "committedisdurable": "an entry that had been committed was lost",
    "currenttermcommit": "a leader took an entry of an earlier term for committed because enough members hold it",
    "singlevote": "a member voted for two candidates in one term",
    "monotoniccommit": "a member's commit index went backwards",
    "monotonicterm": "a member's term went backwards",
    "divergence": "replicas did not agree after every fault was healed",
    "notconverged": "replicas did not agree after every fault was healed",
    "convergence": "replicas did not agree after every fault was healed",
    "duplicateid": "one id was handed out twice",
    "slowrecovery": "the system took too long to answer again after a fault was healed",
    "noprogressafterheal": "nothing succeeded any more after the last fault was healed",
    "didnotbite": "a fault was applied, and nothing on the affected side shows it",
    "duplicated": "an element appears more than once in one read",
    "wrongecho": "a reply differs from what was sent",
}

_OUTCOMES = {"ok": "ok", "fail": "failed: did not happen", "info": "unknown: may happen at any later time"}


def meaning(kind: str) -> str:
    """What an anomaly type means, or ``""`` for a type this page has no words for."""
    plain = "".join(c for c in kind.casefold() if c.isalnum())
    return _MEANINGS.get(plain, "")


def outcome(kind: str | None) -> str:
    """The completion's type in words; None: no completion was recorded."""
    return "never answered" if kind is None else _OUTCOMES.get(kind, kind)


def compact(value: Any) -> str:
    """JSON on one line; whatever JSON cannot say, as Python's repr."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        return repr(value)


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, saying how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}\u2026 ({len(text)} characters)"


def value(f: str, v: Any) -> str:
    """An op's value as a person writes it: ``1 -> 2`` for a cas, ``append 1 5, r 1 = [5]`` for a txn."""
    if v is None:
        return ""
    if isinstance(v, str):
        return v
    if f == "cas" and isinstance(v, list) and len(v) == 2:
        return f"{compact(v[0])} \u2192 {compact(v[1])}"
    if isinstance(v, list) and v and all(_is_step(step) for step in v):
        return ", ".join(_step(step) for step in v)
    return compact(v)


def value_of(op: Op) -> str:
    """The value of one line of a history. A read that found nothing says ``null``: that is what it saw."""
    if op.value is None and op.type == "ok" and op.f == "read":
        return "null"
    return value(op.f, op.value)


def _is_step(step: Any) -> bool:
    return isinstance(step, list) and len(step) == 3 and isinstance(step[0], str)


def _step(step: list[Any]) -> str:
    f, key, v = step
    if v is None:
        return f"{f} {compact(key)}"
    return f"{f} {compact(key)} {'= ' if f == 'r' else ''}{compact(v)}"


def brief(f: str, v: Any) -> str:
    """The same for a label: of a long list only its end, which is what differs."""
    if isinstance(v, list) and v and all(_is_step(step) for step in v):
        text = ", ".join(_step([name, key, _end(item)]) for name, key, item in v)
    else:
        text = value(f, _end(v))
    return text.replace('["\u2026",', "[\u2026 ")


def _end(v: Any) -> Any:
    return ["\u2026", *v[-3:]] if isinstance(v, list) and len(v) > 5 else v


def error(e: Any) -> str:
    if e is None:
        return ""
    if isinstance(e, list) and len(e) == 2 and isinstance(e[0], int) and isinstance(e[1], str):
        return f"{e[1]}, code {e[0]}"  # of Maelstrom's protocol
    return e if isinstance(e, str) else compact(e)


def seconds(ns: int, digits: int = 3) -> str:
    """``4.103`` for 4,103,900,000 ns: cut, not rounded, as the checkers' explanations do, so that order is kept."""
    unit = SECOND // 10**digits
    scaled = abs(ns) // unit
    whole, part = divmod(scaled, 10**digits)
    sign = "\u2212" if ns < 0 and scaled else ""
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def span(start: int, stop: int | None, digits: int = 1) -> str:
    """``4.1\u20136.0 s``; one that was never healed says so."""
    if stop is None:
        return f"from {seconds(start, digits)} s to the end"
    a, b = seconds(start, digits), seconds(stop, digits)
    if a == b and digits < 3:
        return span(start, stop, 3)
    return f"{a} s" if a == b else f"{a}\u2013{b} s"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """``1 kill``, ``1,200 kills``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listing(items: Sequence[str], limit: int = 6) -> str:
    """``a``, ``a and b``, ``a, b and c``, and ``a, b, c and 9 more`` beyond ``limit``."""
    shown = list(items)
    if len(shown) > limit:
        shown = [*shown[: limit - 1], f"{len(shown) - limit + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def duration(ns: int) -> str:
    """``5 ms``, ``1.2 s``, ``40 \u00b5s``: three significant digits at most."""
    size = abs(ns)
    sign = "\u2212" if ns < 0 else ""
    for unit, name in ((SECOND, "s"), (1_000_000, "ms"), (1_000, "\u00b5s")):
        if size >= unit:
            whole = size // unit
            digits = 0 if whole >= 100 else 1
            text = f"{size / unit:.{digits}f}"
            return f"{sign}{text.removesuffix('.0')} {name}"
    return f"{sign}{size} ns"


def measure(name: str, v: Any) -> tuple[str, str]:
    """A figure of a checker's coverage by its name and with its unit: ``ok_ppm`` 930388 is ``ok`` 93.04 %."""
    if isinstance(v, int) and name.endswith("_ppm"):
        return _plain(name.removesuffix("_ppm")), f"{v / 10_000:.2f} %"
    if isinstance(v, int) and name.endswith("_rate_milli"):
        return _plain(name.removesuffix("_milli")), f"{v / 1000:,.1f} a second"
    if isinstance(v, list) and len(v) == 2 and name.endswith("_ns"):
        return _plain(name.removesuffix("_ns")), span(*v)
    return _plain(name), figure(v)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def figure(v: Any) -> str:
    """One without a unit of its own; of tables in it only the heads, as their contents are shown elsewhere."""
    if isinstance(v, bool):
        return "yes" if v else "no"
    if isinstance(v, int):
        return f"{v:,}"
    if isinstance(v, float):
        return f"{v:,.3f}".rstrip("0").rstrip(".")
    if isinstance(v, list) and any(isinstance(item, dict) for item in v):
        return count(len(v), "entry", "entries")
    if isinstance(v, dict):
        parts = [str(k) if isinstance(item, dict) else f"{k} {figure(item)}" for k, item in v.items()]
        return listing(parts, 12) or "none"
    return "none" if v == [] else shorten(value("", v), 160)
