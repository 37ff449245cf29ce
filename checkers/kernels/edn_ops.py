# ruff: noqa: PLR1714, SIM109 (loops and comparisons that C compilers like best)
"""Ops as EDN: maps one after the other, or in a list or vector (checkers/kernels/text.py)."""

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


class EdnParser(Parser):
    """One pass over a text of EDN."""

    def space(self) -> int:
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

    def token(self, start: int) -> None:
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
            if c == 92 or c == 0:
                return SLOW
            high |= c
            hashed = ((hashed ^ c) * FNV_PRIME) & MASK32
            i += 1
        self.at = i + 1
        return self.find(start, i - start, hashed, high)

    def whole(self) -> int:
        """Take an integer into ``word``: DONE or SLOW."""
        if self.integer() != DONE:
            return SLOW
        c = self.data[self.at]
        if c <= 32 or c == 44 or c == 93 or c == 125 or c == 41 or c == 59:
            return DONE
        return SLOW

    def scalar(self, c: int) -> int:
        """The kind of the scalar that begins here with the byte c; its ``word``. SLOW or FULL."""
        if c == 34:
            code = self.text()
        elif c == 45 or (48 <= c <= 57):
            return INT if self.whole() == DONE else SLOW
        else:
            start = self.at
            if c == 58:
                start += 1
                c = self.data[start]
                if c == 58:
                    return SLOW
            elif not ((97 <= c <= 122) or (65 <= c <= 90)):
                return SLOW
            self.token(start)
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

    def value(self) -> int:
        """The kind of the value that begins here; its ``word``. SLOW or FULL."""
        depth = 0
        while True:
            c = self.space()
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
                if self.whole() != DONE:
                    return SLOW
                self.token(start)
                code = self.find(start, self.token_end - start, self.token_hash, 0)
                if code < 0:
                    return code
                kind = STR
                self.word = code
            else:
                kind = self.scalar(c)
            if kind < 0:
                return kind
            if depth == 0:
                return kind
            self.push(kind, self.word)

    def op(self) -> int:
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
            c = self.space()
            if c == 125:
                self.at += 1
                break
            if c != 58:
                return SLOW
            start = self.at + 1
            self.token(start)
            field = self.field(start, self.token_end - start)
            self.at = self.token_end
            if field != UNKNOWN_FIELD and seen & (1 << field):
                return SLOW
            seen |= 1 << field
            c = self.space()
            if field == TYPE:
                if c != 58:
                    return SLOW
                start = self.at + 1
                self.token(start)
                type_ = self.type_of(start, self.token_end - start)
                if type_ < 0:
                    return SLOW
                self.at = self.token_end
            elif field == INDEX or field == TIME:
                if self.whole() != DONE:
                    return SLOW
                if field == INDEX:
                    index = self.word
                else:
                    time = self.word
            elif field == PROCESS:
                if c == 58:
                    start = self.at + 1
                    self.token(start)
                    if self.token_end - start != 7 or not self.is_name(start, 54, 7):
                        return SLOW
                    self.at = self.token_end
                    process = -1
                else:
                    if self.whole() != DONE or self.word < 0:
                        return SLOW
                    process = self.word
            elif field == F or field == NODE:
                kind = self.scalar(c)
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
                kind = self.value()
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

    def many(self) -> int:
        """Ops one after the other, or in a list or vector. DONE where the buffer ends between two; else SLOW, FULL
        or ROOM before one; BAD at a bracket that closes nothing.
        """
        while True:
            c = self.space()
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
            status = self.op()
            if status != DONE:
                self.at = begin
                self.rows = row
                self.pool_used = pool
                return status

    def extent(self, begin: int) -> int:
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
                self.token(i)
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
                self.token(i + 2)
                i = self.token_end
                if i >= self.size:
                    return -1
            else:
                self.token(i)
                i = self.token_end
                if i >= self.size:
                    return -1
            if depth <= 0:
                if dropped <= 1:
                    return i
                dropped -= 1
        return -1
