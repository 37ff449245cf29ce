cimport cython

@cython.locals(at=cython.longlong, up=cython.longlong)
cdef void push(long long[:] heap, long long low, long long size, long long item) noexcept

@cython.locals(first=cython.longlong, item=cython.longlong, at=cython.longlong, down=cython.longlong)
cdef long long pop(long long[:] heap, long long low, long long size) noexcept

@cython.locals(
    count=cython.Py_ssize_t, key=cython.Py_ssize_t, low=cython.longlong, high=cython.longlong, coming=cython.longlong,
    acquires=cython.longlong, frees=cython.longlong, held=cython.int, place=cython.longlong, number=cython.longlong,
    between=cython.longlong
)
cpdef Py_ssize_t alternate(
    const long long[:] start, const long long[:] begin, const long long[:] end, const signed char[:] releases,
    const long long[:] by_end, signed char[:] done, long long[:] acquire_heap, long long[:] release_heap,
    long long[:] bad, long long late
)

@cython.locals(
    count=cython.Py_ssize_t, key=cython.Py_ssize_t, low=cython.longlong, high=cython.longlong, coming=cython.longlong,
    waiting=cython.longlong, place=cython.longlong, soonest=cython.longlong
)
cpdef Py_ssize_t numbered(
    const long long[:] start, const long long[:] begin, const long long[:] end, const long long[:] least,
    const long long[:] most, const long long[:] late, long long[:] heap, long long[:] bad
)
