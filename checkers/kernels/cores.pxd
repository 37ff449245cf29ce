cimport cython
from checkers.kernels.search cimport Search
from checkers.kernels.slots cimport number_t, word_t

cdef number_t NONE, CRASHED, UNBOUNDED, FEW, LAST
cdef word_t ONE

cdef class Cores(Search):
    cdef public number_t state_count
    cdef number_t failures, size, work, all_values
    cdef bint dissecting
    cdef number_t[::1] failed_at, states_then
    cdef number_t[::1] which, wants, makes, since, until_then, trial_which, trial_begin, trial_end, gone, order, todo

    cpdef number_t dissect(self, number_t count, number_t values, number_t effort, number_t[::1] positions,
        number_t[::1] states) except -1

    @cython.locals(word=number_t, bit=word_t, i=number_t, at=number_t)
    cdef bint failed(self, number_t slot) except -1

    @cython.locals(room=number_t[::1], kept=number_t, i=number_t, need=number_t, put=number_t, end=number_t)
    cpdef number_t take(self, number_t count, number_t position) except -1

    cpdef number_t shrink(self, number_t values, number_t work) except -1

    @cython.locals(i=number_t)
    cpdef number_t left(self, number_t[::1] which, number_t[::1] wants, number_t[::1] makes, number_t[::1] since,
        number_t[::1] until) noexcept

    @cython.locals(i=number_t)
    cdef bint tried(self, number_t count, bint different) except -1

    @cython.locals(end=number_t)
    cdef number_t put_on_trial(self, number_t count, number_t i, number_t need, number_t put) noexcept

    @cython.locals(kept=number_t)
    cdef int by_time(self) except -1

    @cython.locals(value=number_t, count=number_t, i=number_t, need=number_t, put=number_t, chunk=number_t,
        start=number_t, stop=number_t)
    cdef int by_values(self) except -1

    @cython.locals(i=number_t, count=number_t, different=bint, need=number_t, put=number_t)
    cdef bint without_values(self, number_t start, number_t stop) except -1

    @cython.locals(chunk=number_t, start=number_t, before=number_t)
    cdef int by_parts(self) except -1

    @cython.locals(i=number_t, count=number_t, different=bint, need=number_t)
    cdef bint without_needs(self, number_t start, number_t stop) except -1

    @cython.locals(todo=number_t, k=number_t, place=number_t)
    cdef int by_operations(self) except -1

    @cython.locals(place=number_t, before=number_t)
    cdef int by_freed(self) except -1

    @cython.locals(free=bint, i=number_t)
    cdef bint free_of(self, number_t value) noexcept

    @cython.locals(i=number_t, count=number_t)
    cdef bint weakened(self, number_t place, number_t need, number_t put) except -1
