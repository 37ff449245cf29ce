# ruff: noqa: PLR1714, SIM109 (loops and comparisons that C compilers like best)
"""Ops as JSON: one a line, or in an array (checkers/kernels/text.py)."""

from __future__ import annotations

from checkers.kernels.text import Parser

NIL = 0
BOOL = 1
INT = 2
STR = 4
DONE = 0
SLOW = -1
FULL = -2
ROOM = -3
BAD = -4
DEPTH_MAX = 200
FNV = 2166136261
FNV_PRIME = 16777619
MASK32 = 0xFFFFFFFF
INDEX, TIME, PROCESS, TYPE, F, KEY, VALUE, NODE, ERROR = 0, 1, 2, 3, 4, 5, 6, 7, 8
UNKNOWN_FIELD = 9
REQUIRED = 31
"""the bits of index, time, process and type and f"""


class JsonParser(Parser):
    """One pass over a text of JSON."""

    def space(self) -> int:
        """Pass over blanks; the byte there. A line's end is one only between the ops of a list."""
        while True:
            c = self.data[self.at]
            if c == 32 or c == 9 or c == 13 or (c == 10 and self.comma >= 0):
                self.at += 1
            else:
                return c

    def text(self) -> int:
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

    def scalar(self, c: int) -> int:
        """The kind of the scalar that begins here with the byte c; its ``word``. SLOW or FULL."""
        if c == 34:
            code = self.text()
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

    def key(self) -> int:
        """A map's key and its colon, onto the stack: DONE, SLOW or FULL."""
        if self.space() != 34:
            return SLOW
        code = self.text()
        if code < 0:
            return code
        self.push(STR, code)
        if self.space() != 58:
            return SLOW
        self.at += 1
        return DONE

    def value(self) -> int:
        """The kind of the value that begins here; its ``word``. SLOW or FULL."""
        depth = 0
        while True:
            c = self.space()
            if c == 91 or c == 123:
                if depth == DEPTH_MAX:
                    return SLOW
                is_map = 1 if c == 123 else 0
                self.frames[2 * depth] = self.top
                self.frames[2 * depth + 1] = is_map
                depth += 1
                self.at += 1
                c = self.space()
                if c != 93 + 32 * is_map:
                    if is_map:
                        status = self.key()
                        if status != DONE:
                            return status
                    continue
                self.at += 1
                depth -= 1
                kind = self.fold(self.top, is_map)
            else:
                kind = self.scalar(c)
            while True:
                if kind < 0:
                    return kind
                if depth == 0:
                    return kind
                self.push(kind, self.word)
                is_map = self.frames[2 * depth - 1]
                c = self.space()
                self.at += 1
                if c == 44:
                    if is_map:
                        status = self.key()
                        if status != DONE:
                            return status
                    break
                if c != 93 + 32 * is_map:
                    return SLOW
                depth -= 1
                kind = self.fold(self.frames[2 * depth], is_map)

    def op(self) -> int:
        """One op into a row: DONE, SLOW or FULL."""
        if self.space() != 123:
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
            if self.space() != 34:
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
            if self.space() != 58:
                return SLOW
            self.at += 1
            c = self.space()
            if field == KEY or field == VALUE or field == ERROR:
                self.top = 0
                kind = self.value()
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
                f = self.text()
                if f < 0:
                    return f
            elif field == NODE:
                kind = self.scalar(c)
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
            c = self.space()
            self.at += 1
            if c == 125:
                break
            if c != 44:
                return SLOW
        if (seen & REQUIRED) != REQUIRED and (self.default_f < 0 or (seen & (1 << TYPE)) == 0):
            return SLOW
        self.write(index, time, process, type_, f, node)
        return DONE

    def lines(self) -> int:
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
            status = self.op()
            if status == DONE and self.space() != 10:
                status = SLOW
            if status != DONE:
                self.at = begin
                self.rows = row
                self.pool_used = pool
                return status
            self.at += 1
        return DONE

    def many(self) -> int:
        """Ops of a JSON array, or one after the other. DONE where the buffer ends between two ops, else as above;
        BAD at what may not stand between them.

        ``comma``: 0 before the first op of an array, 1 after an op, 2 after a comma.
        """
        while True:
            c = self.space()
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
            status = self.op()
            if status != DONE:
                self.at = begin
                self.rows = row
                self.pool_used = pool
                return status
            self.comma = 1

    def extent(self, begin: int) -> int:
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
