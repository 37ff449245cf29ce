"""The interpreter of generators: gives operations to client threads, one at a time each, and records them.

Jepsen's rules: a thread has one operation at a time; an ``info`` completion retires the thread's process and a
new one, ``concurrency`` higher, takes its place.
"""

from __future__ import annotations

from collections.abc import Callable

from checkers.history import Op
from harness.caller import Caller
from harness.ledger import Sink
from harness.runtime import Runtime
from harness.streams import Stream
from workloads.generators import PENDING, Context, Gen
from workloads.port import CallError, CallTimeoutError, Client, Workload

POLL_NS = 1_000_000
"""how long a pending generator is left alone when nothing completes"""


class Interpreter:
    """Runs generators of one workload. Threads, processes and callers live on from one ``run`` to the next."""

    def __init__(
        self,
        workload: Workload,
        runtime: Runtime,
        recorder: Sink,
        nodes: tuple[str, ...],
        threads: int,
        caller: Callable[[int], Caller],
        stream: Stream,
    ) -> None:
        self._workload = workload
        self._runtime = runtime
        self._recorder = recorder
        self._nodes = nodes
        self._caller_of = caller
        self._threads = tuple(range(threads))
        self._processes = {t: t for t in self._threads}
        self._callers: dict[int, Caller] = {}
        self._clients: dict[int, Client] = {}
        self._stream = stream
        self._done = runtime.mailbox()

    async def run(self, generator: Gen) -> None:
        """Until the generator is exhausted and every operation has completed."""
        runtime = self._runtime
        busy: set[int] = set()
        while True:
            now = runtime.now()
            context = self._context(now, busy)
            asked = generator.op(context)
            if asked is None:
                if not busy:
                    return
                deadline = None
            else:
                op, after = asked
                if op is PENDING:
                    # with every thread busy only a completion can change the answer
                    generator, deadline = after, now + POLL_NS if context.free else None
                elif op.time > now:
                    deadline = op.time
                else:
                    generator = after.update(context, self._begin(op, now, busy))
                    continue
            completed = await runtime.receive(self._done, deadline)
            if completed is not None:
                thread, completion = completed
                busy.discard(thread)
                if completion.type == "info":
                    self._processes[thread] = completion.process + len(self._threads)
                generator = generator.update(self._context(runtime.now(), busy), completion)

    def _context(self, now: int, busy: set[int]) -> Context:
        free = tuple(t for t in self._threads if t not in busy)
        return Context(now, self._threads, free, self._processes, self._stream)

    def _begin(self, op: Op, now: int, busy: set[int]) -> Op:
        """Record an invocation and send it on its way; a mark (type info) is recorded only."""
        op.time = now
        if op.type == "info":
            return self._recorder.record(op)
        assert isinstance(op.process, int)
        thread = op.process % len(self._threads)
        busy.add(thread)
        op.node = op.node or self._nodes[thread % len(self._nodes)]
        self._recorder.record(op)
        self._runtime.spawn(self._perform(op, thread))
        return op

    async def _perform(self, op: Op, thread: int) -> None:
        """One operation, from its request to its completion, which is recorded the moment it is known."""
        assert isinstance(op.process, int)
        assert op.node is not None
        if thread not in self._clients:
            self._clients[thread] = self._workload.client()
        if op.process not in self._callers:
            self._callers.pop(op.process - len(self._threads), None)
            self._callers[op.process] = self._caller_of(op.process)
        definite = op.f in self._workload.reads
        completion = Op(-1, 0, op.process, "info", op.f, op.key, op.value, op.node)
        try:
            completion = await self._clients[thread].invoke(op, op.node, self._callers[op.process])
        except CallTimeoutError as e:
            completion.error = str(e)
            completion.type = "fail" if definite else "info"
        except CallError as e:
            completion.error = [e.code, e.text]
            completion.type = "fail" if definite or e.definite else "info"
        completion.time = self._runtime.now()
        self._recorder.record(completion)
        self._done.put((thread, completion))
