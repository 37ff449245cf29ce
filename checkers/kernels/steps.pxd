cimport cython
from checkers.kernels.pending cimport Pending
from checkers.kernels.slots cimport longer, longer_words, number_t, word_t

cdef number_t NONE, GONE, SCANNED
cdef int WRITE, CAS
cdef word_t ONE, LOW, HALF

cdef class Steps(Pending):
    @cython.locals(wide=number_t, to=number_t, k=number_t)
    cdef number_t deeper(self, number_t at) except -1

    cdef int step_path(self, number_t depth, number_t value) except -1

    @cython.locals(i=number_t)
    cdef bint hop(self, number_t base, number_t depth, number_t value) noexcept

    @cython.locals(masks=number_t, k=number_t, done=word_t, place=number_t, unused=word_t)
    cdef int written(self, number_t at, number_t value) noexcept

    @cython.locals(gained=bint, k=number_t, more=word_t)
    cdef bint glimpse_now(self, number_t at, number_t value) noexcept

    @cython.locals(gained=bint, k=number_t, more=word_t)
    cdef bint glimpse(self, number_t at, number_t value) noexcept

    @cython.locals(i=number_t, slot=number_t, k=number_t)
    cdef bint has_write(self, number_t at, number_t value) noexcept

    @cython.locals(i=number_t, slot=number_t, word=number_t, bit=word_t, k=number_t)
    cdef bint take_write(self, number_t at, number_t value, bint shadow) noexcept

    @cython.locals(unused=word_t, fresh=bint, spent=number_t)
    cdef bint take_crashed(self, number_t at, number_t place, bint shadow) noexcept

    @cython.locals(masks=number_t, put=number_t, place=number_t, until=number_t, fresh=bint, slot=number_t, word=number_t,
        bit=word_t, k=number_t, unused=word_t, i=number_t, other=number_t, marked=word_t)
    cdef number_t change(self, number_t at, number_t which, number_t state, bint shadow) except -2

    @cython.locals(state=number_t, masks=number_t, needed=bint, k=number_t, i=number_t, slot=number_t)
    cdef bint may_leave(self, number_t at) noexcept

    @cython.locals(masks=number_t, k=number_t)
    cdef bint promising(self, number_t at, number_t value) noexcept

    @cython.locals(stride=number_t, masks=number_t, slot=number_t, new=number_t, k=number_t, state=number_t,
        word=number_t, bit=word_t, scanned=number_t, before=number_t, old=number_t, after=number_t)
    cdef int emit(self, number_t at) except -1

    @cython.locals(masks=number_t, k=number_t, done=word_t, other=word_t, marked=word_t, place=number_t, mine=word_t,
        its=word_t)
    cdef bint dominates(self, number_t a, number_t b) noexcept
