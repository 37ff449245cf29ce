cimport cython
from checkers.kernels.slots cimport number_t, word_t
from checkers.kernels.steps cimport Steps

cdef number_t NONE, GONE, UNBOUNDED, ALLOWANCE
cdef int CAS
cdef word_t ONE

cdef class Moves(Steps):
    @cython.locals(word=number_t, bit=word_t, stride=number_t, masks=number_t, undone=bint, i=number_t, need=number_t)
    cpdef bint completes(self, number_t slot) except -1

    @cython.locals(need=number_t, word=number_t, bit=word_t, stride=number_t, i=number_t, k=number_t)
    cdef int linearize(self, number_t slot) except -1

    @cython.locals(masks=number_t, value=number_t, word=number_t, bit=word_t, shadowed=word_t, at=number_t)
    cdef int write(self, number_t slot) except -1

    @cython.locals(slot=number_t, state=number_t, i=number_t, value=number_t, at=number_t)
    cdef int demand(self) except -1

    @cython.locals(state=number_t, to=number_t, i=number_t, after=number_t)
    cdef int leave(self, number_t at, number_t slot, number_t value, number_t base, number_t depth) except -1

    @cython.locals(state=number_t, slot=number_t, to=number_t, i=number_t, after=number_t)
    cdef int onward(self, number_t at, number_t base, number_t depth) except -1

    @cython.locals(slot=number_t, to=number_t, i=number_t, after=number_t)
    cdef int backward(self, number_t at, number_t value, number_t base, number_t depth) except -1

    @cython.locals(to=number_t, i=number_t, after=number_t)
    cdef int trail(self, number_t at, number_t value, number_t base, number_t depth) except -1

    @cython.locals(at=number_t, value=number_t, i=number_t, slot=number_t, k=number_t)
    cdef int find_reach(self, number_t need) noexcept

    cdef int reach_from(self, number_t value) noexcept
