"""What was observed of a fault on the side it acted on, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.report import words


def mapping(v: Any) -> dict[str, Any]:
    return v if isinstance(v, dict) else {}


def _total(counts: Any) -> int:
    return sum(n for n in counts.values() if isinstance(n, int)) if isinstance(counts, dict) else 0


def _nodes(evidence: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    nodes = mapping(evidence.get("nodes"))
    return [(name, mapping(nodes[name])) for name in sorted(nodes)]


def _died(state: dict[str, Any]) -> bool:
    later = state.get("incarnation_after", 0) > state.get("incarnation_before", 0)
    gone = state.get("up") is False and state.get("exit_status") is not None
    return bool(state.get("was_up")) and (gone or later)


def _frames(field: str, verb: str) -> Callable[[dict[str, Any]], str]:
    def say(evidence: dict[str, Any]) -> str:
        counts = mapping(evidence.get(field))
        total = _total(evidence.get(field))
        links = [f"{link.replace('>', ' → ')}: {counts[link]}" for link in sorted(counts) if counts[link]]
        what = words.count(total, str(evidence.get("unit", "message")))
        return f"{what} {verb}" + (f" ({words.listing(links, 5)})" if links else "")

    return say


def _gone(evidence: dict[str, Any]) -> str:
    parts = []
    for name, state in _nodes(evidence):
        if not _died(state):
            parts.append(f"{name} was {'still up' if state.get('up') else 'not up before'}")
            continue
        lost = state.get("lost_bytes", 0)
        status = state.get("exit_status")
        parts.append(f"{name} gone" + _ended(status) + (f", {lost:,} unsynced bytes lost" if lost else ""))
    return "; ".join(parts)


def _ended(status: Any) -> str:
    """Negative: the number of a signal."""
    if not isinstance(status, int):
        return ""
    return f", ended by signal {-status}" if status < 0 else f", exit status {status}"


def _stalled(evidence: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} {'paused' if state.get('paused') else 'not paused'},"
        f" {words.count(state.get('stalled', 0), 'message')} stalled"
        for name, state in _nodes(evidence)
    )


def _read(evidence: dict[str, Any]) -> str:
    parts = []
    for name, state in _nodes(evidence):
        moved = state.get("offset_ns", 0) - state.get("offset_ns_before", 0)
        rate = state.get("rate_ppm", 0) - state.get("rate_ppm_before", 0)
        shifted = [f"moved by {words.duration(moved)}"] if moved else []
        shifted += [f"ran {rate:,} ppm faster" if rate > 0 else f"ran {-rate:,} ppm slower"] if rate else []
        parts.append(f"{name}'s clock {' and '.join(shifted) or 'read as before'}")
    return "; ".join(parts)


def _disk_seen(evidence: dict[str, Any]) -> str:
    parts = []
    for name, state in _nodes(evidence):
        gone = " and gave up" if state.get("exit_status") is not None and not state.get("up") else ""
        if "damaged" in state:
            what = f"{name} was started on {words.count(state['damaged'], 'changed byte')}"
        elif state.get("refused"):
            what = f"{name} had {words.count(state['refused'], 'write')} refused"
        else:
            mean, before = (words.duration(state.get(f, 0) * 1000) for f in ("sync_us", "sync_us_before"))
            what = (
                f"{name} synced {words.count(state.get('syncs', 0), 'time')}, in {mean} where it was {before}"
            )
        parts.append(what + gone)
    return "; ".join(parts)


def _starved(evidence: dict[str, Any]) -> str:
    if any("throttled_ns" not in state for _, state in _nodes(evidence)):
        return _gone(evidence)
    return "; ".join(
        f"{name} stood still for {words.duration(state['throttled_ns'])}"
        + (f", {words.count(state['waited'], 'message')} waited" if "waited" in state else "")
        for name, state in _nodes(evidence)
    )


_OBSERVED: dict[str, Callable[[dict[str, Any]], str]] = {
    "partition": _frames("refused", "refused"),
    "link": _frames("altered", "altered"),
    "kill": _gone,
    "power-loss": _gone,
    "pause": _stalled,
    "clock": _read,
    "disk": _disk_seen,
    "resource": _starved,
}


def observed(family: str, evidence: dict[str, Any]) -> str:
    """The evidence in words."""
    say = _OBSERVED.get(family)
    try:
        return say(evidence) if say else words.compact(evidence)
    except (TypeError, AttributeError):
        # evidence of a foreign shape is shown as it is
        return words.compact(evidence)
