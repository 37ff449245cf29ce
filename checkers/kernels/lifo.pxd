cimport cython

cdef long long FAR

@cython.locals(left=cython.longlong, right=cython.longlong, first=cython.longlong, last=cython.longlong)
cdef void cover(
    long long[:] least, long long[:] more, long long size, long long low, long long high, long long change
) noexcept

@cython.locals(middle=cython.longlong, found=cython.longlong)
cdef long long uncovered(
    const long long[:] least, const long long[:] more, long long node, long long node_low, long long node_high,
    long long low, long long high, long long above
) noexcept

@cython.locals(node=cython.longlong)
cdef void put(long long[:] tree, long long size, long long at, long long value) noexcept

@cython.locals(middle=cython.longlong, found=cython.longlong)
cdef long long below(
    const long long[:] tree, long long node, long long node_low, long long node_high, long long low, long long high,
    long long limit
) noexcept

@cython.locals(
    n=cython.longlong, events=cython.longlong, size=cython.longlong, node=cython.longlong, depth=cython.longlong,
    event=cython.longlong, element=cython.longlong, count=cython.longlong, todo=cython.longlong, low=cython.longlong,
    high=cython.longlong, gap=cython.longlong, found=cython.longlong, at=cython.longlong
)
cpdef long long tangles(
    const long long[:] push_begin, const long long[:] pop_end, const long long[:] position, const long long[:] order,
    const long long[:] rank, long long[:] pushes, long long[:] pops, long long[:] least, long long[:] more,
    signed char[:] state, long long[:] parts, long long[:] ready, long long[:] failed
)
