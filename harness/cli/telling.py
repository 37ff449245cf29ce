"""What a history is of: the workload or the model that its clients' operations tell, and names that others use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from checkers.columns import FLOAT, INT, INVOKE, LIST, MAP, NEMESIS, NIL, OK, STR, History
from harness.errors import UsageError

# what clients do -> the workload it is, the most telling first
TELLING = (
    ("send", "kafka"),
    ("transfer", "bank"),
    ("insert", "adya-g2"),
    ("txn", "txn-list-append"),
    ("broadcast", "broadcast"),
    ("increment", "pn-counter"),
    ("decrement", "pn-counter"),
    ("add", "g-set"),
    ("enqueue", "total-queue"),
    ("generate", "unique-ids"),
    ("echo", "echo"),
    ("cas", "register"),
    ("write", "register"),
    ("read", "register"),
)

# what transactions do besides reading -> the workload it is
WRITING = {"append": "txn-list-append", "w": "txn-rw-register"}

# what clients do -> the sequential model it is, where no workload has such clients
MODELLED = (("acquire", "mutex"), ("append", "append-kv"), ("put", "append-kv"))

# names of workloads, checkers and models elsewhere (Jepsen, Knossos, elle-cli, Maelstrom) -> the name here
OTHERS = {
    "append": "list-append",
    "wr": "rw-register",
    "lin-kv": "register",
    "linearizable-register": "register",
    "adya": "adya-g2",
    "g2": "adya-g2",
    "comments": "causal-reverse",
}

# names elsewhere of what has no one checker here -> what was expected
INSTEAD = {
    "sequential": "expected --workload sessions, or of transactions --model strong-session-serializable",
}


def functions(ops: History) -> set[str]:
    """What clients do."""
    return {ops.fs[code] for code in np.flatnonzero(np.bincount(ops.f[ops.process != NEMESIS])).tolist()}


def model_of(ops: History) -> str | None:
    """The model that the clients' functions tell of, where it is known."""
    from checkers.models import MODELS  # noqa: PLC0415

    if _micro(ops, ("txn", "read", "write")) in ("read", "write"):
        return "multi-register"
    seen = functions(ops)
    return next((model for f, model in MODELLED if f in seen and model in MODELS), None)


def workload_of(path: Path, ops: History) -> str:
    """The workload, by the functions in the history and what their values are; UsageError if nothing tells."""
    seen = functions(ops)
    for f, workload in TELLING:
        if f not in seen:
            continue
        if f == "txn":
            return WRITING.get(writes(ops), workload)
        kinds = _read_kinds(ops)
        if f == "add" and kinds and kinds <= {INT, FLOAT}:
            return "counter"
        if workload == "register" and f == "read" and kinds == {MAP}:
            return "bank"
        return workload
    what = ", ".join(sorted(seen)[:8]) or "nothing"
    raise UsageError(
        f"{path}: cannot tell the workload from its functions ({what}); give --workload or --model"
    )


def _read_kinds(ops: History) -> set[int]:
    """Of what kinds the values are that reads returned; nothing is none."""
    ok = (ops.type == OK) & (ops.process != NEMESIS) & (ops.f == ops.code_of("read"))
    return set(np.flatnonzero(np.bincount(ops.value.kind[ok])).tolist()) - {NIL}


def writes(ops: History) -> str:
    """What the first micro-operation of a transaction does that does not read; empty if there is none."""
    return _micro(ops, ("txn",), besides="r")


def _micro(ops: History, fs: tuple[str, ...], besides: str = "") -> str:
    """The first function of a micro-operation in these functions, other than ``besides``; empty if there is none."""
    wanted = np.isin(ops.f, [ops.code_of(f) for f in fs]) & (ops.type == INVOKE) & (ops.value.kind == LIST)
    for at in np.flatnonzero(wanted).tolist():
        for micro in ops[at].value:
            if isinstance(micro, list) and micro and isinstance(micro[0], str) and micro[0] != besides:
                return micro[0]
        if not besides:
            return ""
    return ""


def absent_is_text(ops: History) -> bool:
    """Whether gets of a store answer the empty text for an absent key, as Porcupine's do, and never nothing."""
    if "" not in ops.strings:
        return False
    empty = (ops.value.kind == STR) & (ops.value.word == ops.strings.index(""))
    got = (ops.type == OK) & (ops.f == ops.code_of("get"))
    put = (ops.type == INVOKE) & (ops.f != ops.code_of("get"))
    return bool((got & empty).any()) and not bool(
        (got & (ops.value.kind == NIL)).any() or (put & empty).any()
    )
