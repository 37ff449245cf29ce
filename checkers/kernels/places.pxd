cimport cython
from checkers.kernels.slots cimport longer, number_t

cdef number_t NONE, ROOM
cdef int FREE

cdef class Places:
    cdef object name, initial_name
    cdef dict keys, values
    cdef list key_names, invoked, completed
    cdef bint judging
    cdef number_t spares, spare_links, touching, spare_values
    cdef number_t[::1] at, until, key, need, put, role, state, local, spare, next, what, links
    cdef number_t[::1] first, last, touched, known, apart, touches, free_values, asleep, late, head, source

    @cython.locals(number=number_t, more=number_t)
    cdef number_t key_number(self, key) except -1

    @cython.locals(number=number_t)
    cdef number_t value_number(self, value) except -1

    @cython.locals(size=number_t, used=number_t[::1], place=number_t, i=number_t, number=number_t, more=number_t)
    cdef sweep(self)

    @cython.locals(size=number_t, more=number_t, i=number_t)
    cdef number_t place(self) except -1

    cdef void release(self, number_t place)

    @cython.locals(size=number_t, i=number_t, link=number_t)
    cdef append(self, number_t key, number_t what)

    @cython.locals(after=number_t)
    cdef number_t unlink(self, number_t key, number_t before, number_t link) noexcept

    cdef number_t position_of(self, number_t what) noexcept

    @cython.locals(link=number_t, at=number_t, before=number_t, position=number_t, last=number_t)
    cdef insert(self, number_t key, number_t what)

    cpdef number_t size(self) noexcept
