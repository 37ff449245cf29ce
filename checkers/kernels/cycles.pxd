cimport cython

cdef int FAN, PROCESS, RT, SECOND, LEVEL, LAST, FLAGS
cdef long long NEVER

@cython.locals(
    txns=cython.longlong, timed=cython.bint, sequential=cython.bint, timed_level=cython.int,
    sequential_level=cython.int, stamp=cython.int, total=cython.longlong, component=cython.longlong,
    low=cython.longlong, high=cython.longlong, own=cython.longlong, best=cython.longlong,
    steps=cython.longlong, allowed=cython.longlong, number=cython.longlong, source=cython.longlong,
    edge=cython.longlong, flags=cython.longlong, state=cython.longlong, head=cython.longlong,
    tail=cython.longlong, held=cython.longlong, depth=cython.longlong, ends=cython.longlong,
    goal=cython.longlong, node=cython.longlong, at=cython.longlong, reached=cython.longlong,
    target=cython.longlong, floor=cython.longlong, ceiling=cython.longlong, middle=cython.longlong,
    length=cython.longlong, simple=cython.bint, kind=cython.int
)
cpdef void search(
    const long long[:] start, const int[:] to, const signed char[:] of, const long long[:] begin,
    const long long[:] end, const int[:] label, const int[:] within, const int[:] members,
    const long long[:] spans, const unsigned char[:] skip, const int[:] after,
    long long first, long long rest, long long level, long long rws, bint second, bint apart,
    long long steps_max, long long steps_all,
    int[:] visited, int[:] parent, signed char[:] via, int[:] expanded, int[:] queue, int[:] fans,
    int[:] walked, long long[:] path, long long[:] passed, int[:] lengths, unsigned char[:] states,
    int[:] nodes, signed char[:] classes
)
