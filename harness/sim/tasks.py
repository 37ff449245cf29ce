"""The harness's coroutines in virtual time: the simulation's side of harness/runtime.py.

A coroutine that waits yields a function; the task hands it a ``Wake``, to be used once. What comes first, a
reply or its deadline, uses it; what comes later finds it used.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from harness.sim.world import World

EXPIRED = object()


class Wake:
    """The right to resume a waiting task, once."""

    __slots__ = ("_task", "used")

    def __init__(self, task: Task) -> None:
        self._task = task
        self.used = False

    def __call__(self, value: Any, _: Any = None) -> None:
        if not self.used:
            self.used = True
            self._task.step(value)


Arm = Callable[[Wake], None]


@types.coroutine
def wait(arm: Arm) -> Generator[Arm, Any, Any]:
    """Suspend the running task until the ``Wake`` given to ``arm`` is called; returns its value."""
    return (yield arm)


class Task:
    """One coroutine of the harness."""

    __slots__ = ("_coroutine", "done")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.done = False

    def step(self, value: Any, _: Any = None) -> None:
        """Run until the next wait. An exception of the coroutine passes through, and ends the simulation."""
        if self.done:
            return
        try:
            arm = self._coroutine.send(value)
        except StopIteration:
            self.done = True
        else:
            arm(Wake(self))

    def close(self) -> None:
        self.done = True
        self._coroutine.close()


class SimMailbox:
    """An unbounded queue of one reader."""

    __slots__ = ("items", "reader")

    def __init__(self) -> None:
        self.items: deque[Any] = deque()
        self.reader: Wake | None = None

    def put(self, item: Any) -> None:
        if self.reader is not None and not self.reader.used:
            reader, self.reader = self.reader, None
            reader(item)
        else:
            self.items.append(item)

    def __len__(self) -> int:
        return len(self.items)


class Tasks:
    """Starts coroutines and lets them wait for times and mailboxes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: list[Task] = []

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """The task takes its first step at the present time, after what is already planned for it."""
        task = Task(coroutine)
        if len(self._tasks) >= 1024:
            self._tasks = [t for t in self._tasks if not t.done]
        self._tasks.append(task)
        self._world.at(self._world.time, task.step)
        return task

    async def sleep_until(self, time_ns: int) -> None:
        world = self._world
        if time_ns > world.time:
            await wait(lambda wake: world.at(time_ns, wake))

    async def receive(self, mailbox: SimMailbox, deadline_ns: int | None) -> Any:
        if mailbox.items:
            return mailbox.items.popleft()
        world = self._world

        def arm(wake: Wake) -> None:
            mailbox.reader = wake
            if deadline_ns is not None:
                world.at(max(deadline_ns, world.time), wake, EXPIRED)

        item = await wait(arm)
        return None if item is EXPIRED else item

    def close(self) -> None:
        """Close what still waits, so that its ``finally`` blocks run; nothing they do wakes another task."""
        for task in self._tasks:
            task.done = True
        for task in self._tasks:
            task.close()
