"""A member of a PySyncObj cluster: its replicated dict behind a door for JSON lines. Run as a file.

It imports nothing of the project: the interpreter it runs on has PySyncObj and need not have the rest.
"""

from __future__ import annotations

import json
import os
import select
import socketserver
import sys
import threading
import time
from typing import Any

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, replicated
from pysyncobj.batteries import ReplDict

REFUSED = {
    FAIL_REASON.QUEUE_FULL: "queue full",
    FAIL_REASON.MISSING_LEADER: "no leader",
    FAIL_REASON.NOT_LEADER: "not the leader",
    FAIL_REASON.REQUEST_DENIED: "denied",
}
"""reasons for which a command entered no log; all others leave its outcome open"""
ANSWER_S = 10.0
LEADER = 2
"""the library's number of that state"""


class Dict(ReplDict):  # type: ignore[misc]  # the library has no types
    """The library's dict, and operations on it that read and write in one entry of the log."""

    @replicated  # type: ignore[untyped-decorator]
    def execute(self, request: str) -> dict[str, Any]:
        body = json.loads(request)
        kind = body["type"]
        if kind == "txn":
            done: list[list[Any]] = []
            staged: dict[Any, list[Any]] = {}
            for f, key, value in body["txn"]:
                now = staged.get(key, self.rawData().get(f"list:{key}", []))
                if f == "append":
                    staged[key] = [*now, value]
                done.append([f, key, value if f == "append" else now or None])
            self.rawData().update({f"list:{key}": value for key, value in staged.items()})
            return {"txn": done}
        key = json.dumps(body["key"])
        if kind == "write":
            self.rawData()[key] = body["value"]
            return {}
        if key not in self.rawData():
            return {"type": "error", "code": 20, "text": "no such key"}
        if kind == "read":
            return {"value": self.rawData()[key]}
        if self.rawData()[key] != body["from"]:
            return {"type": "error", "code": 22, "text": "another value"}
        self.rawData()[key] = body["to"]
        return {}


class Node:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.data = Dict()
        self.local_reads = settings["local_reads"]
        conf = SyncObjConf(
            journalFile=settings["journal"],
            appendEntriesUseBatch=False,
            commandsWaitLeader=False,
            connectionRetryTime=0.5,
            dynamicMembershipChange=False,
        )
        self.sync = SyncObj(settings["self"], settings["others"], conf, consumers=[self.data])

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        kind = body["type"]
        if kind == "status":
            status = self.sync.getStatus()
            leads, term = status["state"] == LEADER, status["raft_term"]
            return {"leads": leads, "term": term, "wall_ns": time.time_ns()}
        if kind == "read" and self.local_reads:
            return self.local(body)
        return self.ordered(body)

    def local(self, body: dict[str, Any]) -> dict[str, Any]:
        key = json.dumps(body["key"])
        if key not in self.data:
            return {"type": "error", "code": 20, "text": "no such key"}
        return {"value": self.data[key]}

    def ordered(self, body: dict[str, Any]) -> dict[str, Any]:
        """Through the log; the reply once it has been applied here."""
        done = threading.Event()
        outcome: list[Any] = []

        def applied(result: Any, reason: int) -> None:
            outcome[:] = [result, reason]
            done.set()

        self.data.execute(json.dumps(body), callback=applied)
        if not done.wait(ANSWER_S):
            return {"type": "error", "code": 0, "text": "not applied in time"}
        result: dict[str, Any] = outcome[0]
        reason = outcome[1]
        if reason == FAIL_REASON.SUCCESS:
            return result
        if reason in REFUSED:
            return {"type": "error", "code": 11, "text": REFUSED[reason]}
        return {"type": "error", "code": 13, "text": f"PySyncObj's reason {reason}"}


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def wait(seconds: Any) -> None:
    select.select([], [], [], seconds)


def main() -> None:
    settings = json.loads(sys.argv[1])
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        # libfaketime 0.9.10 breaks the system call by which Python 3.11 and later sleep
        time.sleep = wait
    node = Node(settings)

    class Door(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                reply = node.answer(json.loads(line))
                self.wfile.write(json.dumps(reply).encode() + b"\n")

    with Server((settings["host"], settings["port"]), Door) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
