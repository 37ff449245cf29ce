"""What each object does, one operation after another, said again and plainly: nothing here is the checkers' own.

``apply(state, f, asked)`` lists (answer, state after) of all that can happen; nothing when the operation has to wait
or is refused. ``SILENT`` is the answer of what only acknowledges: the op repeats what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

MULTI_VALUES_MAX = 14
"""of seven transactions, each of which writes two registers at the most"""

SILENT = "silent"
REFUSED = "refused"
"""the answer of what was definitely not done, the state being another one"""
UNKNOWN = "unknown"
"""the answer of a crashed operation"""


class Spec(NamedTuple):
    """``kinds``: all that histories of up to four operations are made of, (f, asked, answer).

    ``ask(random, fresh)``: a random (f, asked); ``fresh()`` is a value not used before, or an old one. ``lie``: an
    answer that need not be true, given f, what was asked and the values used. ``engines``: each must decide some.
    """

    initial: Any
    apply: Callable[[Any, str, Any], list[tuple[Any, Any]]]
    ask: Callable[[Any, Callable[[], Any]], tuple[str, Any]]
    lie: Callable[..., Any]
    kinds: list[tuple[str, Any, Any]]
    engines: tuple[str, ...]
    reads: tuple[str, ...] = ()


def register(state, f, asked):
    if f in ("read", "get"):
        return [(state, state)]
    if f in ("write", "put"):
        return [(SILENT, asked)]
    if f == "delete":
        return [(SILENT, None)]
    frm, to = asked
    return [(SILENT, to)] if frm == state else []


def strict_register(state, f, asked):
    if f == "cas" and asked[0] != state:
        return [(REFUSED, state)]
    return register(state, f, asked)


def ask_register(random, fresh, fs=("read", "read", "write", "cas")):
    f = random.choice(fs)
    if f in ("write", "put"):
        return f, fresh()
    return (f, (random.choice([None, 1, 2, 3]), fresh())) if f == "cas" else (f, None)


def lie_value(random, used, **_):
    return random.choice([*used, None])


def kv(initial):
    def apply(state, f, asked):
        if f == "append":
            return [(SILENT, (state or "") + asked)]
        return [(SILENT, initial)] if f == "delete" else register(state, f, asked)

    return apply


def multi(state, f, asked):
    del f
    state = dict(state)
    answer = []
    for f, register_, value in asked:
        if f == "write":
            state[register_] = value
        answer.append((f, register_, state.get(register_)))
    return [(tuple(answer), tuple(sorted(state.items())))]


FIRST_VALUES = (None, *range(MULTI_VALUES_MAX + 1))
"""what registers may hold at first, as far as a history of seven operations can tell: ``fresh`` counts from 1"""


def multi_unknown(state, f, asked):
    """Of which nobody knows the first values: all that they may be."""
    del f
    outcomes = [([], dict(state))]
    for f, register_, value in asked:
        grown = []
        for answer, now in outcomes:
            if f == "write":
                grown.append(([*answer, (f, register_, value)], {**now, register_: value}))
                continue
            guesses = [now[register_]] if register_ in now else FIRST_VALUES
            grown += [([*answer, (f, register_, guess)], {**now, register_: guess}) for guess in guesses]
        outcomes = grown
    return [(tuple(answer), tuple(sorted(now.items()))) for answer, now in outcomes]


def ask_multi(random, fresh):
    size = random.choice([1, 1, 2])
    registers = random.sample(["x", "y"], size)
    return "txn", tuple(
        ("write", register_, fresh()) if random.random() < 0.5 else ("read", register_, None)
        for register_ in registers
    )


def lie_multi(random, used, asked, **_):
    return tuple((g, r, v if g == "write" else random.choice([*used, None])) for g, r, v in asked)


def append_list(state, f, asked):
    return [(state, state)] if f == "read" else [(SILENT, (*state, asked))]


def lie_strictly(random, used, f, **_):
    return random.choice([SILENT, REFUSED]) if f == "cas" else lie_value(random, used)


def lie_elements(random, used, f, **_):
    return tuple(sorted(lie_list(random, used, f))) if f == "read" else SILENT


def lie_list(random, used, f, **_):
    if f != "read":
        return SILENT
    some = list(used)
    random.shuffle(some)
    return tuple(some[: random.randint(0, len(some))])


def counter(state, f, asked):
    if f == "read":
        return [(state, state)]
    amount = 1 if asked is None else asked
    return [(SILENT, state - amount if f == "dec" else state + amount)]


def a_set(state, f, asked):
    if f == "add":
        return [(asked not in state, state | {asked})]
    if f == "remove":
        return [(asked in state, state - {asked})]
    if f == "contains":
        return [(asked in state, state)]
    return [(tuple(sorted(state)), state)]


def ask_set(random, fresh):
    f = random.choice(["add", "add", "remove", "contains", "contains"])
    return f, fresh() if f == "add" else random.choice([1, 1, 2, 3])


def fifo(state, f, asked):
    if f == "enqueue":
        return [(SILENT, (*state, asked))]
    if f == "peek":
        return [(state[0] if state else None, state)]
    return [(state[0], state[1:])] if state else [(None, state)]


def stack(state, f, asked):
    if f == "push":
        return [(SILENT, (*state, asked))]
    if f == "peek":
        return [(state[-1] if state else None, state)]
    return [(state[-1], state[:-1])] if state else [(None, state)]


def priority(state, f, asked):
    if f == "enqueue":
        return [(SILENT, tuple(sorted((*state, asked))))]
    return fifo(state, f, asked)


def unordered(state, f, asked):
    if f == "enqueue":
        return [(SILENT, tuple(sorted((*state, asked))))]
    if not state:
        return [(None, state)]
    return [(e, (*state[:i], *state[i + 1 :])) for i, e in enumerate(state)]


def asker(put, take, *others):
    def ask(random, fresh):
        return (put, fresh()) if random.random() < 0.5 else (random.choice([take, take, take, *others]), None)

    return ask


def ask_growing(read, read_share, put_share=0.0):
    """Appends of strings, or (``read_share`` over all) of numbers; reads; puts."""

    def ask(random, fresh):
        u = random.random()
        if u < read_share:
            return read, None
        if read == "read":
            return "append", fresh()
        return "put" if u < read_share + put_share else "append", f"<{fresh()}>"

    return ask


def lie_text(random, used, **_):
    return "".join(f"<{u}>" for u in random.sample(used, min(len(used), random.randint(0, 3))))


def ask_counter(random, fresh):
    del fresh
    return ("read", None) if random.random() < 0.5 else ("inc", None)


def ask_any_counter(random, fresh):
    del fresh
    f = random.choice(["read", "read", "add", "dec"])
    return f, None if f == "read" else random.choice([1, 1, 2])


def ask_whole(random, fresh):
    return ("read", None) if random.random() < 0.4 else ("add", fresh())


def mutex(state, f, asked):
    del asked
    return [] if (f == "acquire") == state else [(SILENT, not state)]


def lock(times_max):
    def apply(state, f, asked):
        owner, times = state
        who = asked["client"]
        if f == "acquire":
            fits = times == 0 or (owner == who and times < times_max)
            return [(SILENT, (who, times + 1))] if fits else []
        if times == 0 or owner != who:
            return []
        return [(SILENT, (who, times - 1) if times > 1 else (None, 0))]

    return apply


def fenced(times_max):
    """State: owner, times, the holding's token (0: not told), the highest token told."""

    def apply(state, f, asked):
        owner, times, token, highest = state
        who = asked["client"]
        if f == "release":
            if times == 0 or owner != who:
                return []
            return [(SILENT, (who, times - 1, token, highest) if times > 1 else (None, 0, 0, highest))]
        if times and (owner != who or times >= times_max):
            return []
        tokens = [told for told in range(1, 8) if told == token or (token == 0 and told > highest)]
        return [
            (0, (who, times + 1, token, highest)),
            *((told, (who, times + 1, told, max(told, highest))) for told in tokens),
        ]

    return apply


