cimport cython

cdef int INVOKE, INFO, NIL, NEMESIS, SHIFT
cdef long long MASK

@cython.locals(
    count=cython.Py_ssize_t, at=cython.Py_ssize_t, who=cython.longlong, what=cython.int, number=cython.longlong,
    held=cython.longlong, first=cython.longlong
)
cpdef Py_ssize_t pair(
    const long long[:] process, long long high, const unsigned char[:] kind, const int[:] f,
    const unsigned char[:] key_kind, const long long[:] key_word, long long[::1] current,
    long long[::1] begin, long long[::1] end, unsigned char[::1] outcome, long long[::1] problem
)
