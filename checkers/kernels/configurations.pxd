cimport cython
from checkers.kernels.slots cimport longer, longer_words, number_t, word_t

cdef word_t MASK, MIX
cdef number_t EMPTY

cdef class Configurations:
    cdef number_t stride, keyed, count, alive
    cdef word_t mask
    cdef word_t[::1] rows
    cdef number_t[::1] gone, place, table

    cpdef shape(self, number_t stride, number_t keyed)

    @cython.locals(row=number_t)
    cpdef clear(self)

    @cython.locals(stride=number_t, keyed=number_t, place=word_t, other=number_t, same=bint, worse=bint, better=bint,
        k=number_t, number=number_t)
    cdef number_t add(self, word_t[::1] row, number_t at) except -2

    @cython.locals(state=word_t, k=number_t)
    cdef word_t hashed(self, word_t[::1] row, number_t at) noexcept

    @cython.locals(size=number_t, at=number_t, number=number_t, place=word_t)
    cdef grow(self)

    cpdef number_t held(self) noexcept