def ask_lock(random, fresh):
    del fresh
    return random.choice(["acquire", "release"]), {"client": random.choice(["a", "b"])}


def ask_mutex(random, fresh):
    del fresh
    return random.choice(["acquire", "release"]), None


def lie_fence(random, f, **_):
    return random.randint(0, 5) if f == "acquire" else SILENT


def silent(*_, **__):
    return SILENT


A, B = {"client": "a"}, {"client": "b"}
_VALUES = [("read", None, None), ("read", None, 1), ("write", 1, SILENT), ("write", 2, SILENT)]
_CAS = [("cas", (None, 1), SILENT), ("cas", (1, 2), SILENT), ("cas", (2, 1), SILENT)]
_QUEUE = [
    ("enqueue", 1, SILENT),
    ("enqueue", 2, SILENT),
    ("dequeue", None, 1),
    ("dequeue", None, 2),
    ("dequeue", None, None),
]
_PEEKED = [("peek", None, 1), ("peek", None, 2), *_QUEUE[:4]]
_STACK = [({"enqueue": "push", "dequeue": "pop"}[f], asked, answer) for f, asked, answer in _QUEUE]
_LOCK = [(f, who, SILENT) for f in ("acquire", "release") for who in (A, B)]
_FENCED = [
    ("acquire", A, 1),
    ("acquire", A, 2),
    ("acquire", B, 2),
    ("release", A, SILENT),
    ("release", B, SILENT),
]

