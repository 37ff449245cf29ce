"""Operations on registers while a run goes on: per key those that can still matter, judged now and then.

``observe`` pairs an op, gives its key and its values numbers, and appends it to the window of its key. ``judge``
looks at the windows that something came to: the batch's kernel decides them (checkers/kernels/zones.py), and what can
matter no more leaves them. Keys that it does not find possible stay as they are and are named: their owner asks for
``rows``.

A window is a list of events in their order, which are links in ``next``: each is the beginning or the end of an
operation. Operations have places of their own; places, links and numbers of values are used again. An operation that
crashed, and whose value nobody has seen, sleeps: its events leave the window until somebody needs what it puts.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from checkers.kernels.places import Places
from checkers.kernels.zones import decide, retain

NEMESIS = "nemesis"
NONE = -1
CRASHED = 1 << 62
VALID = 0
OPERATIONS, KEYS = 256, 64
"""for which there is room at first"""

READ, WRITE, CAS, DELETE = 1, 2, 3, 4
"""roles (models.Role)"""
OTHER, MISMATCH = 0, 5
"""roles of which zones know nothing; an ``f`` without a role is OTHER here"""
OPEN, DONE, LOST, GONE = 0, 1, 2, 3
"""states of an operation: not completed, ok, info, known not to have happened"""
FREE, ASLEEP = 4, 5


def room(count: int) -> Any:
    """Numbers of which parts can be handed on: slices of arrays would be copies."""
    return memoryview(array("q", bytes(8 * count)))


def octets(count: int) -> Any:
    return memoryview(array("B", bytes(count)))


class Windows(Places):
    """``roles``: by ``f``. ``pure``: those ``f`` that change nothing. ``name``: a hashable form of a value, for those
    that are no int or str. ``refused``: whether a definite failure constrains; None where none does. ``misfit``
    is called with an op that does not pair, the invocation of its process or None; what it returns is ignored.
    ``chain``: compare-and-sets that a window may have. ``judging``: whether keys are judged at all.
    """

    def __init__(
        self,
        roles: dict[str, int],
        pure: frozenset[str],
        initial: Any,
        name: Callable[[Any], Any],
        refused: Callable[[Any], bool] | None,
        misfit: Callable[[Any, Any], None],
        chain: int,
        judging: bool,
    ) -> None:
        super().__init__(name, initial, judging)
        self.roles = roles
        self.pure = pure
        self.refused = refused
        self.misfit = misfit
        self.chain = chain
        self.position = -1
        self.fresh = 0  # ops since the last look
        self.stopped = False
        self.ok = 0
        self.info = 0
        self.failed = 0
        self.counted = 0
        self.open: dict[Any, int] = {}  # by process: the place of its operation
        self.sleepers: dict[tuple[int, int], list[int]] = {}
        self.limit_room = 0
        self.reserve(OPERATIONS, KEYS)

    def reserve(self, operations: int, keys: int) -> None:
        """Room to judge so much at a time."""
        m, k = 2 * operations, 2 * keys
        self.limit_room = operations
        self.key_room = keys
        self.begins = room(m)
        self.ends = room(m)
        self.needs = room(m)
        self.puts = room(m)
        self.places = room(m)
        self.owner = room(m + k)
        self.following = room(m)
        self.low = room(m + k)
        self.high = room(m + k)
        self.child = room(m + k)
        self.block = room(m + k)
        self.soonest = room(m + k)
        self.latest = room(m + k)
        self.mark = room(2 * m)
        self.keep = octets(m)
        self.start = room(k + 1)
        self.now = room(k)
        self.limit = room(k)
        self.judged = room(k)
        self.witness = room(3 * k)
        self.status = octets(k)

    # --- observing ------------------------------------------------------------------------------------------

    def observe(self, op: Any) -> int:
        """Take an op; how many have come since the last look."""
        self.position += 1
        process = op.process
        if type(process) is str and process == NEMESIS:
            return 0
        kind = op.type
        if kind == "invoke":
            if process in self.open:
                self.misfit(op, self.invoked[self.open[process]])
            self.begin(process, op, self.position)
            return self.fresh
        found = self.open.pop(process, None)
        if found is None:
            if kind != "info":  # a remark of the process, as Jepsen allows
                self.misfit(op, None)
            return 0
        place: int = found
        invoke = self.invoked[place]
        if invoke.f != op.f:
            self.misfit(op, invoke)
        if op.key is not None and op.key is not invoke.key and self.key_number(op.key) != self.key[place]:
            self.misfit(op, invoke)
        if kind == "ok":
            self.ok += 1
        elif kind == "fail":
            self.failed += 1
        elif op.f not in self.pure:
            self.info += 1
        if self.known[self.key[place]] == 0 and (kind != "info" or op.f not in self.pure):
            self.known[self.key[place]] = 1
            self.counted += 1
        self.end(place, op, self.position)
        return self.fresh

    def begin(self, process: Any, op: Any, position: int) -> None:
        """An operation begins."""
        place = self.prepare(op, position)
        self.open[process] = place
        if not self.stopped:
            self.append(self.key[place], 2 * place)
            self.fresh += 1

    def prepare(self, op: Any, position: int) -> int:
        """A place for an operation, open."""
        place = self.place()
        self.invoked[place] = op
        self.at[place] = position
        key = self.key_number(op.key)
        self.key[place] = key
        self.need[place] = NONE
        self.put[place] = NONE
        self.state[place] = OPEN
        role: int = self.roles.get(op.f, OTHER)
        if self.apart[key] == 0 and not self.stopped:
            if role == WRITE:
                self.put[place] = self.value_number(op.value)
            elif role == DELETE:
                self.put[place] = 0
            elif role == CAS:
                pair = op.value
                if (type(pair) is list or type(pair) is tuple) and len(pair) == 2:
                    need = self.value_number(pair[0])
                    self.need[place] = need  # before the other is numbered, which may sweep
                    put = self.value_number(pair[1])
                    if need != put:
                        self.put[place] = put
                else:
                    role = OTHER
        self.role[place] = role
        return place

    def end(self, place: int, op: Any, position: int) -> None:
        """The operation at ``place`` is completed."""
        if self.stopped:
            self.release(place)
            return
        self.settle(place, op, position)
        self.append(self.key[place], 2 * place + 1)
        self.fresh += 1

    def settle(self, place: int, op: Any, position: int) -> None:
        self.completed[place] = op
        self.until[place] = position
        kind = op.type
        if kind == "ok":
            self.state[place] = DONE
            if self.role[place] == READ and self.apart[self.key[place]] == 0:
                self.need[place] = self.value_number(op.value)
        elif kind == "info":
            self.state[place] = LOST
        elif self.refused is not None and self.refused(op):
            self.state[place] = DONE
            self.role[place] = MISMATCH
        else:
            self.state[place] = GONE

    # --- judging --------------------------------------------------------------------------------------------

    def judge(self) -> list[int]:
        """Judge what was touched; the keys for their owner to look at: those never judged here, and those that are
        not certainly possible.
        """
        self.fresh = 0
        others: list[int] = []
        count = 0
        operations = 0
        for i in range(self.touching):
            key = self.touches[i]
            if self.apart[key]:
                others.append(key)
                continue
            if self.sleepers:
                self.wake(key)
            operations += self.tidy(key)
            count += 1
        if operations > self.limit_room or count > self.key_room:
            self.reserve(max(2 * operations, self.limit_room), max(2 * count, self.key_room))
        keys = 0
        m = 0
        rank = 0
        strange = False
        for i in range(self.touching):
            key = self.touches[i]
            self.touched[key] = 0
            if self.apart[key] or self.first[key] == NONE:
                continue
            self.judged[keys] = key
            self.start[keys] = m
            limit = NONE
            link = self.first[key]
            while link != NONE:
                place = self.what[link] >> 1
                state = self.state[place]
                if self.what[link] & 1:
                    if state == DONE:
                        self.ends[self.local[place]] = rank
                else:
                    if state == OPEN and limit == NONE:
                        limit = rank
                    role = self.role[place]
                    if state == DONE or (role != READ and not self.is_pure(place)):
                        self.local[place] = m
                        self.begins[m] = rank
                        self.ends[m] = CRASHED
                        self.needs[m] = self.need[place]
                        self.puts[m] = self.put[place]
                        self.places[m] = place
                        self.owner[m] = keys
                        if role in (OTHER, MISMATCH):
                            strange = True
                        m += 1
                    else:
                        self.local[place] = NONE
                rank += 1
                link = self.next[link]
            self.limit[keys] = rank if limit == NONE else limit
            keys += 1
        self.touching = 0
        self.start[keys] = m
        for i in range(keys):
            self.owner[m + i] = i
        if keys:
            decide(
                self.start[: keys + 1],
                self.owner[: m + keys],
                self.begins[:m],
                self.ends[:m],
                self.needs[:m],
                self.puts[:m],
                0,
                self.late,
                self.head,
                self.source,
                self.following[:m],
                self.low[: m + keys],
                self.high[: m + keys],
                self.child[: m + keys],
                self.block[: m + keys],
                self.mark[:rank],
                self.now[:keys],
                self.status[:keys],
                self.witness[: 3 * keys],
            )
            self.clean(m, rank)
            retain(
                self.start[: keys + 1],
                self.ends[:m],
                self.puts[:m],
                self.begins[:m],
                self.limit[:keys],
                self.following[:m],
                self.low[: m + keys],
                self.high[: m + keys],
                self.block[: m + keys],
                self.status[:keys],
                self.soonest[: m + keys],
                self.latest[: m + keys],
                self.keep[:m],
            )
            for i in range(keys):
                if self.status[i] != VALID or (strange and self.is_strange(i)) or self.is_long(i):
                    others.append(self.judged[i])
                else:
                    self.forget(i)
        return others

    def is_pure(self, place: int) -> bool:
        return self.invoked[place].f in self.pure

    def is_strange(self, number: int) -> bool:
        """Whether a judged key has operations that zones know nothing of."""
        for i in range(self.start[number], self.start[number + 1]):
            role = self.role[self.places[i]]
            if role in (OTHER, MISMATCH):
                return True
        return False

    def is_long(self, number: int) -> bool:
        """Whether too many compare-and-sets of a judged key are to be kept."""
        if self.start[number + 1] - self.start[number] <= self.chain:
            return False
        chained = 0
        for i in range(self.start[number], self.start[number + 1]):
            place = self.places[i]
            if self.keep[i] and self.role[place] == CAS and self.state[place] == DONE:
                chained += 1
        return chained > self.chain

    def clean(self, m: int, ranks: int) -> None:
        """What the next look must find empty."""
        self.late[0] = self.head[0] = self.source[0] = NONE
        for i in range(m):
            value = self.needs[i]
            if value >= 0:
                self.late[value] = self.head[value] = self.source[value] = NONE
            value = self.puts[i]
            if value >= 0:
                self.late[value] = self.head[value] = self.source[value] = NONE
        for i in range(ranks):
            self.mark[i] = 0

    def tidy(self, key: int) -> int:
        """Take out operations that certainly did not happen, and reads without an answer; how many events stay."""
        count = 0
        before = NONE
        link = self.first[key]
        while link != NONE:
            place = self.what[link] >> 1
            state = self.state[place]
            if state == GONE or (state == LOST and self.is_pure(place)):
                end = self.what[link] & 1
                link = self.unlink(key, before, link)
                if end:
                    self.release(place)
            else:
                count += 1
                before = link
                link = self.next[link]
        return count

    def forget(self, number: int) -> None:
        """Of a judged key, take out what can matter no more, and what is to sleep."""
        key = self.judged[number]
        before = NONE
        link = self.first[key]
        while link != NONE:
            place = self.what[link] >> 1
            end = self.what[link] & 1
            at = self.local[place]
            leaves = False
            sleeps = False
            if self.state[place] == ASLEEP:
                sleeps = True
            elif self.state[place] != OPEN:
                leaves = self.keep[at] == 0
                sleeps = (
                    not leaves and self.state[place] == LOST and self.block[at] < 0 and self.puts[at] >= 0
                )
            if not leaves and not sleeps:
                before = link
                link = self.next[link]
                continue
            link = self.unlink(key, before, link)
            if end == 0:
                if sleeps:
                    self.state[place] = ASLEEP
                    value = self.put[place]
                    self.asleep[value] += 1
                    self.sleepers.setdefault((key, value), []).append(place)
            elif leaves:
                self.release(place)

    def wake(self, key: int) -> None:
        """Bring back crashed operations that put what is needed now, and what those need, and so on.

        What a cas that is open needs is needed as soon as somebody sees what it puts.
        """
        more = True
        while more:
            more = False
            link = self.first[key]
            while link != NONE and not more:
                place = self.what[link] >> 1
                value = self.need[place]
                if value >= 0 and self.asleep[value] > 0:
                    more = self.rouse(key, value)
                link = self.next[link]

    def rouse(self, key: int, value: int) -> bool:
        """Wake those that put a value; whether there were any."""
        found = self.sleepers.pop((key, value), None)
        if found is None:
            return False
        for each in found:
            place: int = each
            self.asleep[value] -= 1
            self.state[place] = LOST
            self.insert(key, 2 * place)
            self.insert(key, 2 * place + 1)
        return True

    # --- for their owner ------------------------------------------------------------------------------------

    def tally(self) -> tuple[int, int]:
        """(operations that are open and may have changed something, keys)."""
        opened = 0
        more = set()
        for each in self.open.values():
            place: int = each
            if not self.is_pure(place):
                opened += 1
                if self.known[self.key[place]] == 0:
                    more.add(self.key[place])
        return opened, self.counted + len(more)

    def rows(self, key: int) -> list[tuple[int, Any]]:
        """Positions and ops of a key's window."""
        found = []
        link = self.first[key]
        while link != NONE:
            what = self.what[link]
            place = what >> 1
            found.append((self.position_of(what), self.completed[place] if what & 1 else self.invoked[place]))
            link = self.next[link]
        return found

    def waken(self, key: int) -> None:
        """All that sleeps of a key comes back."""
        for each in [name for name in self.sleepers if name[0] == key]:
            self.rouse(key, each[1])

    def take_out(self, key: int) -> None:
        """Empty a key's window: its owner goes on with it, and is given by ``judge`` what comes."""
        self.apart[key] = 1
        link = self.first[key]
        while link != NONE:
            place = self.what[link] >> 1
            if self.what[link] & 1:
                self.release(place)
            self.need[place] = NONE
            self.put[place] = NONE
            link = self.unlink(key, NONE, link)

    def key_name(self, key: int) -> Any:
        """A key as it stands in the history."""
        return self.key_names[key]

    def sleeping(self) -> list[Any]:
        """Invocations of what sleeps."""
        return [self.invoked[place] for found in self.sleepers.values() for place in found]
