"""Sequential specifications: what one object would answer if operations came one after another.

A model is a value: a name, an initial state and a step. Ten lines make a new one::

    from checkers.models import INCONSISTENT, Model, ModelError

    def step(state, f, invoked, completed, known):
        if f == "add":
            return state | {invoked}
        if f == "contains":
            return state if not known or completed == ("bool", invoked in state) else INCONSISTENT
        raise ModelError(f"a set has no operation {f!r}")

    MODEL = Model("my-set", frozenset(), step, reads=frozenset({"contains"}))

and ``splitbrain check history.jsonl --model ./mymodel.py:MODEL``, or ``check(history, model=MODEL)``, judges by it.

| module | what |
|---|---|
| model | what a model is; registers |
| values | a key of a store, several registers, append-only list, counter, set |
| containers | queues, stack, priority queue |
| locks | mutexes: with owner, reentrant, fenced; semaphore |
| tabled | how these are written |
"""

from __future__ import annotations

from checkers.models.containers import FIFO_QUEUE, PRIORITY_QUEUE, STACK, UNORDERED_QUEUE
from checkers.models.locks import (
    FENCED_MUTEX,
    MUTEX,
    OWNER_AWARE_MUTEX,
    REENTRANT_FENCED_MUTEX,
    REENTRANT_MUTEX,
    semaphore,
)
from checkers.models.model import (
    ANY,
    CAS_REGISTER,
    CAS_REGISTER_STRICT,
    INCONSISTENT,
    KEEP,
    REGISTER,
    Model,
    ModelError,
    Role,
    beginning,
    effect,
    freeze,
    register_model,
    thaw,
)
from checkers.models.values import (
    APPEND_KV,
    APPEND_LIST,
    COUNTER,
    KV,
    MULTI_REGISTER,
    SET,
    kv,
    multi_register,
)

__all__ = [
    "ANY",
    "CAS_REGISTER",
    "CAS_REGISTER_STRICT",
    "INCONSISTENT",
    "KEEP",
    "MODELS",
    "REGISTER",
    "Model",
    "ModelError",
    "Role",
    "beginning",
    "effect",
    "freeze",
    "kv",
    "multi_register",
    "register_model",
    "semaphore",
    "thaw",
]

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        REGISTER,
        CAS_REGISTER,
        CAS_REGISTER_STRICT,
        MULTI_REGISTER,
        KV,
        APPEND_KV,
        APPEND_LIST,
        COUNTER,
        SET,
        FIFO_QUEUE,
        UNORDERED_QUEUE,
        PRIORITY_QUEUE,
        STACK,
        MUTEX,
        OWNER_AWARE_MUTEX,
        REENTRANT_MUTEX,
        FENCED_MUTEX,
        REENTRANT_FENCED_MUTEX,
    )
}
