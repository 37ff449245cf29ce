cimport cython

cdef long long CRASHED, NONE
cdef int READ, WRITE, CAS, DELETE, MISMATCH, NIL, BOOL, INT, STR, LIST, INITIAL, NOTHING
cdef int LOW, HIGH, KINDS, COUNT, UNPAIRED, UNLIKE

@cython.locals(
    low=cython.longlong, high=cython.longlong, met=cython.longlong, count=cython.Py_ssize_t, bad=cython.longlong,
    unlike=cython.int, i=cython.Py_ssize_t, role=cython.int, at=cython.longlong, word=cython.longlong,
    place=cython.Py_ssize_t, kind=cython.int
)
cpdef collect(
    const signed char[::1] roles, const int[::1] f, const long long[::1] begin, const long long[::1] end,
    const unsigned char[:] value_kind, const long long[:] value_word, const unsigned char[:] pool_kind,
    const long long[:] pool_word, unsigned char[::1] kinds, long long[::1] words, long long[::1] found
)

@cython.locals(
    given=cython.bint, met=cython.Py_ssize_t, place=cython.Py_ssize_t, kind=cython.int, code=cython.longlong
)
cpdef number(
    const unsigned char[::1] kinds, const long long[::1] words, long long integers, long long texts,
    long long initial, const long long[::1] codes, long long[::1] need, long long[::1] put
)

@cython.locals(i=cython.Py_ssize_t)
cpdef set_apart(const signed char[::1] roles, const int[::1] f, long long[::1] need, long long[::1] unlike)
