cimport cython
from checkers.kernels.configurations cimport Configurations
from checkers.kernels.memo cimport Memo
from checkers.kernels.slots cimport Slots, longer, number_t, word_t

cdef number_t NONE, CRASHED, UNBOUNDED, ALLOWANCE, WIDTH
cdef int VALID, INVALID
cdef word_t ONE

cdef class Table(Slots):
    cdef object step, sweep
    cdef number_t steps_max, stride, crashed
    cdef public const unsigned char[::1] reads
    cdef number_t[::1] pure, crashed_kind, spent
    cdef word_t[::1] tmp
    cdef Memo memo
    cdef Configurations now, seen, out

    @cython.locals(kinds=list, i=number_t, k=number_t)
    cdef tidy(self)

    cpdef reset(self, number_t initial)

    @cython.locals(stride=number_t, old=number_t, i=number_t, at=number_t, k=number_t)
    cdef reshape(self, number_t masks, number_t room)

    @cython.locals(slot=number_t)
    cpdef number_t begins(self, number_t kind, bint pure, number_t end) except -1

    @cython.locals(which=number_t, i=number_t)
    cpdef crashes(self, number_t kind)

    @cython.locals(word=number_t, bit=word_t, stride=number_t, i=number_t)
    cpdef bint completes(self, number_t slot) except -1

    @cython.locals(stride=number_t, i=number_t, k=number_t, at=number_t)
    cdef int linearize(self, number_t word, word_t bit) except -1

    @cython.locals(number=number_t)
    cdef int arrive(self, number_t word, word_t bit, number_t spent) except -1

    @cython.locals(stride=number_t, spent=number_t, i=number_t, slot=number_t, kind=number_t, state=number_t, k=number_t)
    cdef int expand(self, number_t row, number_t word, word_t bit) except -1

    @cython.locals(stride=number_t, k=number_t)
    cdef int follow(self, number_t row, number_t state, number_t place, word_t done, number_t crashed, number_t word,
        word_t bit, number_t spent) except -1

    @cython.locals(slot=number_t, first=bint, i=number_t, other=number_t)
    cdef bint first_of_class(self, number_t row, number_t place) noexcept

    @cython.locals(i=number_t, slot=number_t, word=number_t, bit=word_t)
    cdef int allow_reads(self) except -1

    cpdef number_t held(self) noexcept

    @cython.locals(keys=number_t, first=number_t, last=number_t, some=number_t, found=number_t)
    cpdef decide(self, number_t key, const number_t[::1] start, const number_t[::1] begin, const number_t[::1] end,
        const number_t[::1] kinds, const unsigned char[::1] reads, unsigned char[::1] status, number_t[::1] position)

    cdef bint attempt(self, const number_t[::1] begin, const number_t[::1] end, const number_t[::1] kinds,
        number_t first, number_t last, bint thrift, number_t effort) except -1

    @cython.locals(i=number_t, slot=number_t)
    cpdef number_t key(self, const number_t[::1] begin, const number_t[::1] end, const number_t[::1] kinds,
        number_t first, number_t last) except -2

    cpdef bint advance(self, number_t slot, number_t effort) except -1

    @cython.locals(other=Table, i=number_t)
    cpdef Table twin(self)

    cpdef list states(self)
