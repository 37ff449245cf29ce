cimport cython

from checkers.kernels.slots cimport Slots, longer, longer_words, number_t, word_t

cdef number_t NONE, UNBOUNDED, SLOTS, CLASSES, VALUES
cdef int READ, WRITE, CAS
cdef word_t ONE, HALF

cdef class Pending(Slots):
    cdef public number_t count
    cdef number_t earlier, classes, values, mark, marks, reached, stride, found, target, width, usable, useful_until
    cdef bint exact, endless
    cdef number_t[::1] need, put, class_need, class_put, class_left
    cdef number_t[::1] coming, duties, sources, next_need, head, reach, marked, visited, links, path, path_mark, keep
    cdef number_t[::1] local, codes, stamp, needs, puts, next_alike, first_end
    cdef const number_t[::1] begin, end
    cdef word_t[::1] open, readers, writers, reads, changes, now, out, tmp

    @cython.locals(size=number_t, grown=number_t, value=number_t)
    cpdef reset(self, number_t values, bint exact)

    cpdef again(self, look)

    @cython.locals(before=number_t, size=number_t, value=number_t)
    cpdef more_values(self, number_t values)

    @cython.locals(stride=number_t, wider=word_t[::1], i=number_t, k=number_t, a=number_t, b=number_t)
    cdef reshape(self, number_t masks, number_t room)

    @cython.locals(old=number_t, size=number_t, value=number_t, k=number_t, reads=word_t[::1],
        changes=word_t[::1])
    cdef widen(self, number_t masks)

    @cython.locals(slot=number_t, word=number_t, bit=word_t, masks=number_t, stride=number_t, i=number_t)
    cpdef number_t begins(self, number_t need, number_t put, number_t end) except -1

    @cython.locals(which=number_t, k=number_t, stride=number_t, place=number_t, i=number_t)
    cpdef crashes(self, number_t need, number_t put)

    @cython.locals(at=number_t, k=number_t)
    cpdef bint observed(self, number_t value) noexcept

    @cython.locals(found=bint, k=number_t)
    cdef bint crashed_need(self, number_t value) noexcept

    @cython.locals(k=number_t, place=number_t, i=number_t)
    cpdef retire(self, number_t value)

    cpdef number_t held(self) noexcept
