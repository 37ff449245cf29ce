cimport cython
from checkers.kernels.dependencies cimport Dependencies
from checkers.kernels.slots cimport number_t

cdef number_t NONE
cdef int FAILED, SEEN

cdef class Version:
    cdef number_t write, node, fan
    cdef dict after
    cdef list waiting
    cdef bint updated

cdef class Key:
    cdef dict versions, met
    cdef Version initial, read, wrote, last
    cdef number_t latest, stamp
    cdef list frontier

cdef class Writing(Dependencies):
    cdef frozenset initial
    cdef bint in_time, in_sessions
    cdef dict keys, before, begun
    cdef list target, version
    cdef number_t now

    cdef Key key(self, name)

    @cython.locals(key=Key)
    cdef begins(self, number_t node, process, micros)

    @cython.locals(found=Key, number=number_t, version=Version, other=Version)
    cdef register(self, number_t node, key, value)

    cdef gone(self, number_t node)

    @cython.locals(keys=list, odd=list, number=number_t, key=Key, version=Version, met=list)
    cdef end(self, number_t node, micros, number_t first, number_t last)

    @cython.locals(begun=number_t, key=Key, version=Version)
    cdef meets(self, number_t node, list keys)

    @cython.locals(write=number_t, owner=number_t, low=number_t, high=number_t)
    cdef sees(self, Version version, number_t node, bint early)

    @cython.locals(write=number_t, key=Key, node=number_t, other=Key, met=list)
    cdef happened(self, number_t first, number_t last)

    @cython.locals(other=Version)
    cdef follows(self, list met, Version version)

    cdef pair(self, Version one, Version other)

    @cython.locals(waiting=number_t)
    cdef comes(self, Version version, number_t node)

    @cython.locals(source=number_t, after=number_t)
    cdef follow(self, Version version, number_t node, bint writes)
