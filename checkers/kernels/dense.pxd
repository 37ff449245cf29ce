cimport cython

cdef unsigned long long MASK, MIX, MIX2
cdef int LIST, MAP

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
