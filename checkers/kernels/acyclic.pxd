cimport cython
from checkers.kernels.slots cimport longer, number_t

cdef number_t NONE, ROOM

cdef class Acyclic:
    cdef public bint cyclic
    cdef public number_t nodes, edges
    cdef number_t[::1] rank, ranked, first, mark, stack, next, to

    @cython.locals(number=number_t)
    cpdef number_t node(self) except -1

    @cython.locals(at=number_t)
    cpdef edge(self, number_t source, number_t target)

    @cython.locals(limit=number_t, low=number_t, size=number_t, at=number_t, node=number_t, moved=number_t,
        rank=number_t, i=number_t)
    cdef void mend(self, number_t source, number_t target) noexcept
