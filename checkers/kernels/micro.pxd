cimport cython

cdef int NIL, STR, LIST, R, APPEND, W

@cython.locals(
    mask=cython.longlong, txn=cython.Py_ssize_t, out=cython.longlong, base=cython.longlong, at=cython.longlong,
    place=cython.longlong, name=cython.longlong, f=cython.int, kind=cython.int, word=cython.longlong,
    entry=cython.longlong
)
cpdef long long extract(
    const long long[:] words, const unsigned char[:] known,
    const unsigned char[:] pool_kind, const long long[:] pool_word,
    const long long[:] names, int lists, const long long[:] offsets,
    int[:] txns, unsigned char[:] fs, unsigned char[:] key_kinds, long long[:] key_words,
    unsigned char[:] value_kinds, long long[:] value_words, long long[:] problem
)
