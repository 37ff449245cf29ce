cimport cython

ctypedef unsigned long long word_t
ctypedef long long number_t

cdef number_t NONE, UNBOUNDED, SLOTS

@cython.locals(i=number_t, size=number_t)
cpdef number_t[::1] longer(number_t[::1] old, number_t count)

@cython.locals(i=number_t)
cpdef word_t[::1] longer_words(word_t[::1] old, number_t count)

cdef class Slots:
    cdef object look
    cdef public number_t fuel, explored, at, current, proved, limit, verdict
    cdef public bint narrowed
    cdef number_t masks, room, slots, pending, allowance
    cdef bint denied, thrift
    cdef number_t[::1] kind, until, free, queue

    @cython.locals(slot=number_t)
    cdef vacate(self)

    @cython.locals(slots=number_t, i=number_t)
    cdef more_slots(self, number_t masks)

    @cython.locals(slot=number_t, at=number_t)
    cdef number_t take_slot(self, number_t end) noexcept

    @cython.locals(at=number_t, i=number_t)
    cdef void leave_slot(self, number_t slot) noexcept

    cdef resume(self, Slots other)

    cdef int spend(self) except -1

    cpdef number_t held(self) noexcept
