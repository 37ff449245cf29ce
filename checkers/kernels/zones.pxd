cimport cython

cdef long long CRASHED
cdef int VALID, INVALID, DECLINED, SEVERAL

@cython.locals(
    keys=cython.Py_ssize_t, m=cython.Py_ssize_t, invalid=cython.Py_ssize_t, key=cython.Py_ssize_t,
    first=cython.Py_ssize_t, last=cython.Py_ssize_t, what=cython.int, i=cython.Py_ssize_t, value=cython.longlong
)
cpdef Py_ssize_t decide(
    const long long[::1] start, long long[::1] owner, const long long[::1] begin, const long long[::1] end,
    const long long[::1] need, const long long[::1] put, long long initial,
    long long[::1] late, long long[::1] head, long long[::1] source, long long[::1] following,
    long long[::1] low, long long[::1] high, long long[::1] child, long long[::1] block,
    long long[::1] mark, long long[::1] now, unsigned char[::1] status, long long[::1] witness
)

@cython.locals(
    i=cython.Py_ssize_t, value=cython.longlong, at=cython.longlong, writer=cython.longlong, found=cython.longlong,
    what=cython.int, climbs=cython.bint, doubtful=cython.bint
)
cdef int gather(
    Py_ssize_t first, Py_ssize_t last, long long beginning, const long long[::1] begin, const long long[::1] end,
    const long long[::1] need, const long long[::1] put, long long initial,
    long long[::1] late, long long[::1] head, long long[::1] source, long long[::1] following,
    long long[::1] witness, Py_ssize_t key
)

@cython.locals(i=cython.Py_ssize_t, value=cython.longlong, at=cython.longlong)
cdef int cluster(
    Py_ssize_t first, Py_ssize_t last, long long beginning, const long long[::1] begin, const long long[::1] end,
    const long long[::1] need, const long long[::1] put, const long long[::1] late, const long long[::1] source,
    long long[::1] member, long long[::1] low, long long[::1] high, long long[::1] child, long long[::1] block,
    long long[::1] witness, Py_ssize_t key
)

@cython.locals(i=cython.Py_ssize_t, at=cython.longlong, link=cython.longlong, waiting=cython.Py_ssize_t)
cdef int chain(
    Py_ssize_t first, Py_ssize_t last, long long beginning, const long long[::1] need,
    long long[::1] low, long long[::1] high, const long long[::1] child, long long[::1] block,
    long long[::1] witness, Py_ssize_t key
)

@cython.locals(i=cython.Py_ssize_t)
cdef void draw(
    Py_ssize_t first, Py_ssize_t last, long long beginning, Py_ssize_t key,
    const long long[::1] low, const long long[::1] high, const long long[::1] block,
    long long[::1] mark, long long[::1] now
)

@cython.locals(
    found=cython.Py_ssize_t, at=cython.Py_ssize_t, what=cython.longlong, zone=cython.longlong, key=cython.longlong,
    held=cython.longlong, several=cython.bint
)
cdef Py_ssize_t scan(
    const long long[::1] owner, const long long[::1] low, const long long[::1] high, const long long[::1] mark,
    long long[::1] now, unsigned char[::1] status, long long[::1] witness
)

@cython.locals(
    keys=cython.Py_ssize_t, m=cython.Py_ssize_t, key=cython.Py_ssize_t, first=cython.Py_ssize_t,
    last=cython.Py_ssize_t, i=cython.Py_ssize_t, beginning=cython.longlong, one=cython.longlong,
    killer=cython.longlong, two=cython.longlong, at=cython.longlong, root=cython.longlong
)
cpdef retain(
    const long long[::1] start, const long long[::1] end, const long long[::1] put,
    const long long[::1] begin, const long long[::1] limit, const long long[::1] member,
    const long long[::1] low, const long long[::1] high, const long long[::1] block,
    const unsigned char[::1] status, long long[::1] soonest, long long[::1] latest, unsigned char[::1] keep
)
