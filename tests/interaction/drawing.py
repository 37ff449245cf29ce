"""One line for each effect, message and node: what golden conversations are made of."""

from __future__ import annotations

from typing import Any

import msgspec

from nodes import kernel
from nodes.raft import messages as raft

MS = 1_000_000
DASH = "-"
"""identity of a new leader's empty entry"""


def body(value: dict[str, Any] | None) -> str:
    """A client's request or a reply: the type, then the fields in their order."""
    if value is None:
        return "nothing"
    fields = " ".join(f"{k}={_value(v)}" for k, v in value.items() if k != "type" and v != [])
    return f"{value['type']} {fields}".rstrip()


def _value(value: Any) -> str:
    return value if isinstance(value, str) and " " not in value else msgspec.json.encode(value).decode()


def entry(e: raft.Entry) -> str:
    return f"{e.term}:{e.identity or DASH}"


def _entries(entries: tuple[raft.Entry, ...]) -> str:
    return "[" + " ".join(entry(e) for e in entries) + "]"


RECORDS = {
    raft.HardState: lambda r: f"hard(term {r.term}, vote {r.vote or 'none'})",
    raft.Entries: lambda r: f"entries(from {r.first}: {_entries(r.entries)})",
}

MESSAGES = {
    raft.RequestVote: lambda m: f"request_vote(term {m.term}, last {m.last_index} of term {m.last_term})",
    raft.Vote: lambda m: f"vote(term {m.term}, {'granted' if m.granted else 'refused'})",
    raft.Append: lambda m: (
        f"append(term {m.term}, after {m.prev_index} of term {m.prev_term}, {_entries(m.entries)}, "
        f"commit {m.commit})"
    ),
    raft.Appended: lambda m: f"appended(term {m.term}, {'to' if m.ok else 'no match above'} {m.index})",
    raft.Heartbeat: lambda m: f"heartbeat(term {m.term}, round {m.round}, commit {m.commit})",
    raft.HeartbeatReply: lambda m: f"heartbeat_ok(term {m.term}, round {m.round})",
    raft.Forward: lambda m: f"forward({m.client}:{m.client_msg_id} {body(m.body)})",
    raft.Forwarded: lambda m: f"forwarded({m.client}:{m.client_msg_id} {body(m.reply)})",
}

TRACES = {
    "started": lambda d: (
        f"starts in term {d['term']}, vote {d['vote'] or 'none'}, last {d['last_index']} of term {d['last_term']}"
    ),
    "role": lambda d: f"is {d['role']} in term {d['term']}",
    "vote": lambda d: f"votes for {d['for']} in term {d['term']}",
    "append": lambda d: f"log + {d['index']}: [{' '.join(f'{t}:{i or DASH}' for t, i in d['entries'])}]",
    "truncate": lambda d: f"log cut after {d['after']}",
    "commit": lambda d: f"commits {d['index']} of term {d['entry_term']}",
    "apply": lambda d: f"applied {d['index']}",
}


def message(m: Any) -> str:
    return MESSAGES[type(m)](m)


def records(rs: tuple[Any, ...]) -> str:
    return " ".join(RECORDS[type(r)](r) for r in rs)


def _range(low: int, high: int) -> str:
    return f"{low // MS} ms" if low == high else f"{low // MS}-{high // MS} ms"


EFFECTS = {
    kernel.Persist: lambda e: f"writes #{e.token} {records(e.records)}",
    kernel.Send: lambda e: f"-> {e.to} {message(e.message)}",
    kernel.Reply: lambda e: f"=> {e.client}:{e.msg_id} {body(e.body)}",
    kernel.SetTimer: lambda e: f"timer {e.name} in {_range(e.delay_ns_min, e.delay_ns_max)}",
    kernel.CancelTimer: lambda e: f"timer {e.name} off",
    kernel.Trace: lambda e: TRACES[e.kind](e.data),
}


def effect(e: kernel.Effect) -> str:
    return EFFECTS[type(e)](e)


def node(core: Any) -> str:
    """Role, term, vote, log and commit index of a Raft core."""
    log = " ".join(entry(core.log[i]) for i in range(1, core.log.last_index + 1))
    return (
        f"{core.role} term {core.term} vote {core.vote or 'none'} leader {core.leader or 'none'} "
        f"commit {core.commit} log [{log}]"
    )
