"""Inner loops: numbers in, numbers out. Plain Python files, compiled ahead of time where a compiler is at hand.

A kernel `name.py` has a `name.pxd` beside it: the C types of its functions and variables (Cython's augmenting
files). The `.py` knows nothing of Cython, so without a compiler it runs as it is: the same results, slower.

- Arguments are arrays, flat and typed; callers wrap them in ``view``. Results go into arrays that the caller made.
- Hashes and masks of 64 bits are cut by ``& MASK``: C does so by itself, Python must be told.
- No negative operands of ``//`` and ``%``, no index below 0: C and Python differ there.

| module | what |
|---|---|
| dense | equal values get equal small numbers |
| micro, lists, registers | transactions: their micro-operations, and which versions these read and wrote |
| acyclic, dependencies, appending, writing | transactions while a run goes on: their order, until there is none |
| graph, cycles | transactions: edges by source, components, the shortest cycles |
| memberships | reads that had an element first and last |
| pairing, grouping | invocations and their completions; which of them may have happened, key by key |
| effects | what a register's operations need and put |
| text, json_ops, edn_ops | ops from bytes of JSON and EDN into columns |
| slots | what is pending in a search, and what it has spent |
| pending, steps, moves, search | one order of a register's operations, each built on the one before |
| cores | the few operations of a register that have none |
| places, windows | operations on registers while a run goes on, on top of zones |
| memo, configurations, table | one order of any model's operations |
"""

from __future__ import annotations

import os
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

SHARED = "shared"
"""a compiled module without a file of its own: what Cython brings for memoryviews, once for all kernels"""


def _compiled() -> bool:
    """Whether every kernel is: one that is not would misread what only machine code wraps around at 64 bits."""
    here = frozenset(os.listdir(os.path.dirname(__file__)))  # noqa: PTH120, PTH208 (pathlib costs the start-up)
    kernels = [name.removesuffix(".pxd") for name in here if name.endswith(".pxd")]
    return all(any(name + suffix in here for suffix in EXTENSION_SUFFIXES) for name in (SHARED, *kernels))


COMPILED: bool = _compiled()
"""whether the kernels are machine code; where not, checkers are right all the same, and much slower"""


def view(array: Any) -> Any:
    """What a kernel takes of an array: itself, or uncompiled a view whose items are Python's integers."""
    return array if COMPILED else memoryview(array)
