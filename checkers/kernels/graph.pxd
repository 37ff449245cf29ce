cimport cython

@cython.locals(
    nodes=cython.Py_ssize_t, edge=cython.Py_ssize_t, node=cython.Py_ssize_t, total=cython.longlong,
    back=cython.Py_ssize_t, place=cython.longlong
)
cpdef void by_source(
    const int[:] src, const int[:] dst, const signed char[:] cls, long long[:] start, int[:] to,
    signed char[:] of
)

@cython.locals(
    nodes=cython.longlong, timed=cython.longlong, barriers=cython.longlong, limit=cython.longlong,
    number=cython.int, index=cython.int, kept=cython.longlong, origin=cython.longlong, depth=cython.longlong,
    node=cython.longlong, at=cython.longlong, target=cython.longlong, high=cython.longlong, low=cython.int
)
cpdef void components(
    const long long[:] start, const int[:] to, const signed char[:] of, long long mask,
    const unsigned char[:] inside, const int[:] barrier, const int[:] spans, int[:] rindex, int[:] stack,
    int[:] calls, long long[:] nexts, unsigned char[:] roots
)
