cimport cython

ctypedef unsigned long long word_t
ctypedef long long number_t

cdef number_t NONE, CRASHED, GONE, UNBOUNDED, ALLOWANCE, SCANNED
cdef int READ, WRITE, CAS
cdef word_t MASK, LOW, ONE, HALF

@cython.locals(i=number_t, size=number_t)
cdef number_t[::1] longer(number_t[::1] old, number_t count)

@cython.locals(i=number_t)
cdef word_t[::1] longer_words(word_t[::1] old, number_t count)

@cython.locals(count=number_t)
cdef number_t bits(word_t word) noexcept

cdef class Search:
    cdef object look
    cdef public number_t fuel, explored, at, count
    cdef public bint narrowed
    cdef number_t masks, slots, pending, classes, room, values, mark, marks, reached, stride, found, target, width, allowance, useful_until
    cdef bint exact, thrift, endless, denied
    cdef number_t[::1] kind, need, put, until, free, queue, class_need, class_put, class_left
    cdef number_t[::1] coming, duties, sources, next_need, head, reach, marked, visited, links, path, path_mark, keep
    cdef number_t[::1] local, stamp, needs, puts, next_alike, first_end
    cdef const number_t[::1] begin, end
    cdef word_t[::1] open, readers, writers, reads, changes, now, out, tmp

    @cython.locals(size=number_t, grown=number_t, value=number_t, slot=number_t)
    cpdef reset(self, number_t values, bint exact)

    @cython.locals(stride=number_t, wider=word_t[::1], i=number_t, k=number_t, a=number_t, b=number_t)
    cdef reshape(self, number_t masks, number_t room)

    @cython.locals(old=number_t, size=number_t, value=number_t, k=number_t, slots=number_t, i=number_t,
        reads=word_t[::1], changes=word_t[::1])
    cdef widen(self, number_t masks)

    @cython.locals(slot=number_t, at=number_t, word=number_t, bit=word_t, masks=number_t, stride=number_t, i=number_t)
    cpdef number_t begins(self, number_t need, number_t put, number_t end) except -1

    @cython.locals(which=number_t, k=number_t, stride=number_t, place=number_t, i=number_t)
    cpdef crashes(self, number_t need, number_t put)

    @cython.locals(at=number_t, k=number_t)
    cpdef bint observed(self, number_t value) noexcept

    @cython.locals(k=number_t, place=number_t, i=number_t)
    cpdef retire(self, number_t value)

    @cython.locals(word=number_t, bit=word_t, stride=number_t, masks=number_t, undone=bint, i=number_t, at=number_t,
        need=number_t)
    cpdef bint completes(self, number_t slot) except -1

    @cython.locals(need=number_t, word=number_t, bit=word_t, stride=number_t, i=number_t, k=number_t)
    cdef int linearize(self, number_t slot) except -1

    @cython.locals(masks=number_t, value=number_t, word=number_t, bit=word_t, shadowed=word_t, at=number_t)
    cdef int write(self, number_t slot) except -1

    @cython.locals(slot=number_t, state=number_t, i=number_t, value=number_t, at=number_t)
    cdef int demand(self, number_t need) except -1

    @cython.locals(state=number_t, to=number_t, i=number_t, after=number_t)
    cdef int leave(self, number_t at, number_t slot, number_t value, number_t base, number_t depth) except -1

    @cython.locals(state=number_t, slot=number_t, to=number_t, i=number_t, after=number_t)
    cdef int onward(self, number_t at, number_t base, number_t depth) except -1

    @cython.locals(slot=number_t, to=number_t, i=number_t, after=number_t)
    cdef int backward(self, number_t at, number_t value, number_t base, number_t depth) except -1

    @cython.locals(to=number_t, i=number_t, after=number_t)
    cdef int trail(self, number_t at, number_t value, number_t base, number_t depth) except -1

    @cython.locals(wide=number_t, to=number_t, k=number_t)
    cdef number_t deeper(self, number_t at) except -1

    cdef int step_path(self, number_t depth, number_t value) except -1

    @cython.locals(i=number_t)
    cdef bint hop(self, number_t base, number_t depth, number_t value) noexcept

    @cython.locals(at=number_t, value=number_t, i=number_t, slot=number_t, k=number_t)
    cdef int find_reach(self, number_t need) noexcept

    cdef int reach_from(self, number_t value) noexcept

    @cython.locals(masks=number_t, k=number_t, done=word_t, place=number_t, unused=word_t)
    cdef int written(self, number_t at, number_t value) noexcept

    @cython.locals(gained=bint, k=number_t, more=word_t)
    cdef bint glimpse_now(self, number_t at, number_t value) noexcept

    @cython.locals(gained=bint, k=number_t, more=word_t)
    cdef bint glimpse(self, number_t at, number_t value) noexcept

    @cython.locals(i=number_t, slot=number_t, k=number_t)
    cdef bint has_write(self, number_t at, number_t value) noexcept

    @cython.locals(i=number_t, slot=number_t, word=number_t, bit=word_t, k=number_t)
    cdef bint take_write(self, number_t at, number_t value, bint shadow) noexcept

    @cython.locals(unused=word_t, fresh=bint, spent=number_t)
    cdef bint take_crashed(self, number_t at, number_t place, bint shadow) noexcept

    @cython.locals(masks=number_t, put=number_t, place=number_t, until=number_t, fresh=bint, slot=number_t, word=number_t,
        bit=word_t, k=number_t, unused=word_t, i=number_t, other=number_t, marked=word_t)
    cdef number_t change(self, number_t at, number_t which, number_t state, bint shadow) noexcept

    @cython.locals(state=number_t, masks=number_t, needed=bint, k=number_t, i=number_t, slot=number_t)
    cdef bint may_leave(self, number_t at) noexcept

    @cython.locals(masks=number_t, k=number_t)
    cdef bint promising(self, number_t at, number_t value) noexcept

    @cython.locals(stride=number_t, masks=number_t, slot=number_t, new=number_t, k=number_t, state=number_t,
        word=number_t, bit=word_t, scanned=number_t, before=number_t, old=number_t, after=number_t)
    cdef int emit(self, number_t at) except -1

    @cython.locals(masks=number_t, k=number_t, done=word_t, other=word_t, marked=word_t, place=number_t, mine=word_t,
        its=word_t)
    cdef bint dominates(self, number_t a, number_t b) noexcept

    cpdef number_t held(self) noexcept

    cpdef load(self, const number_t[::1] begin, const number_t[::1] end, number_t codes, number_t longest)

    @cython.locals(stamp=number_t, count=number_t, i=number_t, code=number_t)
    cpdef number_t number(self, number_t key, number_t first, number_t last, const number_t[::1] need,
        const number_t[::1] put, number_t initial) except -1

    @cython.locals(soonest=number_t, value=number_t, j=number_t, need=number_t, put=number_t, end=number_t)
    cdef foresee(self, number_t first, number_t last)

    @cython.locals(i=number_t, slot=number_t, j=number_t, need=number_t, put=number_t)
    cpdef number_t key(self, number_t first, number_t last, number_t values, number_t width, bint exact, bint thrift,
        bint endless) except -2

    @cython.locals(stride=number_t, masks=number_t, worst=number_t, i=number_t, at=number_t, cost=number_t, k=number_t,
        done=word_t, marked=word_t, unused=word_t, histogram=number_t[::1], total=number_t, limit=number_t,
        spare=number_t, kept=number_t)
    cdef thin(self)
