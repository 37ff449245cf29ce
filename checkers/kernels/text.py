# ruff: noqa: PLR1714, SIM102, SIM109, SIM110 (loops and comparisons that C compilers like best)
"""Histories as text, JSON or EDN, parsed from bytes into columns: the common forms, and nothing that is doubtful.

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

    # JSON

    def json_space(self) -> int:
        """Pass over blanks; the byte there. A line's end is one only between the ops of a list."""
        while True:
            c = self.data[self.at]
            if c == 32 or c == 9 or c == 13 or (c == 10 and self.comma >= 0):
                self.at += 1
            else:
                return c

    def json_string(self) -> int:
        """The code of the string that begins here, SLOW or FULL."""
        start = self.at + 1
        i = start
        hashed = FNV
        high = 0
        while True:
            c = self.data[i]
            if c == 34:
                break
            if c < 32 or c == 92:
                return SLOW
            high |= c
            hashed = ((hashed ^ c) * FNV_PRIME) & MASK32
            i += 1
        self.at = i + 1
        return self.find(start, i - start, hashed, high)

    def json_scalar(self, c: int) -> int:
        """The kind of the scalar that begins here with the byte c; its ``word``. SLOW or FULL."""
        if c == 34:
            code = self.json_string()
            if code < 0:
                return code
            self.word = code
            return STR
        if c == 45 or (48 <= c <= 57):
            if self.integer() != DONE:
                return SLOW
            c = self.data[self.at]
            return SLOW if c == 46 or c == 101 or c == 69 else INT
        self.word = 0
        if c == 110 and self.is_name(self.at, 92, 4):
            self.at += 4
            return NIL
        if c == 116 and self.is_name(self.at, 83, 4):
            self.at += 4
            self.word = 1
            return BOOL
        if c == 102 and self.is_name(self.at, 87, 5):
            self.at += 5
            return BOOL
        return SLOW

    def json_key(self) -> int:
        """A map's key and its colon, onto the stack: DONE, SLOW or FULL."""
        if self.json_space() != 34:
            return SLOW
        code = self.json_string()
        if code < 0:
            return code
        self.push(STR, code)
        if self.json_space() != 58:
            return SLOW
        self.at += 1
        return DONE

    def json_value(self) -> int:
        """The kind of the value that begins here; its ``word``. SLOW or FULL."""
        depth = 0
        while True:
            c = self.json_space()
            if c == 91 or c == 123:
                if depth == DEPTH_MAX:
                    return SLOW
                is_map = 1 if c == 123 else 0
                self.frames[2 * depth] = self.top
                self.frames[2 * depth + 1] = is_map
                depth += 1
                self.at += 1
                c = self.json_space()
                if c != 93 + 32 * is_map:
                    if is_map:
                        status = self.json_key()
                        if status != DONE:
                            return status
                    continue
                self.at += 1
                depth -= 1
                kind = self.fold(self.top, is_map)
            else:
                kind = self.json_scalar(c)
            while True:
                if kind < 0:
                    return kind
                if depth == 0:
                    return kind
                self.push(kind, self.word)
                is_map = self.frames[2 * depth - 1]
                c = self.json_space()
                self.at += 1
                if c == 44:
                    if is_map:
                        status = self.json_key()
                        if status != DONE:
                            return status
                    break
                if c != 93 + 32 * is_map:
                    return SLOW
                depth -= 1
                kind = self.fold(self.frames[2 * depth], is_map)

    def json_op(self) -> int:
        """One op into a row: DONE, SLOW or FULL."""
        if self.json_space() != 123:
            return SLOW
        self.at += 1
        index = self.row_base + self.rows
        time = process = type_ = 0
        f = self.default_f
        node = -1
        seen = 0
        base = 3 * self.rows
        self.kinds[base] = self.kinds[base + 1] = self.kinds[base + 2] = NIL
        self.words[base] = self.words[base + 1] = self.words[base + 2] = 0
        while True:
            if self.json_space() != 34:
                return SLOW
            start = self.at + 1
            i = start
            while self.data[i] != 34 and self.data[i] != 0:
                i += 1
            field = self.field(start, i - start)
            self.at = i + 1
            if field == UNKNOWN_FIELD or seen & (1 << field):
                return SLOW
            seen |= 1 << field
            if self.json_space() != 58:
                return SLOW
            self.at += 1
            c = self.json_space()
            if field == KEY or field == VALUE or field == ERROR:
                self.top = 0
                kind = self.json_value()
                if kind < 0:
                    return kind
                place = base + (0 if field == KEY else 1 if field == VALUE else 2)
                self.kinds[place] = kind
                self.words[place] = self.word
            elif field == TYPE:
                start = self.at + 1
                i = start
                while self.data[i] > 34 and i < start + 8:
                    i += 1
                type_ = self.type_of(start, i - start)
                if c != 34 or self.data[i] != 34 or type_ < 0:
                    return SLOW
                self.at = i + 1
            elif field == F:
                if c != 34:
                    return SLOW
                f = self.json_string()
                if f < 0:
                    return f
            elif field == NODE:
                kind = self.json_scalar(c)
                if kind == STR:
                    node = self.word
                elif kind == NIL:
                    node = -1
                else:
                    return FULL if kind == FULL else SLOW
            elif field == PROCESS and c == 34:
                if not self.is_name(self.at + 1, 54, 7) or self.data[self.at + 8] != 34:
                    return SLOW
                process = -1
                self.at += 9
            else:
                if self.integer() != DONE or (field == PROCESS and self.word < 0):
                    return SLOW
                if field == INDEX:
                    index = self.word
                elif field == TIME:
                    time = self.word
                else:
                    process = self.word
            c = self.json_space()
            self.at += 1
            if c == 125:
                break
            if c != 44:
                return SLOW
        if (seen & REQUIRED) != REQUIRED and (self.default_f < 0 or (seen & (1 << TYPE)) == 0):
            return SLOW
        self.write(index, time, process, type_, f, node)
        return DONE

    def json_lines(self) -> int:
        """Ops one a line, to the end of the buffer, which ends with a line.

        DONE; or SLOW, FULL or ROOM before a line.
        """
        self.comma = -1
        while self.at < self.size:
            if self.rows >= self.room:
                return ROOM
            begin = self.at
            row = self.rows
            pool = self.pool_used
            status = self.json_op()
            if status == DONE and self.json_space() != 10:
                status = SLOW
            if status != DONE:
                self.at = begin
                self.rows = row
                self.pool_used = pool
                return status
            self.at += 1
        return DONE

    def json_list(self) -> int:
        """Ops of a JSON array, or one after the other. DONE where the buffer ends between two ops, else as above;
        BAD at what may not stand between them.

        ``comma``: 0 before the first op of an array, 1 after an op, 2 after a comma.
        """
        while True:
            c = self.json_space()
            if self.at >= self.size:
                return DONE
            if self.close == 0 and c == 91:
                self.close = 93
                self.comma = 0
                self.at += 1
                continue
            if self.close != 0 and c == 93 and self.comma != 2:
                self.close = 0
                self.comma = 0
                self.at += 1
                continue
            if self.close != 0 and c == 44 and self.comma == 1:
                self.comma = 2
                self.at += 1
                continue
            if c != 123 or (self.close != 0 and self.comma == 1):
                return BAD
            if self.rows >= self.room:
                return ROOM
            begin = self.at
            row = self.rows
            pool = self.pool_used
            status = self.json_op()
            if status != DONE:
                self.at = begin
                self.rows = row
                self.pool_used = pool
                return status
            self.comma = 1

    def json_extent(self, begin: int) -> int:
        """Where the object that begins there ends, by its brackets and quotes; -1 where the buffer ends before."""
        depth = 0
        i = begin
        while i < self.size:
            c = self.data[i]
            i += 1
            if c == 34:
                while i < self.size and self.data[i] != 34:
                    i += 2 if self.data[i] == 92 else 1
                i += 1
            elif c == 123 or c == 91:
                depth += 1
            elif c == 125 or c == 93:
                depth -= 1
                if depth <= 0:
                    return i
        return -1

    # EDN

    def edn_space(self) -> int:
        """Pass over blanks, commas and remarks; the byte there. A remark without an end is not passed over."""
        while True:
            c = self.data[self.at]
            if c == 32 or c == 10 or c == 44 or c == 13 or c == 9:
                self.at += 1
            elif c == 59:
                i = self.at
                while i < self.size and self.data[i] != 10:
                    i += 1
                if i >= self.size:
                    return c
                self.at = i
            else:
                return c

    def edn_token(self, start: int) -> None:
        """The end, hash and highest byte of the token that begins there."""
        i = start
        hashed = FNV
        high = 0
        while True:
            c = self.data[i]
            if c <= 44 and (c <= 32 or c == 44 or c == 34 or c == 40 or c == 41):
                break
            if c == 59 or c == 91 or c == 93 or c == 123 or c == 125 or c == 92:
                break
            high |= c
            hashed = ((hashed ^ c) * FNV_PRIME) & MASK32
            i += 1
        self.token_end = i
        self.token_hash = hashed
        self.token_high = high

    def edn_string(self) -> int:
        """The code of the string that begins here, SLOW or FULL."""
        start = self.at + 1
        i = start
        hashed = FNV
        high = 0
        while True:
            c = self.data[i]
            if c == 34:
                break
            if c == 92 or c == 0:
                return SLOW
            high |= c
            hashed = ((hashed ^ c) * FNV_PRIME) & MASK32
            i += 1
        self.at = i + 1
        return self.find(start, i - start, hashed, high)

    def edn_integer(self) -> int:
        """Take an integer into ``word``: DONE or SLOW."""
        if self.integer() != DONE:
            return SLOW
        c = self.data[self.at]
        if c <= 32 or c == 44 or c == 93 or c == 125 or c == 41 or c == 59:
            return DONE
        return SLOW

    def edn_scalar(self, c: int) -> int:
        """The kind of the scalar that begins here with the byte c; its ``word``. SLOW or FULL."""
        if c == 34:
            code = self.edn_string()
        elif c == 45 or (48 <= c <= 57):
            return INT if self.edn_integer() == DONE else SLOW
        else:
            start = self.at
            if c == 58:
                start += 1
                c = self.data[start]
                if c == 58:
                    return SLOW
            elif not ((97 <= c <= 122) or (65 <= c <= 90)):
                return SLOW
            self.edn_token(start)
            size = self.token_end - start
            if size == 0 or self.data[self.token_end] == 92:
                return SLOW
            if start == self.at:
                self.word = 0
                if size == 3 and self.is_name(start, 80, 3):
                    self.at = self.token_end
                    return NIL
                if size == 4 and self.is_name(start, 83, 4):
                    self.at = self.token_end
                    self.word = 1
                    return BOOL
                if size == 5 and self.is_name(start, 87, 5):
                    self.at = self.token_end
                    return BOOL
            self.at = self.token_end
            code = self.find(start, size, self.token_hash, self.token_high)
        if code < 0:
            return code
        self.word = code
        return STR

    def edn_value(self) -> int:
        """The kind of the value that begins here; its ``word``. SLOW or FULL."""
        depth = 0
        while True:
            c = self.edn_space()
            if c == 91 or c == 40 or c == 123:
                if depth == DEPTH_MAX:
                    return SLOW
                self.frames[2 * depth] = self.top
                self.frames[2 * depth + 1] = 41 if c == 40 else c + 2
                depth += 1
                self.at += 1
                continue
            if depth > 0 and c == self.frames[2 * depth - 1]:
                self.at += 1
                depth -= 1
                kind = self.fold(self.frames[2 * depth], 1 if c == 125 else 0)
            elif (
                depth > 0
                and self.frames[2 * depth - 1] == 125
                and ((self.top - self.frames[2 * depth - 2]) & 1) == 0
                and (c == 45 or (48 <= c <= 57))
            ):
                # an integer as a key is its digits: a JSON object could have no other
                start = self.at
                if self.edn_integer() != DONE:
                    return SLOW
                self.edn_token(start)
                code = self.find(start, self.token_end - start, self.token_hash, 0)
                if code < 0:
                    return code
                kind = STR
                self.word = code
            else:
                kind = self.edn_scalar(c)
            if kind < 0:
                return kind
            if depth == 0:
                return kind
            self.push(kind, self.word)

    def edn_op(self) -> int:
        """One op into a row: DONE, SLOW or FULL."""
        if self.data[self.at] != 123:
            return SLOW
        self.at += 1
        index = self.row_base + self.rows
        time = process = 0
        type_ = node = -1
        f = self.default_f
        seen = 0
        base = 3 * self.rows
        self.kinds[base] = self.kinds[base + 1] = self.kinds[base + 2] = NIL
        self.words[base] = self.words[base + 1] = self.words[base + 2] = 0
        while True:
            c = self.edn_space()
            if c == 125:
                self.at += 1
                break
            if c != 58:
                return SLOW
            start = self.at + 1
            self.edn_token(start)
            field = self.field(start, self.token_end - start)
            self.at = self.token_end
            if field != UNKNOWN_FIELD and seen & (1 << field):
                return SLOW
            seen |= 1 << field
            c = self.edn_space()
            if field == TYPE:
                if c != 58:
                    return SLOW
                start = self.at + 1
                self.edn_token(start)
                type_ = self.type_of(start, self.token_end - start)
                if type_ < 0:
                    return SLOW
                self.at = self.token_end
            elif field == INDEX or field == TIME:
                if self.edn_integer() != DONE:
                    return SLOW
                if field == INDEX:
                    index = self.word
                else:
                    time = self.word
            elif field == PROCESS:
                if c == 58:
                    start = self.at + 1
                    self.edn_token(start)
                    if self.token_end - start != 7 or not self.is_name(start, 54, 7):
                        return SLOW
                    self.at = self.token_end
                    process = -1
                else:
                    if self.edn_integer() != DONE or self.word < 0:
                        return SLOW
                    process = self.word
            elif field == F or field == NODE:
                kind = self.edn_scalar(c)
                if kind == FULL:
                    return FULL
                if kind == STR and field == F:
                    f = self.word
                elif kind == STR:
                    node = self.word
                elif kind != NIL or field == F:
                    return SLOW
            else:
                self.top = 0
                pool = self.pool_used
                kind = self.edn_value()
                if kind < 0:
                    return kind
                if field == UNKNOWN_FIELD:
                    self.pool_used = pool
                else:
                    place = base + (0 if field == KEY else 1 if field == VALUE else 2)
                    self.kinds[place] = kind
                    self.words[place] = self.word
        if type_ < 0 or f < 0:
            return SLOW
        self.write(index, time, process, type_, f, node)
        return DONE

    def edn_forms(self) -> int:
        """Ops one after the other, or in a list or vector. DONE where the buffer ends between two; else SLOW, FULL
        or ROOM before one; BAD at a bracket that closes nothing.
        """
        while True:
            c = self.edn_space()
            if self.at >= self.size or c == 59:
                return DONE
            if self.close == 0 and (c == 91 or c == 40):
                self.close = 93 if c == 91 else 41
                self.at += 1
                continue
            if c == 93 or c == 41 or c == 125:
                if c != self.close:
                    return BAD
                self.close = 0
                self.at += 1
                continue
            if self.rows >= self.room:
                return ROOM
            begin = self.at
            row = self.rows
            pool = self.pool_used
            if c == 35 and self.is_name(self.at, 61, 19):
                self.at += 18
            status = self.edn_op()
            if status != DONE:
                self.at = begin
                self.rows = row
                self.pool_used = pool
                return status

    def edn_extent(self, begin: int) -> int:
        """Where the form that begins there ends; -1 where the buffer ends before. Of ``#_ x``, the end of x."""
        depth = 0
        dropped = 0
        i = begin
        while i < self.size:
            c = self.data[i]
            if c <= 32 or c == 44:
                i += 1
                continue
            if c == 59:
                while i < self.size and self.data[i] != 10:
                    i += 1
                continue
            if c == 35 and self.data[i + 1] == 95:
                i += 2
                if depth == 0:
                    dropped += 1
                continue
            if c == 35 and self.data[i + 1] != 123:
                self.edn_token(i)
                i = self.token_end
                continue
            if c == 35:
                i += 1
                c = 123
            if c == 34:
                i += 1
                while i < self.size and self.data[i] != 34:
                    i += 2 if self.data[i] == 92 else 1
                if i >= self.size:
                    return -1
                i += 1
            elif c == 123 or c == 91 or c == 40:
                depth += 1
                i += 1
                continue
            elif c == 125 or c == 93 or c == 41:
                depth -= 1
                i += 1
            elif c == 92:
                if i + 2 >= self.size:
                    return -1
                self.edn_token(i + 2)
                i = self.token_end
                if i >= self.size:
                    return -1
            else:
                self.edn_token(i)
                i = self.token_end
                if i >= self.size:
                    return -1
            if depth <= 0:
                if dropped <= 1:
                    return i
                dropped -= 1
        return -1
