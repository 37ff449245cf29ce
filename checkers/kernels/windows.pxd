cimport cython
from checkers.kernels.slots cimport number_t
from checkers.kernels.places cimport Places
from checkers.kernels.zones cimport decide, retain

cdef number_t NONE, CRASHED, OPERATIONS, KEYS
cdef int VALID, READ, WRITE, CAS, DELETE, OTHER, MISMATCH, OPEN, DONE, LOST, GONE, FREE, ASLEEP

cdef class Windows(Places):
    cdef dict roles, open, sleepers
    cdef frozenset pure
    cdef object refused, misfit
    cdef public number_t position, fresh, ok, info, failed, counted
    cdef public bint stopped
    cdef number_t chain, limit_room, key_room
    cdef number_t[::1] begins, ends, needs, puts, places, owner, following, low, high, child, block, soonest, latest
    cdef number_t[::1] mark, start, now, limit, judged, witness
    cdef unsigned char[::1] keep, status

    @cython.locals(m=number_t, k=number_t)
    cdef reserve(self, number_t operations, number_t keys)

    @cython.locals(place=number_t)
    cpdef number_t observe(self, op) except -1

    @cython.locals(place=number_t)
    cdef begin(self, process, op, number_t position)

    @cython.locals(place=number_t, key=number_t, role=number_t, need=number_t, put=number_t)
    cdef number_t prepare(self, op, number_t position) except -1

    cdef end(self, number_t place, op, number_t position)

    cdef settle(self, number_t place, op, number_t position)

    @cython.locals(others=list, count=number_t, operations=number_t, i=number_t, key=number_t, keys=number_t,
        m=number_t, rank=number_t, strange=bint, limit=number_t, link=number_t, place=number_t, state=number_t,
        role=number_t)
    cpdef list judge(self)

    cdef bint is_pure(self, number_t place) except -1

    @cython.locals(i=number_t, role=number_t)
    cdef bint is_strange(self, number_t number) noexcept

    @cython.locals(chained=number_t, i=number_t, place=number_t)
    cdef bint is_long(self, number_t number) noexcept

    @cython.locals(i=number_t, value=number_t)
    cdef void clean(self, number_t m, number_t ranks) noexcept

    @cython.locals(count=number_t, before=number_t, link=number_t, place=number_t, state=number_t, end=bint)
    cdef number_t tidy(self, number_t key) except -1

    @cython.locals(key=number_t, before=number_t, link=number_t, place=number_t, end=bint, at=number_t, leaves=bint,
        sleeps=bint, value=number_t)
    cdef forget(self, number_t number)

    @cython.locals(more=bint, link=number_t, place=number_t, value=number_t)
    cdef wake(self, number_t key)

    @cython.locals(place=number_t)
    cdef bint rouse(self, number_t key, number_t value) except -1

    @cython.locals(place=number_t, opened=number_t)
    cpdef tuple tally(self)

    @cython.locals(link=number_t, what=number_t, place=number_t)
    cpdef list rows(self, number_t key)

    cpdef waken(self, number_t key)

    @cython.locals(link=number_t, place=number_t)
    cpdef take_out(self, number_t key)
