cimport cython
from checkers.kernels.moves cimport Moves
from checkers.kernels.slots cimport longer, longer_words, number_t, word_t

cdef number_t NONE, CRASHED, UNBOUNDED, THRIFTY_WIDTH, THRIFTY, FULL, ENDLESS, WIDE, ATTEMPTS, NARROW
cdef int VALID, INVALID, UNKNOWN
cdef word_t LOW

@cython.locals(count=number_t)
cdef number_t bits(word_t word) noexcept

cdef class Search(Moves):
    cdef number_t met

    @cython.locals(room=number_t[::1], at=number_t)
    cpdef load(self, const number_t[::1] begin, const number_t[::1] end, number_t codes, number_t longest)

    @cython.locals(stamp=number_t, i=number_t)
    cpdef number_t number(self, number_t key, number_t first, number_t last, const number_t[::1] need,
        const number_t[::1] put, number_t initial) except -1

    cdef number_t numbered(self, number_t code, number_t stamp) noexcept

    @cython.locals(soonest=number_t, value=number_t, j=number_t, need=number_t, put=number_t, end=number_t)
    cdef foresee(self, number_t first, number_t last)

    @cython.locals(keys=number_t, first=number_t, last=number_t, values=number_t)
    cpdef decide(self, number_t key, const number_t[::1] start, const number_t[::1] need, const number_t[::1] put,
        number_t initial, unsigned char[::1] status, number_t[::1] position)

    @cython.locals(crashed=bint, i=number_t, some=number_t, attempt=number_t)
    cpdef bint settle(self, number_t first, number_t last, number_t values) except -1

    @cython.locals(width=number_t, thrift=bint, endless=bint)
    cdef bint attempt(self, number_t first, number_t last, number_t values, number_t which, number_t effort) except -1

    @cython.locals(found=number_t, i=number_t)
    cpdef number_t first_impossible(self, number_t first, number_t last, number_t values, number_t effort) except -2

    @cython.locals(i=number_t, slot=number_t, j=number_t, need=number_t, put=number_t)
    cpdef number_t key(self, number_t first, number_t last, number_t values, number_t width, bint exact, bint thrift,
        bint endless) except -2

    cdef bint failed(self, number_t slot) except -1

    @cython.locals(count=number_t, i=number_t, state=number_t)
    cpdef number_t states_before(self, number_t[::1] codes) except -1

    @cython.locals(alive=bint, i=number_t)
    cpdef bint advance(self, number_t slot, number_t effort, number_t width) except -1

    @cython.locals(i=number_t, slot=number_t, k=number_t)
    cpdef live(self, number_t[::1] used)

    @cython.locals(other=Search)
    cpdef Search twin(self)

    @cython.locals(stride=number_t, masks=number_t, worst=number_t, i=number_t, at=number_t, cost=number_t, k=number_t,
        done=word_t, marked=word_t, unused=word_t, histogram=number_t[::1], total=number_t, limit=number_t,
        spare=number_t, kept=number_t)
    cdef thin(self)
