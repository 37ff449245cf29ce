cimport cython
from checkers.kernels.slots cimport number_t, word_t

cdef number_t UNASKED
cdef word_t MASK, MIX

cdef class Memo:
    cdef object step
    cdef number_t known
    cdef number_t[::1] keys, states
    cdef word_t mask

    @cython.locals(at=number_t)
    cdef forget(self)

    @cython.locals(name=word_t, place=number_t, found=number_t)
    cdef number_t after(self, number_t state, number_t kind) except -3

    @cython.locals(word=word_t, at=number_t)
    cdef number_t place(self, word_t name) noexcept

    @cython.locals(keys=number_t[::1], states=number_t[::1], size=number_t, at=number_t, to=number_t)
    cdef widen(self)

    cdef number_t held(self) noexcept
