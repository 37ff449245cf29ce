"""The interpreter of generators: gives operations to client threads, one at a time each, and records them.

Jepsen's rules: a thread has one operation at a time; an ``info`` completion retires the thread's process and a
new one, ``concurrency`` higher, takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.history import Op
from harness.caller import Caller
from harness.recorder import Recorder
from harness.runtime import Mailbox, Runtime
from harness.streams import Stream
from workloads.generators import PENDING, Context
from workloads.port import CallError, CallTimeoutError, Client, Workload

POLL_NS = 1_000_000
"""how long a pending generator is left alone when nothing completes"""


class Interpreter:
    """Runs generators of one workload. Threads, processes and callers live on from one ``run`` to the next."""

    def __init__(
        self,
        workload: Workload,
        runtime: Runtime,
        recorder: Recorder,
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

    async def run(self, generator: Any) -> None:
        """Until the generator is exhausted and every operation has completed."""
        runtime, done = self._runtime, self._done
        busy: set[int] = set()
        while True:
            now = runtime.now()
            free = tuple(t for t in self._threads if t not in busy)
            context = Context(
                time=now, threads=self._threads, free=free, processes=self._processes, stream=self._stream
            )
            asked = generator.op(context)
            if asked is None:
                if not busy:
                    return
                deadline = None
            else:
                op, after = asked
                if op is PENDING:
                    generator, deadline = after, now + POLL_NS
                elif op.time > now:
                    deadline = op.time
                else:
                    op.time = now
                    thread = self._thread_of(op.process)
                    busy.add(thread)
                    generator = after.update(context, op) if after is not None else after
                    self._begin(op, thread, done)
                    continue
            completed = await runtime.receive(done, deadline)
            if completed is not None:
                thread, completion = completed
                busy.discard(thread)
                generator = self._complete(generator, thread, completion, busy)

    def _thread_of(self, process: int | str) -> int:
        assert isinstance(process, int)
        return process % len(self._threads)

    def _begin(self, op: Op, thread: int, done: Mailbox) -> None:
        op.node = self._nodes[thread % len(self._nodes)]
        self._recorder.record(op)
        self._runtime.spawn(self._perform(op, thread, done))

    async def _perform(self, op: Op, thread: int, done: Mailbox) -> None:
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
        done.put((thread, completion))

    def _complete(self, generator: Any, thread: int, completion: Op, busy: set[int]) -> Any:
        if completion.type == "info":
            assert isinstance(completion.process, int)
            self._processes[thread] = completion.process + len(self._threads)
        if generator is None:
            return None
        free = tuple(t for t in self._threads if t not in busy)
        context = Context(
            time=self._runtime.now(),
            threads=self._threads,
            free=free,
            processes=self._processes,
            stream=self._stream,
        )
        return generator.update(context, completion)
