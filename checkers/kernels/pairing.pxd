cimport cython

cdef int INVOKE, INFO

@cython.locals(
    count=cython.Py_ssize_t, at=cython.Py_ssize_t, who=cython.longlong, what=cython.int, number=cython.longlong
)
cpdef Py_ssize_t pair(
    const long long[:] slot, const unsigned char[:] kind, const int[:] f, long long[:] current,
    long long[:] begin, long long[:] end, unsigned char[:] outcome, long long[:] problem
)
