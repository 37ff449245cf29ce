"""Generators: what the clients do next, as small immutable values that compose (Jepsen's combinators).

| module | what |
|---|---|
| ``base`` | the contract: ``Context``, ``Gen``, ``PENDING``, marks |
| ``sources`` | ``fn``, ``count``, ``one``, ``log`` |
| ``combine`` | ``mix``, ``any_of``, ``concat``, ``flip_flop``, ``limit``, ``once``, ``repeat``, ``cycle`` |
| ``timing`` | ``stagger``, ``delay``, ``sleep``, ``time_limit`` |
| ``threads`` | ``on_threads``, ``reserve``, ``each_thread``, ``phases``, ``then``, ``synchronize``, routing |
| ``transform`` | ``map_ops``, ``filter_ops``, ``until_ok`` |

Jepsen's ``any``, ``map`` and ``filter`` are ``any_of``, ``map_ops`` and ``filter_ops``: those are Python's
own words.
"""

from workloads.generators.base import (
    PENDING,
    Context,
    Draws,
    Emission,
    Gen,
    Pending,
    invocation,
    mark,
)
from workloads.generators.combine import any_of, concat, cycle, flip_flop, limit, mix, once, repeat
from workloads.generators.sources import NOTHING, Spec, count, fn, log, one
from workloads.generators.threads import (
    clients,
    each_thread,
    nemesis,
    on_threads,
    phases,
    process_limit,
    reserve,
    routed,
    synchronize,
    then,
)
from workloads.generators.timing import delay, sleep, spacing, stagger, time_limit
from workloads.generators.transform import filter_ops, map_ops, until_ok

__all__ = [
    "NOTHING",
    "PENDING",
    "Context",
    "Draws",
    "Emission",
    "Gen",
    "Pending",
    "Spec",
    "any_of",
    "clients",
    "concat",
    "count",
    "cycle",
    "delay",
    "each_thread",
    "filter_ops",
    "flip_flop",
    "fn",
    "invocation",
    "limit",
    "log",
    "map_ops",
    "mark",
    "mix",
    "nemesis",
    "on_threads",
    "once",
    "one",
    "phases",
    "process_limit",
    "repeat",
    "reserve",
    "routed",
    "sleep",
    "spacing",
    "stagger",
    "synchronize",
    "then",
    "time_limit",
    "until_ok",
]
