cimport cython

cdef unsigned long long MASK, MIX, MIX2
cdef int R, RW, FAN, EXTERNAL, INNER, CONTRADICTS

@cython.locals(state=cython.ulonglong)
cdef unsigned long long mixed(unsigned long long key, unsigned long long word) noexcept

@cython.locals(
    mask=cython.ulonglong, m=cython.Py_ssize_t, key=cython.int, word=cython.longlong, slot=cython.ulonglong,
    other=cython.int
)
cpdef long long number(
    const int[:] txns, const unsigned char[:] fs, const int[:] keys, const long long[:] words,
    const unsigned char[:] initial, const unsigned char[:] known, long long count, int[:] table, int[:] version
)

@cython.locals(
    m=cython.Py_ssize_t, key=cython.int, txn=cython.int, read=cython.int, other=cython.int
)
cpdef void observe(
    const int[:] txns, const unsigned char[:] fs, const int[:] keys, const int[:] version,
    const unsigned char[:] aborted, int[:] stamp, int[:] last, int[:] seen, int[:] wrote,
    unsigned char[:] role, unsigned char[:] later, int[:] updates, unsigned char[:] updated,
    unsigned char[:] future, int[:] writer, int[:] ambiguous
)

@cython.locals(
    count=cython.longlong, room=cython.longlong, key=cython.Py_ssize_t, fronts=cython.longlong,
    waiting=cython.longlong, touch=cython.longlong, kept=cython.longlong, nth=cython.longlong,
    other=cython.longlong, stay=cython.longlong, place=cython.longlong
)
cpdef long long frontier(
    const long long[:] offsets, const long long[:] begin, const long long[:] end, const int[:] first,
    const int[:] last, long long[:] front, long long[:] pending, int[:] earlier, int[:] later
)

@cython.locals(
    room=cython.longlong, count=cython.longlong, pair=cython.Py_ssize_t, one=cython.int, two=cython.int,
    read=cython.int, at=cython.longlong, m=cython.int
)
cpdef long long expand(
    const int[:] earlier, const int[:] later, const signed char[:] ww, const signed char[:] rw,
    const int[:] txns, const int[:] version, const int[:] writer, const long long[:] starts,
    const int[:] readers, const int[:] updates, const unsigned char[:] updated,
    int[:] src, int[:] dst, signed char[:] cls
)

@cython.locals(
    room=cython.longlong, edges=cython.longlong, key=cython.Py_ssize_t, reading=cython.longlong,
    writing=cython.longlong, fan=cython.int, at=cython.longlong, two=cython.int, read=cython.int,
    place=cython.longlong, m=cython.int
)
cpdef void beginnings(
    const int[:] txns, const int[:] version, const long long[:] spans, const int[:] writes,
    const long long[:] starts, const int[:] readers, const int[:] updates, const unsigned char[:] updated,
    int nodes, long long[:] sizes, int[:] src, int[:] dst, signed char[:] cls
)

@cython.locals(m=cython.Py_ssize_t)
cpdef void count_touches(
    const int[:] txns, const int[:] keys, const unsigned char[:] usable, int[:] stamp, long long[:] counts
)

@cython.locals(m=cython.Py_ssize_t, key=cython.int)
cpdef void touch(
    const int[:] txns, const int[:] keys, const unsigned char[:] usable, const int[:] version, int[:] stamp,
    long long[:] cursor, int[:] txn_of, int[:] first, int[:] last
)

@cython.locals(mask=cython.ulonglong, pair=cython.Py_ssize_t, slot=cython.ulonglong, other=cython.int)
cpdef void distinct(const int[:] one, const int[:] two, int[:] table, unsigned char[:] keep)
