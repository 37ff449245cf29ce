cimport cython

cdef unsigned long long MASK, MIX, MIX2
cdef int APPEND, WW, WR, RW, FAN, FURTHER, CONTRADICTS, NOTHING, GARBAGE, TWICE

@cython.locals(state=cython.ulonglong)
cdef unsigned long long mixed(unsigned long long key, unsigned long long word) noexcept

@cython.locals(
    m=cython.Py_ssize_t, key=cython.int, txn=cython.int, first=cython.int, place=cython.longlong,
    size=cython.longlong, start=cython.longlong, fits=cython.bint, own=cython.int, at=cython.longlong,
    other=cython.longlong, best=cython.int
)
cpdef void observe(
    const int[:] txns, const unsigned char[:] fs, const int[:] keys, const long long[:] places,
    const long long[:] words, const unsigned char[:] known, const long long[:] pool_word,
    const long long[:] elements, int[:] stamp, int[:] seen, int[:] last, int[:] count, int[:] update,
    int[:] base, unsigned char[:] later, int[:] updates, unsigned char[:] updated, int[:] previous, int[:] top
)

@cython.locals(
    count=cython.longlong, m=cython.Py_ssize_t, place=cython.longlong, longest=cython.int,
    other=cython.longlong, at=cython.longlong
)
cpdef long long prefixes(
    const int[:] keys, const long long[:] places, const int[:] base, const long long[:] pool_word,
    const long long[:] elements, const int[:] top, unsigned char[:] strange
)

@cython.locals(
    mask=cython.ulonglong, m=cython.Py_ssize_t, key=cython.int, word=cython.longlong, slot=cython.ulonglong,
    other=cython.int
)
cpdef void index(
    const int[:] txns, const unsigned char[:] fs, const int[:] keys, const long long[:] words,
    const unsigned char[:] aborted, int[:] table, int[:] ambiguous
)

@cython.locals(mask=cython.ulonglong, slot=cython.ulonglong, m=cython.int)
cpdef int find(int key, long long word, const int[:] keys, const long long[:] words, const int[:] table)

@cython.locals(
    key=cython.Py_ssize_t, low=cython.longlong, high=cython.longlong, place=cython.longlong, at=cython.longlong,
    m=cython.int
)
cpdef void order(
    const int[:] keys, const long long[:] words, const long long[:] places,
    const long long[:] elements, const int[:] table, const int[:] top, const long long[:] offsets,
    int[:] writers, long long[:] position
)

@cython.locals(
    number=cython.Py_ssize_t, m=cython.int, place=cython.longlong, at=cython.longlong, own=cython.int
)
cpdef void inspect(
    const int[:] reads, const int[:] keys, const long long[:] words, const long long[:] places,
    const long long[:] pool_word, const long long[:] elements, const int[:] table,
    const unsigned char[:] failed, int[:] met, unsigned char[:] found, int[:] strange
)

@cython.locals(
    m=cython.Py_ssize_t, place=cython.longlong, low=cython.longlong, at=cython.longlong, key=cython.Py_ssize_t,
    best=cython.int, back=cython.longlong
)
cpdef void earliest(
    const int[:] keys, const long long[:] places, const int[:] base, const unsigned char[:] strange,
    const long long[:] pool_word, const long long[:] offsets, int[:] first
)

@cython.locals(
    key=cython.Py_ssize_t, low=cython.longlong, size=cython.longlong, last=cython.int, at=cython.longlong,
    m=cython.int, back=cython.longlong
)
cpdef void around(
    const long long[:] offsets, const int[:] writers, const int[:] txns, const unsigned char[:] committed,
    int[:] before, int[:] after
)

@cython.locals(
    room=cython.longlong, edges=cython.longlong, at=cython.longlong, one=cython.int, two=cython.int,
    number=cython.Py_ssize_t, m=cython.int, key=cython.int, txn=cython.int, low=cython.longlong,
    reading=cython.longlong, writing=cython.longlong, fan=cython.int, middle=cython.bint, full=cython.longlong
)
cpdef void connect(
    const int[:] txns, const unsigned char[:] fs, const int[:] keys, const int[:] base, const int[:] span,
    const unsigned char[:] strange, const unsigned char[:] later, const int[:] updates,
    const unsigned char[:] updated, const long long[:] position, const unsigned char[:] closed,
    const unsigned char[:] committed, const long long[:] offsets, const int[:] before, const int[:] after,
    int[:] readers, int[:] unread, int[:] following, int nodes, long long[:] sizes,
    int[:] src, int[:] dst, signed char[:] cls
)

cdef bint grouped(int m, const int[:] span, const unsigned char[:] strange, long long full) noexcept

@cython.locals(other=cython.int)
cdef bint excused(
    int m, int one, int two, const int[:] txns, const int[:] span, const unsigned char[:] strange,
    const unsigned char[:] later, const int[:] updates, const unsigned char[:] updated,
    const long long[:] position, long long low
) noexcept
