cimport cython
from checkers.kernels.acyclic cimport Acyclic
from checkers.kernels.slots cimport longer, number_t

cdef number_t NONE, ROOM
cdef int UNKNOWN, FAILED, SEEN

cdef class Dependencies(Acyclic):
    cdef bint wr, rw, in_process, realtime, lost, internal
    cdef number_t second, barrier
    cdef object verb, name, misfit
    cdef public bint suspect
    cdef dict open, previous
    cdef list done
    cdef public number_t writes
    cdef number_t[::1] owner, place, later, fate

    @cython.locals(node=number_t)
    cdef number_t transaction(self) except -1

    cdef precedes(self, number_t one, number_t other)

    cdef overwritten(self, number_t one, number_t other)

    @cython.locals(node=number_t, first=number_t, last=number_t, write=number_t)
    cpdef bint observe(self, op) except -1

    @cython.locals(barrier=number_t, node=number_t, first=number_t)
    cdef begin(self, process, op)

    cdef bint fits(self, micro) except -1

    @cython.locals(number=number_t)
    cdef number_t write(self, number_t node) except -1

    cdef begins(self, number_t node, process, micros)

    cdef gone(self, number_t node)

    cdef register(self, number_t node, key, value)

    cdef end(self, number_t node, micros, number_t first, number_t last)
