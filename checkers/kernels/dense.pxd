cimport cython

cdef unsigned long long MASK, MIX, MIX2
cdef int BOOL, INT, STR, LIST, MAP

cdef unsigned long long mixed(unsigned long long state, unsigned long long word) noexcept

@cython.locals(size=cython.longlong, state=cython.ulonglong, at=cython.longlong)
cdef unsigned long long hashed(
    int kind, long long word, const unsigned char[:] pool_kind, const long long[:] pool_word
) noexcept

@cython.locals(size=cython.longlong, at=cython.longlong)
cdef bint same(
    int kind, long long left, long long right, const unsigned char[:] pool_kind, const long long[:] pool_word
) noexcept

@cython.locals(
    count=cython.longlong, mask=cython.ulonglong, at=cython.Py_ssize_t, kind=cython.int, word=cython.longlong,
    place=cython.ulonglong, code=cython.longlong, first=cython.longlong
)
cpdef long long number(
    const unsigned char[:] kinds, const long long[:] words,
    const unsigned char[:] pool_kind, const long long[:] pool_word,
    long long[:] table, long long[:] firsts, long long[:] codes
)

@cython.locals(
    low=cython.longlong, high=cython.longlong, met=cython.longlong, at=cython.Py_ssize_t, kind=cython.int,
    word=cython.longlong
)
cpdef survey(const unsigned char[:] kinds, const long long[:] words, long long[::1] found)

@cython.locals(
    count=cython.Py_ssize_t, at=cython.Py_ssize_t, kind=cython.int, place=cython.longlong, code=cython.longlong
)
cpdef Py_ssize_t number_plain(
    const unsigned char[:] kinds, const long long[:] words, long long integers, long long texts, int[::1] table,
    long long[::1] firsts, long long[::1] codes
)
