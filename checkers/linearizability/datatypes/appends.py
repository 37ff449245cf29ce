"""The engine of lists and strings that grow, and are read whole: a read says in which order it all was appended.

Where no string that is put or appended begins with another one, what is read falls into such strings in one way
only: perhaps one that was put, then appended ones. All that was read after one put (or from the start) must be
beginnings of the longest of them; the put, the appends and the reads in between are the stages of a block
(datatypes/blocks.py): put, reads, append, reads, ... Puts and appends that no read shows are blocks of
their own: what they did was put over, or nobody looked. Crashed operations that were seen have happened, and have
no end; the others are left out. With nothing but appends that is one block, then what nobody saw, in any order.

A value that was appended more than once leaves open which operation a read shows. It began before any later stage
of the block ended, and ended after every earlier one began; where that leaves one operation for each, it is that.
Else the earliest are taken: if there is an order, good; if not, the engine declines.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from checkers.columns import NIL, STR, Int64
from checkers.linearizability.budget import Budget
from checkers.linearizability.datatypes.blocks import Staged, backwards, crossed
from checkers.linearizability.datatypes.timeline import Timeline, reject
from checkers.linearizability.engines import (
    CRASHED,
    DECLINED,
    INVALID,
    NONE,
    VALID,
    Decisions,
    Engine,
    undecided,
)
from checkers.linearizability.objects import Objects
from checkers.models import Model, ModelError, freeze
from checkers.models.tabled import shown

_READS = ("read", "get")


class _DeclinedError(Exception):
    """The engine does not apply; the message says why, in a clause."""


class _ImpossibleError(Exception):
    """No order can have led to a read; ``args[0]`` is its number."""


def decide(objects: Objects, model: Model, budget: Budget) -> Decisions:
    del budget
    decisions = undecided(objects.keys)
    timeline = Timeline(objects)
    facts = _Facts(objects, model)
    guessed = []
    for key, (low, high) in enumerate(pairwise(objects.start.tolist())):
        try:
            found = _Key(facts, range(low, high))
            found.place()
            decisions.status[key] = VALID
            if found.guessed:
                guessed.append(key)
        except _DeclinedError as e:
            decisions.status[key], decisions.why[key] = DECLINED, str(e)
        except _ImpossibleError as e:
            decisions.status[key], decisions.position[key] = INVALID, objects.end[e.args[0]]
    block = np.array(facts.block)
    used = np.flatnonzero(block >= 0)
    staged = Staged(timeline.begin[used], timeline.end[used], block[used], np.array(facts.stage)[used])
    reject(decisions, timeline, _completed(timeline, backwards(staged)))
    firsts = 2 * objects.start[:-1]
    origin = np.arange(objects.keys) * timeline.span
    reject(decisions, timeline, _completed(timeline, crossed(staged, firsts, origin)))
    for key in guessed:
        if decisions.status[key] == INVALID:
            decisions.status[key] = DECLINED
            decisions.why[key] = "which of several equal appends was read decides"
    return decisions


def _completed(timeline: Timeline, at: Int64) -> Int64:
    """The last completions of the keys of these moments: by then it is impossible."""
    if not len(at):
        return at
    ends = np.sort(timeline.end[~timeline.crashed])
    return ends[np.searchsorted(ends, (timeline.keys_of(at) + 1) * timeline.span) - 1]


class _Facts:
    """The operations of all keys, as Python's own numbers and values. ``told``: of those that completed.

    ``block`` and ``stage`` are to be found, -1 for what did not happen, or is of a key without places.
    """

    def __init__(self, objects: Objects, model: Model) -> None:
        self.names = [objects.fs[f] for f in objects.f.tolist()]
        self.asked, self.told = _texts(objects) or _values(objects)
        self.begin, self.end = objects.begin.tolist(), objects.end.tolist()
        self.initial = freeze(model.initial)
        self.listed = model.name == "append-list"
        self.block = [-1] * len(self.names)
        self.stage = [0] * len(self.names)


def _texts(objects: Objects) -> tuple[list[Any], list[Any]] | None:
    """What was asked and told, where that is strings or nil."""
    history = objects.history
    kinds, words = history.value
    at = np.stack((objects.begin, np.where(objects.end == CRASHED, objects.begin, objects.end)))
    kind = kinds[at]
    if not ((kind == STR) | (kind == NIL)).all():
        return None
    texts = [*history.strings, None]
    asked, told = np.where(kind == STR, words[at], len(history.strings)).tolist()
    return [texts[word] for word in asked], [texts[word] for word in told]


def _values(objects: Objects) -> tuple[list[Any], list[Any]]:
    """The same of any values."""
    invoked, completed, _, value = objects.arguments
    asked, told = invoked.tolist(), completed.tolist()
    values = {code: value(code) for code in {*asked, *told} if code != NONE}
    values[NONE] = None
    return [values[code] for code in asked], [values[code] for code in told]


class _Block:
    """``put``: its number, -1 for the block from the start. ``whole``: the longest that was read; ``pieces``: what
    was appended for that, in order; ``readers``: (number of pieces, number of the read).
    """

    def __init__(self, put: int, base: Any) -> None:
        self.put = put
        self.whole = base
        self.pieces: list[Any] = []
        self.numbers: list[int] = []
        self.windows: list[tuple[int, int]] = []
        self.readers: list[tuple[int, int]] = []


class _Key:
    """The operations of one key. ``guessed``: whether its places are only some of those possible."""

    def __init__(self, facts: _Facts, numbers: range) -> None:
        self.facts = facts
        self.numbers = numbers
        self.guessed = False
        self.puts: dict[Any, list[int]] = {}
        self.appends: dict[Any, list[int]] = {}
        self.reads: dict[Any, list[int]] = {}
        names, end, asked, told = facts.names, facts.end, facts.asked, facts.told
        puts, appends, reads = self.puts, self.appends, self.reads
        for number in numbers:
            name = names[number]
            if name in _READS:
                if end[number] != CRASHED:
                    reads.setdefault(told[number], []).append(number)
            elif name == "append":
                appends.setdefault(asked[number], []).append(number)
            elif name == "put":
                puts.setdefault(asked[number], []).append(number)
            else:
                raise _DeclinedError(f"it decides put, append and read only, not {name}")
        self.text = self._of_texts()
        self._check_names()
        self.sizes: list[int] = (
            sorted({len(text) for text in (*self.puts, *self.appends)}) if self.text else [1]
        )
        self._blocks_found: list[_Block] = []

    def _of_texts(self) -> bool:
        """Whether the object is a string; not where nothing was put or appended."""
        if not self.puts and not self.appends:
            return False
        texts = {isinstance(value, str) and not self.facts.listed for value in (*self.puts, *self.appends)}
        if texts != {True} and (len(texts) > 1 or self.puts or isinstance(self.facts.initial, str)):
            raise _DeclinedError("it puts, or appends to strings, what are no strings")
        text = True in texts
        if text and ("" in self.puts or "" in self.appends):
            raise _DeclinedError("an empty string was put or appended")
        return text

    def _check_names(self) -> None:
        """No value begins with another one."""
        if not self.text:
            return
        for one, other in pairwise(sorted(self.puts.keys() | self.appends.keys())):
            if other.startswith(one):
                raise _DeclinedError("a value that was put or appended begins with another one")

    def place(self) -> None:
        """Find block and stage of all that happened. Blocks: twice the number of the put, or of the operation that
        nobody saw, and one; the block from the start: twice the key's first number.
        """
        blocks = self._blocks()
        block_of, stage_of, end = self.facts.block, self.facts.stage, self.facts.end
        for block in blocks:
            name = 2 * block.put + 1 if block.put >= 0 else 2 * self.numbers[0]
            if block.put >= 0:
                block_of[block.put] = name
            for count, reader in block.readers:
                block_of[reader], stage_of[reader] = name, 2 * count + 1
            for count, number in enumerate(block.numbers, 1):
                block_of[number], stage_of[number] = name, 2 * count
        for where in (self.puts, self.appends):
            for numbers in where.values():
                for number in numbers:
                    if block_of[number] < 0 and end[number] != CRASHED:
                        block_of[number] = 2 * number + 1

    # --- reads fall into blocks

    def _blocks(self) -> list[_Block]:
        blocks: dict[int, _Block] = {}
        for value in sorted(self.reads, key=_length):
            text = self._read(value, self.reads[value][0])
            for put, readers in self._by_put(text, self.reads[value]).items():
                if put not in blocks:
                    base = text[:0] if put < 0 else self.facts.asked[put]
                    blocks[put] = _Block(put, base)
                self._extend(blocks[put], text, readers)
        self._blocks_found = list(blocks.values())
        self._assign()
        return self._blocks_found

    def _extend(self, block: _Block, text: Any, readers: list[int]) -> None:
        """By a read that is as long as all before, or longer."""
        at = len(block.whole)
        if text[:at] != block.whole:
            raise _ImpossibleError(readers[0])
        appends, pieces, sizes = self.appends, block.pieces, self.sizes
        while at < len(text):
            for size in sizes:
                piece = text[at : at + size] if self.text else text[at]
                if piece in appends:
                    break
            else:
                raise _ImpossibleError(readers[0])
            pieces.append(piece)
            at += size
        block.whole = text
        block.readers += [(len(block.pieces), reader) for reader in readers]

    def _read(self, value: Any, reader: int) -> Any:
        """What was read, as what was put and appended; of the initial value nothing."""
        empty: Any = "" if self.text else ()
        if value == self.facts.initial or (value is None and self.facts.initial == ()):
            return empty
        if self.facts.listed and not isinstance(value, tuple):
            raise ModelError(f"a read of a list answers a list, not {shown(value)}")
        if not isinstance(value, type(empty)) or value == empty:
            raise _ImpossibleError(reader)
        return value

    def _by_put(self, text: Any, readers: list[int]) -> dict[int, list[int]]:
        """Reads of one text, by the put that they go back to, -1 for the start."""
        if not text or not self.puts:
            return {-1: readers}
        piece = next((text[:size] for size in self.sizes if text[:size] in self.puts), None)
        if piece is None:
            return {-1: readers}
        if len(self.puts[piece]) == 1 and piece not in self.appends:
            put = self.puts[piece][0]
            early = [reader for reader in readers if self.facts.end[reader] < self.facts.begin[put]]
            if early:
                raise _ImpossibleError(early[0])
            return {put: readers}
        by_put: dict[int, list[int]] = {}
        for reader in readers:
            by_put.setdefault(self._put_of(piece, reader), []).append(reader)
        return by_put

    def _put_of(self, piece: str, reader: int) -> int:
        begin, end = self.facts.begin, self.facts.end
        # what began in time, and was not put over by an equal put, or from the start by any, before the read
        same = self.puts[piece]
        found = [
            put
            for put in same
            if begin[put] < end[reader]
            and not any(end[put] < begin[other] and end[other] < begin[reader] for other in same)
        ]
        if any(begin[number] < end[reader] for number in self.appends.get(piece, ())) and not any(
            end[put] < begin[reader] for puts in self.puts.values() for put in puts
        ):
            found.append(-1)
        if not found:
            raise _ImpossibleError(reader)
        if len(found) > 1:
            raise _DeclinedError("what was read may go back to one of several puts")
        return found[0]

    # --- pieces are what operations appended

    def _assign(self) -> None:
        """Find the operation behind each piece of each block."""
        open_: dict[Any, list[tuple[_Block, int]]] = {}
        for block in self._blocks_found:
            for at, piece in enumerate(block.pieces):
                numbers = self.appends[piece]
                block.numbers.append(numbers[0] if len(numbers) == 1 else -1)
                if len(numbers) > 1:
                    open_.setdefault(piece, []).append((block, at))
        taken = [n for block in self._blocks_found for n in block.numbers if n >= 0]
        if len(taken) != len(set(taken)):
            twice = next(n for n in taken if taken.count(n) > 1)
            raise _ImpossibleError(self._reader_of(twice))
        if open_:
            for block in self._blocks_found:
                block.windows = self._windows(block)
            for piece, places in open_.items():
                self._choose(self.appends[piece], places)

    def _reader_of(self, number: int) -> int:
        """A read that shows a piece; the last of the key's, which is late enough."""
        del number
        return max(
            (r for block in self._blocks_found for _, r in block.readers), key=self.facts.end.__getitem__
        )

    def _windows(self, block: _Block) -> list[tuple[int, int]]:
        """For each piece: (latest beginning of an earlier stage, earliest end of a later one)."""
        begin, end = self.facts.begin, self.facts.end
        n = len(block.pieces)
        numbers = block.numbers
        after, before = [CRASHED] * (n + 1), [-1] * (n + 1)
        for count, reader in block.readers:
            # a read of so many pieces: after piece ``count``, before the next one
            before[count] = max(before[count], begin[reader])
            after[count] = min(after[count], end[reader])
        latest = [-1] * n
        seen = begin[block.put] if block.put >= 0 else -1
        for at in range(n):
            seen = max(seen, before[at])
            latest[at] = seen
            if numbers[at] >= 0:
                seen = max(seen, begin[numbers[at]])
        earliest = [CRASHED] * n
        least = CRASHED
        for at in range(n - 1, -1, -1):
            least = min(least, after[at + 1])
            earliest[at] = least
            if numbers[at] >= 0:
                least = min(least, end[numbers[at]])
        return list(zip(latest, earliest, strict=True))

    def _choose(self, numbers: list[int], places: list[tuple[_Block, int]]) -> None:
        begin, end = self.facts.begin, self.facts.end
        fits: list[list[int]] = []
        for block, at in places:
            latest, earliest = block.windows[at]
            fits.append([n for n in numbers if begin[n] < earliest and end[n] > latest])
        left = list(range(len(places)))
        while left:
            left.sort(key=lambda place: len(fits[place]))
            place = left.pop(0)
            block, at = places[place]
            if not fits[place]:
                if self.guessed:
                    raise _DeclinedError("which of several equal appends was read decides")
                raise _ImpossibleError(self._reader_of(-1))
            if len(fits[place]) > 1:
                self.guessed = True
            chosen = min(fits[place], key=end.__getitem__)
            block.numbers[at] = chosen
            for other in left:
                if chosen in fits[other]:
                    fits[other].remove(chosen)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, tuple)) else 0


ENGINE = Engine("append", decide)
