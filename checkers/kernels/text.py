# ruff: noqa: SIM102, SIM110 (loops and comparisons that C compilers like best)
"""Histories as text, parsed from bytes into columns: what JSON (json_ops) and EDN (edn_ops) have in common.

The parser takes an op only when it is sure of it: plain strings, integers of up to 18 digits, null, booleans, lists
and maps of these. At anything else it stops before the op with ``SLOW``, and the caller, who has a whole parser,
takes that one op; so what is a history is decided in one place, and this one is about speed.

Strings are interned: a table of open addressing over FNV-1a hashes of 32 bits; their bytes lie one after the other in
``arena``. Maps are stored by key. A value's nested lists lie in the pool before it (checkers/columns.py). The buffer
has one byte more than it is long, and that is 0: no loop needs to look at the size.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

NIL = 0
BOOL = 1
INT = 2
STR = 4
LIST = 5
MAP = 6
LEN = 8

DONE = 0
SLOW = -1
FULL = -2  # the table of strings is; nothing of the op was taken
ROOM = -3  # no room for another row
BAD = -4  # what stands between two ops is wrong

DIGITS_MAX = 18
DEPTH_MAX = 200
SORTED_MAX = 64

FNV = 2166136261
FNV_PRIME = 16777619
MASK32 = 0xFFFFFFFF

# the names of fields, of types and of the nemesis, one after the other; where each begins
NAMES = b"indextimeprocesstypefkeyvaluenodeerrorinvokeokfailinfonemesis#jepsen.history.Op{niltruefalsenull"
INDEX, TIME, PROCESS, TYPE, F, KEY, VALUE, NODE, ERROR = 0, 1, 2, 3, 4, 5, 6, 7, 8
REQUIRED = 31
"""the bits of index, time, process, type and f"""

UNKNOWN_FIELD = 9


class Parser:
    """One pass over a text in pieces. What it fills are arrays of the caller's, named as the columns are.

    ``at``: place in the buffer; ``rows``, ``pool_used``: filled so far of the arrays; ``pool_base``, ``row_base``: of
    earlier arrays. ``close``: the bracket that will end the list of ops that we are in, or 0. ``default_f``: the
    code of the function of an op that says none; below 0 where index, time, process and f may not be missing.
    """

    def __init__(self) -> None:
        self.at = 0
        self.size = 0
        self.rows = 0
        self.room = 0
        self.row_base = 0
        self.pool_used = 0
        self.pool_base = 0
        self.top = 0
        self.word = 0
        self.close = 0
        self.comma = 0
        self.count = 0
        self.arena_used = 0
        self.token_end = 0
        self.token_hash = 0
        self.token_high = 0
        self.default_f = -1
        self.names: Sequence[int] = memoryview(NAMES)

    def buffer(self, data: Sequence[int], size: int) -> None:
        """What to parse: ``data[:size]``, and ``data[size] == 0``."""
        self.data = data
        self.size = size
        self.at = 0

    def arrays(
        self,
        index: MutableSequence[int],
        time: MutableSequence[int],
        process: MutableSequence[int],
        type: MutableSequence[int],  # noqa: A002 (the field's name)
        f: MutableSequence[int],
        node: MutableSequence[int],
        kinds: MutableSequence[int],
        words: MutableSequence[int],
        pool_kind: MutableSequence[int],
        pool_word: MutableSequence[int],
        stack_kind: MutableSequence[int],
        stack_word: MutableSequence[int],
        frames: MutableSequence[int],
    ) -> None:
        """Where ops go: n places each; ``kinds`` and ``words`` 3 n (key, value, error); pool and stack as many as the
        buffer is long; ``frames`` 2 * DEPTH_MAX.
        """
        self.index = index
        self.time = time
        self.process = process
        self.type = type
        self.f = f
        self.node = node
        self.kinds = kinds
        self.words = words
        self.pool_kind = pool_kind
        self.pool_word = pool_word
        self.stack_kind = stack_kind
        self.stack_word = stack_word
        self.frames = frames
        self.room = len(index)

    def strings(
        self,
        slots: MutableSequence[int],
        hashes: MutableSequence[int],
        starts: MutableSequence[int],
        arena: MutableSequence[int],
    ) -> None:
        """The table of strings: ``slots`` twice as many as ``hashes`` at least, a power of two, all 0; the rest holds
        what it held before.
        """
        self.slots = slots
        self.hashes = hashes
        self.starts = starts
        self.arena = arena
        mask = len(slots) - 1
        for code in range(self.count):
            place = hashes[code] & mask
            while slots[place] != 0:
                place = (place + 1) & mask
            slots[place] = code + 1

    # strings

    def find(self, start: int, size: int, hashed: int, high: int) -> int:
        """The code of ``data[start : start + size]``; new ones are taken in if they are ASCII. SLOW or FULL."""
        mask = len(self.slots) - 1
        place = hashed & mask
        while True:
            code = self.slots[place] - 1
            if code < 0:
                break
            if self.hashes[code] == hashed:
                begin = self.starts[code]
                if self.starts[code + 1] - begin == size:
                    i = 0
                    while i < size and self.arena[begin + i] == self.data[start + i]:
                        i += 1
                    if i == size:
                        return code
            place = (place + 1) & mask
        if high >= 128:
            return SLOW
        if self.count >= len(self.hashes) or self.arena_used + size > len(self.arena):
            return FULL
        for i in range(size):
            self.arena[self.arena_used + i] = self.data[start + i]
        return self.insert(place, size, hashed)

    def insert(self, place: int, size: int, hashed: int) -> int:
        """The code of a new string whose bytes stand at the end of the arena."""
        code = self.count
        self.count += 1
        self.arena_used += size
        self.hashes[code] = hashed
        self.starts[code + 1] = self.arena_used
        self.slots[place] = code + 1
        return code

    def intern(self, size: int) -> int:
        """The code of the string whose bytes the caller has put at ``arena[arena_used:]``, where there was room."""
        hashed = FNV
        for i in range(size):
            hashed = ((hashed ^ self.arena[self.arena_used + i]) * FNV_PRIME) & MASK32
        mask = len(self.slots) - 1
        place = hashed & mask
        while True:
            code = self.slots[place] - 1
            if code < 0:
                return self.insert(place, size, hashed)
            if self.hashes[code] == hashed:
                begin = self.starts[code]
                if self.starts[code + 1] - begin == size:
                    i = 0
                    while i < size and self.arena[begin + i] == self.arena[self.arena_used + i]:
                        i += 1
                    if i == size:
                        return code
            place = (place + 1) & mask

    def less(self, left: int, right: int) -> bool:
        """Whether one string comes before another, by code points (the order of UTF-8's bytes)."""
        i = self.starts[left]
        j = self.starts[right]
        i_end = self.starts[left + 1]
        j_end = self.starts[right + 1]
        while i < i_end and j < j_end:
            if self.arena[i] != self.arena[j]:
                return self.arena[i] < self.arena[j]
            i += 1
            j += 1
        return i == i_end and j < j_end

    def is_name(self, start: int, name: int, size: int) -> bool:
        """Whether ``data[start:]`` begins with ``NAMES[name : name + size]``."""
        for i in range(size):
            if self.data[start + i] != self.names[name + i]:
                return False
        return True

    def field(self, start: int, size: int) -> int:
        """Which field ``data[start : start + size]`` names."""
        c = self.data[start]
        if c == 105:  # i
            found, name, length = 0, 0, 5
        elif c == 116:  # t
            if self.data[start + 1] == 105:
                found, name, length = 1, 5, 4
            else:
                found, name, length = 3, 16, 4
        elif c == 112:  # p
            found, name, length = 2, 9, 7
        elif c == 102:  # f
            found, name, length = 4, 20, 1
        elif c == 107:  # k
            found, name, length = 5, 21, 3
        elif c == 118:  # v
            found, name, length = 6, 24, 5
        elif c == 110:  # n
            found, name, length = 7, 29, 4
        elif c == 101:  # e
            found, name, length = 8, 33, 5
        else:
            return UNKNOWN_FIELD
        if length != size or not self.is_name(start, name, length):
            return UNKNOWN_FIELD
        return found

    def type_of(self, start: int, size: int) -> int:
        """The code of the type that ``data[start : start + size]`` names, or SLOW."""
        if size == 2 and self.is_name(start, 44, 2):
            return 1
        if size == 6 and self.is_name(start, 38, 6):
            return 0
        if size == 4 and self.is_name(start, 46, 4):
            return 2
        if size == 4 and self.is_name(start, 50, 4):
            return 3
        return SLOW

    def integer(self) -> int:
        """Take an integer into ``word``: DONE, or SLOW. What follows it is for the caller to look at."""
        negative = 0
        if self.data[self.at] == 45:  # -
            negative = 1
            self.at += 1
        start = self.at
        number = 0
        while True:
            c = self.data[self.at]
            if c < 48 or c > 57:
                break
            if self.at - start >= DIGITS_MAX:
                return SLOW
            number = number * 10 + (c - 48)
            self.at += 1
        if self.at == start:
            return SLOW
        if self.data[start] == 48 and (self.at - start > 1 or negative):
            return SLOW
        self.word = -number if negative else number
        return DONE

    # values

    def push(self, kind: int, word: int) -> None:
        self.stack_kind[self.top] = kind
        self.stack_word[self.top] = word
        self.top += 1

    def fold(self, start: int, is_map: int) -> int:
        """Move ``stack[start:]`` into the pool as a list or map; ``word`` is its place. The kind, or SLOW."""
        size = self.top - start
        if is_map:
            if size & 1 or not self.sort(start, size):
                return SLOW
        place = self.pool_used
        self.pool_kind[place] = LEN
        self.pool_word[place] = size >> 1 if is_map else size
        for i in range(size):
            self.pool_kind[place + 1 + i] = self.stack_kind[start + i]
            self.pool_word[place + 1 + i] = self.stack_word[start + i]
        self.pool_used = place + 1 + size
        self.top = start
        self.word = self.pool_base + place
        return MAP if is_map else LIST

    def sort(self, start: int, size: int) -> bool:
        """Order the pairs of a map by key. False for keys that are no strings, occur twice or are too many."""
        if size > 2 * SORTED_MAX:
            return False
        i = 0
        while i < size:
            if self.stack_kind[start + i] != STR:
                return False
            key = self.stack_word[start + i]
            kind = self.stack_kind[start + i + 1]
            word = self.stack_word[start + i + 1]
            j = i
            while j > 0 and self.less(key, self.stack_word[start + j - 2]):
                self.stack_word[start + j] = self.stack_word[start + j - 2]
                self.stack_kind[start + j + 1] = self.stack_kind[start + j - 1]
                self.stack_word[start + j + 1] = self.stack_word[start + j - 1]
                j -= 2
            if j > 0 and self.stack_word[start + j - 2] == key:
                return False
            self.stack_word[start + j] = key
            self.stack_kind[start + j + 1] = kind
            self.stack_word[start + j + 1] = word
            i += 2
        return True

    def write(
        self,
        index: int,
        time: int,
        process: int,
        type: int,  # noqa: A002 (the field's name)
        f: int,
        node: int,
    ) -> None:
        """Finish a row whose key, value and error are in ``kinds`` and ``words`` already."""
        row = self.rows
        self.index[row] = index
        self.time[row] = time
        self.process[row] = process
        self.type[row] = type
        self.f[row] = f
        self.node[row] = node
        self.rows += 1