_KV = [
    ("get", None, None),
    ("get", None, 1),
    ("put", 1, SILENT),
    ("put", 2, SILENT),
    ("delete", None, SILENT),
]
_TEXTS = [
    ("get", None, ""),
    ("get", None, "<1>"),
    ("get", None, "<1><2>"),
    ("put", "<1>", SILENT),
    ("append", "<1>", SILENT),
    ("append", "<2>", SILENT),
]
_WRITE_X = (("write", "x", 1),)
_WRITE_BOTH = (("write", "x", 2), ("write", "y", 1))
_MULTI = [
    ("txn", _WRITE_X, _WRITE_X),
    ("txn", _WRITE_BOTH, _WRITE_BOTH),
    ("txn", (("read", "x", None),), (("read", "x", 1),)),
    ("txn", (("read", "x", None), ("read", "y", None)), (("read", "x", 2), ("read", "y", 1))),
    ("txn", (("read", "y", None),), (("read", "y", None),)),
]
_LISTS = [
    ("read", None, ()),
    ("read", None, (1,)),
    ("read", None, (1, 2)),
    ("append", 1, SILENT),
    ("append", 2, SILENT),
]
_COUNTS = [*(("read", None, n) for n in range(3)), ("inc", None, SILENT), ("add", 1, SILENT)]
_SET = [
    ("add", 1, True),
    ("add", 1, SILENT),
    ("remove", 1, True),
    ("remove", 1, SILENT),
    ("contains", 1, True),
    ("contains", 1, False),
]
_WHOLE = [("add", 1, SILENT), ("add", 2, SILENT), *(("read", None, e) for e in ((), (1,), (2,), (1, 2)))]


def ask_registers(*fs):
    return lambda random, fresh: ask_register(random, fresh, fs)


def lie_count(random, **_):
    return random.randint(0, 4)


def lie_bool(random, f, **_):
    return random.random() < 0.5 if f in ("add", "remove", "contains") else SILENT


SPECS: dict[str, Spec] = {
    "register": Spec(
        None,
        register,
        ask_registers("read", "write"),
        lie_value,
        _VALUES,
        ("zones", "search"),
        ("read",),
    ),
    "cas-register": Spec(
        None, register, ask_register, lie_value, _VALUES[1:] + _CAS, ("zones", "search"), ("read",)
    ),
    "cas-register-strict": Spec(
        None,
        strict_register,
        ask_register,
        lie_strictly,
        [*_VALUES[1:], ("cas", (1, 2), SILENT), ("cas", (1, 2), REFUSED), ("cas", (2, 1), REFUSED)],
        ("zones", "table"),
        ("read",),
    ),
    "kv": Spec(
        None,
        kv(None),
        ask_registers("get", "get", "put", "cas", "delete"),
        lie_value,
        _KV,
        ("zones", "search"),
        ("get",),
    ),
    "kv, appended": Spec(
        None,
        kv(None),
        ask_growing("get", 0.4, 0.1),
        lambda random, **more: lie_text(random, **more) or None,
        [(f, asked, answer or None) for f, asked, answer in _TEXTS],
        ("append", "table"),
        ("get",),
    ),
    "append-kv": Spec(
        "", kv(""), ask_growing("get", 0.4, 0.2), lie_text, _TEXTS, ("append", "table"), ("get",)
    ),
    "multi-register": Spec((), multi_unknown, ask_multi, lie_multi, _MULTI, ("table",)),
    "append-list": Spec(
        (), append_list, ask_growing("read", 0.5), lie_list, _LISTS, ("append", "table"), ("read",)
    ),
    "counter": Spec(0, counter, ask_counter, lie_count, _COUNTS, ("counter",), ("read",)),
    "counter, any steps": Spec(
        0,
        counter,
        ask_any_counter,
        lie_count,
        [
            ("read", None, 0),
            ("read", None, 1),
            ("dec", None, SILENT),
            ("add", 2, SILENT),
            ("inc", None, SILENT),
        ],
        ("counter", "table"),
        ("read",),
    ),
    "set": Spec(frozenset(), a_set, ask_set, lie_bool, _SET, ("set",), ("contains", "read")),
    "set, read whole": Spec(
        frozenset(), a_set, ask_whole, lie_elements, _WHOLE, ("set", "table"), ("contains", "read")
    ),
    "fifo-queue": Spec((), fifo, asker("enqueue", "dequeue"), lie_value, _QUEUE, ("queue", "table")),
    "fifo-queue, peeked": Spec(
        (), fifo, asker("enqueue", "dequeue", "peek"), lie_value, _PEEKED, ("queue", "table"), ("peek",)
    ),
    "unordered-queue": Spec(
        (), unordered, asker("enqueue", "dequeue"), lie_value, _QUEUE, ("unordered-queue", "table")
    ),
    "priority-queue": Spec(
        (), priority, asker("enqueue", "dequeue"), lie_value, _QUEUE, ("priority-queue", "table")
    ),
    "stack": Spec((), stack, asker("push", "pop"), lie_value, _STACK, ("stack", "table")),
    "mutex": Spec(
        False, mutex, ask_mutex, silent, [("acquire", None, SILENT), ("release", None, SILENT)], ("mutex",)
    ),
    "owner-aware-mutex": Spec((None, 0), lock(1), ask_lock, silent, _LOCK, ("table",)),
    "reentrant-mutex": Spec((None, 0), lock(99), ask_lock, silent, _LOCK, ("table",)),
    "fenced-mutex": Spec((None, 0, 0, 0), fenced(1), ask_lock, lie_fence, _FENCED, ("table",)),
    "reentrant-fenced-mutex": Spec((None, 0, 0, 0), fenced(99), ask_lock, lie_fence, _FENCED, ("table",)),
}
"""by model; after a comma, another way to use it"""
