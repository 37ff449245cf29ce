cimport cython

@cython.locals(gap=cython.longlong)
cdef long long free_after(long long[:] parent, long long gap)

@cython.locals(count=cython.Py_ssize_t, take=cython.Py_ssize_t, gap=cython.longlong)
cpdef Py_ssize_t blocked(
    const long long[:] start, const long long[:] stop, const long long[:] cover_from, const long long[:] cover_to,
    long long[:] parent, signed char[:] bad
)
