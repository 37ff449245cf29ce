"""Entries of campaigns for tests, valid unless told otherwise."""

from __future__ import annotations

from typing import Any

from harness.entry import Bite, Entry


def entry(number: int = 0, **fields: Any) -> Entry:
    base: dict[str, Any] = {
        "number": number,
        "cell": 1,
        "group": "",
        "expect": "valid",
        "folder": f"runs/{number}",
        "seed": number + 1,
        "system": "raft",
        "bug": None,
        "workload": "register",
        "nemesis": ["kill"],
        "env": "sim",
        "verdict": "valid",
        "operations": 100,
        "ok": 90,
        "bite": {"kill": Bite(bit=3, did_not_bite=1)},
        "max_recovery_s": 1.5,
        "elapsed_s": 0.25,
        "replay": f"splitbrain replay store/c/x/runs/{number}",
    }
    return Entry(**(base | fields))
