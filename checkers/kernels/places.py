"""Places of operations while a run goes on, windows of them, numbers of keys and of values.

The base of checkers/kernels/windows.py, which says what these are for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.kernels.slots import longer, numbers

NONE = -1
ROOM = 256
"""places, links, values and keys for which there is room at first"""
FREE = 4
"""the state of a place without an operation; the others are in windows.py"""


class Places:
    """``name``: a hashable form of a value, for those that are no int or str. ``judging``: whether keys are judged
    at all. ``initial``: the value of which the number is 0.
    """

    def __init__(self, name: Callable[[Any], Any], initial: Any, judging: bool) -> None:
        self.name = name
        self.judging = judging
        self.keys: dict[Any, int] = {}
        self.key_names: list[Any] = []  # as they stand in the history
        self.values: dict[Any, int] = {}
        self.initial_name = initial if type(initial) is int or type(initial) is str else name(initial)
        self.values[self.initial_name] = 0
        self.invoked: list[Any] = [None] * ROOM
        self.completed: list[Any] = [None] * ROOM
        self.at = numbers(ROOM)
        self.until = numbers(ROOM)
        self.key = numbers(ROOM)
        self.need = numbers(ROOM)
        self.put = numbers(ROOM)
        self.role = numbers(ROOM)
        self.state = numbers(ROOM)
        self.local = numbers(ROOM)
        self.spare = numbers(ROOM)  # places that are free
        self.spares = ROOM
        self.next = numbers(ROOM)
        self.what = numbers(ROOM)  # 2 * place, plus 1 for its end
        self.links = numbers(ROOM)
        self.spare_links = ROOM
        for i in range(ROOM):
            self.spare[i] = ROOM - 1 - i
            self.state[i] = FREE
            self.links[i] = ROOM - 1 - i
        self.first = numbers(ROOM)  # by key
        self.last = numbers(ROOM)
        self.touched = numbers(ROOM)
        self.known = numbers(ROOM)  # whether the key is counted
        self.apart = numbers(ROOM)  # whether the key is never judged here
        self.touches = numbers(ROOM)
        self.touching = 0
        self.free_values = numbers(ROOM)
        self.spare_values = ROOM - 1
        for i in range(ROOM - 1):
            self.free_values[i] = ROOM - 1 - i
        self.asleep = numbers(ROOM)  # by value: operations that would put it, and sleep
        self.late = numbers(ROOM)  # by value, as zones.py wants them: all NONE
        self.head = numbers(ROOM)
        self.source = numbers(ROOM)
        for i in range(ROOM):
            self.late[i] = self.head[i] = self.source[i] = NONE

    # --- numbers --------------------------------------------------------------------------------------------

    def key_number(self, key: Any) -> int:
        named = key if key is None or type(key) is int or type(key) is str else self.name(key)
        found = self.keys.get(named)
        if found is not None:
            return found
        number = len(self.keys)
        self.keys[named] = number
        self.key_names.append(key)
        if number >= len(self.first):
            more = 2 * number
            self.first = longer(self.first, more)
            self.last = longer(self.last, more)
            self.touched = longer(self.touched, more)
            self.known = longer(self.known, more)
            self.apart = longer(self.apart, more)
            self.touches = longer(self.touches, more)
        self.first[number] = NONE
        self.apart[number] = 0 if self.judging else 1
        return number

    def value_number(self, value: Any) -> int:
        named = value if type(value) is int or type(value) is str else self.name(value)
        found = self.values.get(named)
        if found is not None:
            return found
        if self.spare_values == 0:
            self.sweep()
        self.spare_values -= 1
        number = self.free_values[self.spare_values]
        self.values[named] = number
        return number

    def sweep(self) -> None:
        """Numbers of values that no operation has to do with become free; if few do, there are to be more."""
        size = len(self.late)
        used = numbers(size)
        used[0] = 1
        for place in range(len(self.state)):
            if self.state[place] != FREE:
                if self.need[place] >= 0:
                    used[self.need[place]] = 1
                if self.put[place] >= 0:
                    used[self.put[place]] = 1
        self.values = {value: number for value, number in self.values.items() if used[number]}
        self.spare_values = 0
        for i in range(size):
            number = size - 1 - i
            if used[number] == 0:
                self.free_values[self.spare_values] = number
                self.spare_values += 1
        if 2 * self.spare_values < size:
            more = 2 * size
            self.free_values = longer(self.free_values, more)
            self.asleep = longer(self.asleep, more)
            self.late = longer(self.late, more)
            self.head = longer(self.head, more)
            self.source = longer(self.source, more)
            for i in range(size, more):
                self.late[i] = self.head[i] = self.source[i] = NONE
                self.free_values[self.spare_values] = i
                self.spare_values += 1

    def place(self) -> int:
        if self.spares == 0:
            size = len(self.at)
            more = 2 * size
            self.at = longer(self.at, more)
            self.until = longer(self.until, more)
            self.key = longer(self.key, more)
            self.need = longer(self.need, more)
            self.put = longer(self.put, more)
            self.role = longer(self.role, more)
            self.state = longer(self.state, more)
            self.local = longer(self.local, more)
            self.spare = longer(self.spare, more)
            self.invoked.extend([None] * size)
            self.completed.extend([None] * size)
            for i in range(size):
                self.spare[i] = more - 1 - i
                self.state[more - 1 - i] = FREE
            self.spares = size
        self.spares -= 1
        return self.spare[self.spares]

    def release(self, place: int) -> None:
        self.state[place] = FREE
        self.invoked[place] = None
        self.completed[place] = None
        self.spare[self.spares] = place
        self.spares += 1

    # --- windows --------------------------------------------------------------------------------------------

    def append(self, key: int, what: int) -> None:
        """An event, as the last of its key."""
        if self.spare_links == 0:
            size = len(self.next)
            self.next = longer(self.next, 2 * size)
            self.what = longer(self.what, 2 * size)
            self.links = longer(self.links, 2 * size)
            for i in range(size):
                self.links[i] = 2 * size - 1 - i
            self.spare_links = size
        self.spare_links -= 1
        link = self.links[self.spare_links]
        self.what[link] = what
        self.next[link] = NONE
        if self.first[key] == NONE:
            self.first[key] = link
        else:
            self.next[self.last[key]] = link
        self.last[key] = link
        if self.touched[key] == 0:
            self.touched[key] = 1
            self.touches[self.touching] = key
            self.touching += 1

    def unlink(self, key: int, before: int, link: int) -> int:
        """Take an event out; the one that follows it."""
        after = self.next[link]
        if before == NONE:
            self.first[key] = after
        else:
            self.next[before] = after
        if after == NONE:
            self.last[key] = before
        self.links[self.spare_links] = link
        self.spare_links += 1
        return after

    def position_of(self, what: int) -> int:
        return self.at[what >> 1] if what & 1 == 0 else self.until[what >> 1]

    def insert(self, key: int, what: int) -> None:
        """An event, at its place in time."""
        self.append(key, what)
        link = self.last[key]
        at = self.first[key]
        if at == link:
            return
        before = NONE
        position = self.position_of(what)
        while at != link and self.position_of(self.what[at]) < position:
            before = at
            at = self.next[at]
        if at == link:
            return
        last = at  # the one before the new one
        while self.next[last] != link:
            last = self.next[last]
        self.next[last] = NONE
        self.last[key] = last
        self.next[link] = at
        if before == NONE:
            self.first[key] = link
        else:
            self.next[before] = link

    def size(self) -> int:
        """Events in all windows."""
        return len(self.next) - self.spare_links
