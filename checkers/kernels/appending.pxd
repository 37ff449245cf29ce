cimport cython
from checkers.kernels.dependencies cimport Dependencies
from checkers.kernels.slots cimport number_t

cdef number_t NONE
cdef int FAILED, SEEN

cdef class Log:
    cdef dict appends
    cdef number_t latest, fan, stamp, base
    cdef list elements, writers, waiting, unread, own
    cdef set updaters

cdef class Appending(Dependencies):
    cdef dict logs
    cdef list target

    cdef Log log(self, key)

    @cython.locals(log=Log, number=number_t, other=object)
    cdef register(self, number_t node, key, element)

    @cython.locals(reads=list, append=number_t, log=Log, span=number_t)
    cdef end(self, number_t node, micros, number_t first, number_t last)

    @cython.locals(append=number_t, log=Log, node=number_t)
    cdef happened(self, number_t first, number_t last)

    @cython.locals(own=number_t, size=number_t, base=number_t, first=bint, odd=bint, append=number_t, owner=number_t)
    cdef number_t read(self, Log log, number_t node, value, number_t coming, number_t last) except -2

    @cython.locals(i=number_t)
    cdef bint agrees(self, value, number_t start, list elements, number_t count) except -1

    @cython.locals(known=number_t, before=number_t, i=number_t, append=number_t, owner=number_t, first=number_t, last=number_t)
    cdef extend(self, Log log, value)

    @cython.locals(waiting=number_t)
    cdef comes(self, Log log, number_t node)

    @cython.locals(append=number_t, source=number_t)
    cdef follow(self, Log log, number_t span, number_t node)
